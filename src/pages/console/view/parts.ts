/** Small pieces that several panels show. */
import { element, say } from "../../common/dom.ts";
import type { Priority } from "../answers.ts";
import { ago, moment } from "../format.ts";
import { cursorOf, firstPage, newer, older, type Trail } from "../page-trail.ts";

export function priorityMark(priority: Priority): HTMLElement {
  return element("span", { class: `priority ${priority}` }, priority);
}

/** The name of a device, cut where there is no room for it: pointing at it shows it whole, and it is read out whole. */
export function deviceName(name: string): HTMLElement {
  return element("span", { class: "device", title: name }, name);
}

/** A moment as the time that has passed since, with the date on pointing at it. */
export function timeText(at: number | undefined): Node {
  if (at === undefined) return element("span", { class: "muted" }, "–");
  const date = new Date(at);
  const machine = Number.isNaN(date.getTime()) ? undefined : date.toISOString();
  return element("time", { datetime: machine, title: moment(at) }, ago(at, Date.now()));
}

/** A word beside the name of a thing: the topic by which a message came, that it is silent. */
export function mark(text: string): HTMLElement {
  return element("span", { class: "mark" }, text);
}

/** A button that is there more than once: only its whole name tells a listener which one it is. */
export function rowButton(label: string, whose: string, act: () => void, kind = ""): HTMLButtonElement {
  const button = element("button", { type: "button", class: `button small${kind}` }, label);
  button.setAttribute("aria-label", `${label} ${whose}`);
  button.addEventListener("click", act);
  return button;
}

/** Pairs of a `dl`. */
export function fact(name: string, ...value: readonly (Node | string)[]): HTMLElement {
  return element("div", {}, element("dt", {}, name), element("dd", {}, ...value));
}

/** JSON to be read. Scrolls, and so can have the focus. */
export function jsonBlock(label: string, value: unknown): HTMLElement {
  return element(
    "pre",
    { tabindex: "0", role: "group", "aria-label": label },
    JSON.stringify(value, null, 2) ?? "null",
  );
}

export interface Pager<Cursor> {
  readonly cursor: () => Cursor | undefined;
  /** After a page has come: whether there is another behind it. */
  readonly came: (next: Cursor | undefined) => void;
  /** Back to the first page. */
  readonly reset: () => void;
}

/**
 * Buttons to the page before and the page behind of a listing, there when there is such a page.
 * @param names what the buttons say; a listing by time begins with the newest
 */
export function pager<Cursor>(
  parent: Element,
  turned: () => void,
  names: { readonly back: string; readonly on: string } = { back: "Newer", on: "Older" },
): Pager<Cursor> {
  let trail: Trail<Cursor> = firstPage;
  let next: Cursor | undefined;
  const back = element("button", { type: "button", class: "button small" }, names.back);
  const on = element("button", { type: "button", class: "button small" }, names.on);
  const place = element("span", { class: "muted small", role: "status" });
  parent.replaceChildren(back, on, place);

  const show = () => {
    parent.toggleAttribute("hidden", trail.length === 0 && next === undefined);
    back.disabled = trail.length === 0;
    on.disabled = next === undefined;
    say(place, `page ${trail.length + 1}`);
  };
  const turn = (to: Trail<Cursor>) => {
    trail = to;
    turned();
  };
  back.addEventListener("click", () => turn(newer(trail)));
  on.addEventListener("click", () => {
    if (next !== undefined) turn(older(trail, next));
  });
  show();
  return {
    cursor: () => cursorOf(trail),
    came: (found) => {
      next = found;
      show();
    },
    reset: () => {
      trail = firstPage;
      next = undefined;
      show();
    },
  };
}
