/** The dead letters: which there are, and sending one again or discarding it. */
import { byId } from "../../common/dom.ts";
import type { Letter } from "../answers.ts";
import type { Api } from "../api.ts";
import { confirmed } from "./confirm.ts";
import { letterRow, nameOf } from "./letter-row.ts";
import { freshness, lookWhileVisible } from "./look.ts";
import { told } from "./outcome.ts";
import { pager } from "./parts.ts";
import { keyedRows, withFocusKept } from "./rows.ts";

const everyMs = 5_000;
/** While one of them is on its way again: it arrives, or is dead again, within a moment. */
const everyMsWhileMoving = 1_500;

/** @param watch how to watch a user, where the key may */
export function deadLettersPanel(api: Api, watch: ((user: string) => void) | undefined): void {
  const user = byId("letters-user", HTMLInputElement);
  const reason = byId("letters-reason", HTMLSelectElement);
  const outcome = byId("letters-outcome", HTMLElement);
  const title = byId("letters-title", HTMLElement);
  const rows = byId("letters-rows", HTMLElement);
  const none = byId("letters-none", HTMLElement);
  // As it was asked for, not as it is being typed.
  let filter = { user: "", reason: "" };
  let moving = false;

  const redrive = async (letter: Letter): Promise<void> => {
    await told(
      outcome,
      () => api.redrive(letter.key),
      () => `On its way again: ${nameOf(letter)}.`,
    );
    look.again();
  };

  const discard = async (letter: Letter): Promise<void> => {
    const agreed = await confirmed({
      title: "Discard this dead letter?",
      text: `${nameOf(letter)} is removed for good. It can't be sent again.`,
      action: "Discard",
    });
    if (!agreed) return;
    await told(
      outcome,
      () => api.discard(letter.key),
      () => `Discarded: ${nameOf(letter)}.`,
    );
    look.again();
  };

  const showRows = keyedRows(
    rows,
    ({ key }: Letter) => key,
    (letter) =>
      letterRow(letter, {
        redrive: (chosen) => void redrive(chosen),
        discard: (chosen) => void discard(chosen),
        watch,
      }),
  );
  const pages = pager<number>(byId("letters-pages", HTMLElement), () => look.again());
  const look = lookWhileVisible({
    ask: () => api.letters({ ...filter, cursor: pages.cursor() }),
    show: ({ letters, next }) => {
      moving = letters.some(({ state }) => state === "redriven");
      withFocusKept(rows, title, () => showRows(letters));
      none.hidden = letters.length > 0;
      pages.came(next);
    },
    waitMs: () => (moving ? everyMsWhileMoving : everyMs),
    failed: freshness("letters"),
  });

  byId("letters-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    filter = { user: user.value.trim(), reason: reason.value };
    pages.reset();
    look.again();
  });
}
