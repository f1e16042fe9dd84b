/** Asking before something that can't be taken back. The focus goes to "Cancel", and back to where it was. */
import { byId, say } from "../../common/dom.ts";

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says that does it. */
  readonly action: string;
}

/** Resolves when the dialog is closed: whether it was agreed to. */
export function confirmed({ title, text, action }: Question): Promise<boolean> {
  const dialog = byId("confirm", HTMLDialogElement);
  say(byId("confirm-title", HTMLElement), title);
  say(byId("confirm-text", HTMLElement), text);
  say(byId("confirm-yes", HTMLElement), action);
  // What it was closed with before would stand for Escape.
  dialog.returnValue = "";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}
