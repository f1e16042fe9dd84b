/** The form that sends a message: checked while it is typed, refused at the fields by the hub itself, receipt below. */

import { utf8Length } from "../../../protocol/json.ts";
import { HubError } from "../../../publisher/hub-error.ts";
import { byId, say } from "../../common/dom.ts";
import type { Api } from "../api.ts";
import { type Body, bodyOf, type Draft, fieldOf, toInWords } from "../draft.ts";
import { size } from "../format.ts";
import { lineAndColumn, readData, type TextFault } from "../json-fault.ts";
import { saidOf } from "../said.ts";
import { clearFaults, showFault, showFaults } from "./field-faults.ts";
import { tell } from "./outcome.ts";
import { receiptView } from "./receipt.ts";

/** @param follows whether the key may ask what becomes of a message */
export function sendPanel(api: Api, follows: boolean): void {
  const form = byId("send-form", HTMLFormElement);
  const outcome = byId("send-outcome", HTMLElement);
  const showReceipt = receiptView(api, follows);
  const attempts = sameAttempt();
  let sending = false;

  watchData();
  watchAudience();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // Not by disabling the button: that would throw the focus away.
    if (sending) return;
    sending = true;
    await send(draftOf(form));
    sending = false;
  });

  const send = async (draft: Draft): Promise<void> => {
    tell(outcome, "", "good");
    const read = bodyOf(draft);
    if ("faults" in read) {
      showFaults(read.faults.map(([field, fault]) => [field, placed(draft.data, fault)]));
      tell(outcome, "Not sent: see the fields.", "bad");
      return;
    }
    clearFaults();
    try {
      const receipt = await api.send(read.body, attempts.of(read.body));
      attempts.done();
      tell(outcome, `Accepted for ${toInWords(read.body.to)}.`, "good");
      showReceipt(receipt, read.body);
    } catch (error) {
      refused(error);
    }
  };

  const refused = (error: unknown): void => {
    tell(outcome, saidOf(error), "bad");
    if (!(error instanceof HubError)) return;
    const faults = error.errors.flatMap(({ path, message }) => {
      const field = fieldOf(path);
      return field === undefined ? [] : [[field, { message }] as const];
    });
    if (faults.length > 0) showFaults(faults);
  };
}

function draftOf(form: HTMLFormElement): Draft {
  const typed = new FormData(form);
  const text = (name: keyof Draft) => {
    const value = typed.get(name);
    return typeof value === "string" ? value : "";
  };
  // A date that is typed by half counts as none, and the message would go out now.
  const halfTyped = byId("send-deliverAt", HTMLInputElement).validity.badInput;
  return {
    audience: text("audience"),
    users: text("users"),
    topic: text("topic"),
    type: text("type"),
    priority: text("priority"),
    data: text("data"),
    deliverAt: halfTyped ? "half typed" : text("deliverAt"),
    ttl: text("ttl"),
    collapseKey: text("collapseKey"),
    category: text("category"),
    id: text("id"),
    replaces: text("replaces"),
    cancelOn: text("cancelOn"),
    receipts: text("receipts"),
  };
}

/** Asks for users or for a topic only where the audience is one. */
function watchAudience(): void {
  const audience = byId("send-audience", HTMLSelectElement);
  const look = () => {
    for (const entry of document.querySelectorAll<HTMLElement>("[data-audience]")) {
      entry.hidden = entry.getAttribute("data-audience") !== audience.value;
    }
  };
  audience.addEventListener("change", look);
  // A page that is reloaded may keep what was chosen.
  look();
}

/** Says at the data what is wrong with it, or how large it is, with every key. */
function watchData(): void {
  const data = byId("send-data", HTMLTextAreaElement);
  const hint = byId("send-data-hint", HTMLElement);
  const look = () => {
    const read = readData(data.value);
    showFault("data", "fault" in read ? placed(data.value, read.fault) : undefined);
    say(hint, "fault" in read ? "" : `${size(utf8Length(JSON.stringify(read.value)))} of 65.5 kB`);
  };
  data.addEventListener("input", look);
  look();
}

/** The fault with the place in words before it. */
function placed(text: string, { message, offset }: TextFault): TextFault {
  if (offset === undefined) return { message };
  const { line, column } = lineAndColumn(text, offset);
  return { message: `line ${line}, column ${column}: ${message}`, offset };
}

/**
 * Names a message until the hub has it: sent again after no answer, it keeps its name and is delivered once. A
 * changed one is another.
 */
function sameAttempt() {
  let last: { readonly text: string; readonly name: string } | undefined;
  return {
    of: (body: Body): string => {
      const text = JSON.stringify(body);
      // Not `randomUUID`, which pages have only over https.
      if (last?.text !== text) last = { text, name: crypto.getRandomValues(new Uint32Array(4)).join("-") };
      return last.name;
    },
    done: () => {
      last = undefined;
    },
  };
}
