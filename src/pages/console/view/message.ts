/** One message of the watched user: its timeline, again and again, and taking it back. */
import { byId, element, say } from "../../common/dom.ts";
import type { MessageState } from "../answers.ts";
import type { Api } from "../api.ts";
import { saidOf } from "../said.ts";
import { isHeld, type Step, timelineOf } from "../timeline.ts";
import { type Look, lookWhileVisible } from "./look.ts";
import { deviceName, timeText } from "./parts.ts";
import { retracted } from "./retract.ts";

const everyMs = 3_000;

export interface MessageView {
  /** Of another user: nothing is shown until it is asked for. */
  readonly reset: (user: string) => void;
  readonly open: (id: string) => void;
}

export function messageView(api: Api): MessageView {
  const title = byId("message-title", HTMLElement);
  const field = byId("message-id", HTMLInputElement);
  const fault = byId("message-fault", HTMLElement);
  const outcome = byId("message-outcome", HTMLElement);
  const steps = byId("message-steps", HTMLElement);
  const retract = byId("message-retract", HTMLButtonElement);
  let user = "";
  let shown = "";
  let look: Look | undefined;

  const show = (state: MessageState | undefined): void => {
    say(fault, state === undefined ? "It is on its way, was forgotten, or never was." : "");
    steps.replaceChildren(...(state === undefined ? [] : timelineOf(state).map(stepLine)));
    steps.hidden = state === undefined;
    // What is on its way still can be taken back.
    retract.hidden = state !== undefined && !isHeld(state);
  };

  const open = (id: string): void => {
    look?.stop();
    shown = id;
    field.value = id;
    say(outcome, "");
    look = lookWhileVisible({
      ask: () => api.messageState(user, id),
      show,
      waitMs: () => everyMs,
      // What is right again, `show` says.
      failed: (error) => {
        if (error !== undefined) say(fault, saidOf(error));
      },
    });
  };

  byId("message-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const id = field.value.trim();
    if (id !== "") open(id);
  });
  retract.addEventListener("click", async () => {
    if (!(await retracted(api, outcome, shown, { user }))) return;
    look?.again();
    title.focus();
  });

  return {
    reset: (of) => {
      look?.stop();
      user = of;
      field.value = "";
      for (const place of [fault, outcome]) say(place, "");
      for (const part of [steps, retract]) part.hidden = true;
    },
    open: (id) => {
      open(id);
      title.focus();
    },
  };
}

function stepLine({ what, device, at }: Step): HTMLElement {
  return element(
    "li",
    {},
    what,
    ...(device === undefined ? [] : [" ", deviceName(device)]),
    ...(at === undefined ? [] : [" ", timeText(at)]),
  );
}
