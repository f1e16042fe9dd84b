/** The receipt of a push, and below it what becomes of the message for each user, until that is settled. */
import { byId, element, say } from "../../common/dom.ts";
import type { Receipt } from "../answers.ts";
import type { Api } from "../api.ts";
import { type Followed, followed, inWords, isSettled, nextAskMs, type Piece } from "../follow.ts";
import { count, duration } from "../format.ts";
import { saidOf } from "../said.ts";
import { type Look, lookWhileVisible } from "./look.ts";
import { deviceName, fact, timeText } from "./parts.ts";

/** Users of one message that are asked for: each costs a request a look. */
const maxFollowed = 10;

export function receiptView(
  api: Api,
  follows: boolean,
): (receipt: Receipt, users: readonly string[]) => void {
  let following: Look | undefined;
  return (receipt, users) => {
    following?.stop();
    byId("receipt-facts", HTMLElement).replaceChildren(...factsOf(receipt));
    const shown = followed(users.slice(0, maxFollowed), receipt);
    const show = lines(users.length - shown.length);
    show(shown);
    byId("receipt", HTMLElement).hidden = false;
    if (follows && receipt.expires !== undefined) following = follow(api, receipt.id, shown, show);
  };
}

function factsOf({ id, recipients, state, expires, ttl }: Receipt): HTMLElement[] {
  return [
    fact("id", element("code", {}, id)),
    fact("state", state),
    fact("recipients", count(recipients)),
    ...(ttl === undefined ? [] : [fact("ttl", duration(ttl * 1_000))]),
    fact("expires", expires === undefined ? "never stored" : timeText(expires)),
  ];
}

function follow(
  api: Api,
  id: string,
  users: readonly Followed[],
  show: (users: readonly Followed[]) => void,
): Look {
  const fault = byId("receipt-fault", HTMLElement);
  let now = users;
  const ask = (one: Followed): Promise<Followed> | Followed =>
    isSettled(one)
      ? one
      : api.messageState(one.user, id).then((state) => (state === undefined ? one : { ...one, state }));
  return lookWhileVisible({
    ask: () => Promise.all(now.map(ask)),
    show: (answers) => {
      now = answers;
      show(answers);
    },
    waitMs: (looks) => (now.every(isSettled) ? undefined : nextAskMs(looks)),
    failed: (error) => say(fault, error === undefined ? "" : saidOf(error)),
  });
}

/** A line for each user, of which only what changes is written, so that it alone is read out. */
function lines(others: number): (users: readonly Followed[]) => void {
  const list = byId("receipt-users", HTMLElement);
  const words = new Map<string, HTMLElement>();
  list.replaceChildren();
  return (users) => {
    for (const one of users) {
      const line = words.get(one.user) ?? element("span");
      if (!words.has(one.user)) list.append(element("li", {}, element("b", {}, one.user), " ", line));
      words.set(one.user, line);
      line.classList.toggle("settled", isSettled(one));
      sayPieces(line, inWords(one));
    }
    if (others > 0 && list.lastElementChild?.className !== "muted") {
      list.append(element("li", { class: "muted" }, `and ${count(others)} more, not followed`));
    }
  };
}

/** As `say`: nothing is written that stands there already. */
function sayPieces(line: HTMLElement, pieces: readonly Piece[]): void {
  const said = element("span");
  said.append(...pieces.map((piece) => (typeof piece === "string" ? piece : deviceName(piece.device))));
  if (line.textContent !== said.textContent) line.replaceChildren(...said.childNodes);
}
