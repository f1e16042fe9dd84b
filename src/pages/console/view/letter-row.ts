/** A dead letter as a line: whose, of what kind, why it is dead, and what can be done about it. */
import { element, say } from "../../common/dom.ts";
import type { Letter } from "../answers.ts";
import { fact, jsonBlock, priorityMark, rowButton, timeText } from "./parts.ts";
import type { Row } from "./rows.ts";

export interface LetterActions {
  readonly redrive: (letter: Letter) => void;
  readonly discard: (letter: Letter) => void;
  /** `undefined` where the key may not. */
  readonly watch: ((user: string) => void) | undefined;
}

/** How a letter is named in a sentence. */
export function nameOf({ user, message, lane }: Letter): string {
  return message === undefined ? `the text from the lane ${lane}` : `${message.id} of ${user ?? "nobody"}`;
}

export function letterRow(letter: Letter, { redrive, discard, watch }: LetterActions): Row<Letter> {
  const { user, message, lane } = letter;
  const state = element("span", { class: "state" });
  const age = element("span", { class: "age" });
  const facts = element("dl", { class: "facts" });
  const summary = element(
    "summary",
    {},
    element("span", { class: "reason" }, letter.reason),
    priorityMark(lane),
    element("b", {}, message?.type ?? "no message"),
    element("span", { class: "preview" }, user === undefined ? "" : `to ${user}, ${message?.id ?? ""}`),
    state,
    age,
  );
  const name = nameOf(letter);
  const actions = element(
    "div",
    { class: "actions" },
    ...(user === undefined || watch === undefined ? [] : [rowButton("Watch user", name, () => watch(user))]),
    rowButton("Redrive", name, () => redrive(letter)),
    rowButton("Discard…", name, () => discard(letter), " danger"),
  );
  const content = message === undefined ? jsonBlock("text", letter.raw) : jsonBlock("data", message.data);
  return {
    element: element("li", {}, element("details", {}, summary, facts, content), actions),
    update: (now) => {
      say(
        state,
        now.state === "redriven"
          ? "on its way again"
          : now.redrives > 0
            ? `dead again, ${now.redrives}×`
            : "",
      );
      age.replaceChildren(timeText(now.at));
      facts.replaceChildren(
        ...(message === undefined ? [] : [fact("id", element("code", {}, message.id))]),
        ...(message === undefined
          ? []
          : [fact("accepted", timeText(message.at)), fact("expires", timeText(message.expires))]),
        fact("died", timeText(now.at)),
        fact("attempts", `${now.attempts}`),
        fact("redrives", `${now.redrives}`),
        ...(now.redrivenAt === undefined ? [] : [fact("last redrive", timeText(now.redrivenAt))]),
        ...(now.error === "" ? [] : [fact("error", now.error)]),
      );
    },
  };
}
