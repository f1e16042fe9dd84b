/** Faults at the fields that they are of. The field is marked, told about by its description, and the first one gets the focus. */
import { byId, say } from "../../common/dom.ts";
import { draftFields, type Field } from "../draft.ts";
import type { TextFault } from "../json-fault.ts";

export function clearFaults(): void {
  for (const field of draftFields) showFault(field, undefined);
}

/** Of several faults of a field, the first. */
export function showFaults(faults: readonly (readonly [Field, TextFault])[]): void {
  const firsts = new Map<Field, TextFault>();
  for (const [field, fault] of faults) if (!firsts.has(field)) firsts.set(field, fault);
  for (const field of draftFields) showFault(field, firsts.get(field));
  // Some are folded away until they are needed.
  const more = byId("send-more", HTMLDetailsElement);
  more.open ||= [...firsts.keys()].some((field) => more.contains(byId(`send-${field}`, HTMLElement)));
  // In the order of the form, not of the faults.
  const first = draftFields.find((field) => firsts.has(field));
  if (first !== undefined) focusOn(first, firsts.get(first)?.offset);
}

export function showFault(field: Field, fault: { readonly message: string } | undefined): void {
  say(byId(`send-${field}-fault`, HTMLElement), fault?.message ?? "");
  const control = byId(`send-${field}`, HTMLElement);
  if (fault === undefined) control.removeAttribute("aria-invalid");
  else control.setAttribute("aria-invalid", "true");
}

/** @param offset where in a text the fault is */
function focusOn(field: Field, offset: number | undefined): void {
  const control = byId(`send-${field}`, HTMLElement);
  const target = control instanceof HTMLFieldSetElement ? control.querySelector("input") : control;
  target?.focus();
  if (offset !== undefined && target instanceof HTMLTextAreaElement)
    target.setSelectionRange(offset, offset + 1);
}
