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

export interface Pager {
  readonly cursor: () => number | undefined;
  /** After a page has come: whether there is another behind it. */
  readonly came: (next: number | undefined) => void;
  /** Back to the newest page. */
  readonly reset: () => void;
}

/** Buttons to the newer and the older page of a listing, there when there is such a page. */
export function pager(parent: Element, turned: () => void): Pager {
  let trail: Trail = firstPage;
  let next: number | undefined;
  const newerButton = element("button", { type: "button", class: "button small" }, "Newer");
  const olderButton = element("button", { type: "button", class: "button small" }, "Older");
  const place = element("span", { class: "muted small", role: "status" });
  parent.replaceChildren(newerButton, olderButton, place);

  const show = () => {
    parent.toggleAttribute("hidden", trail.length === 0 && next === undefined);
    newerButton.disabled = trail.length === 0;
    olderButton.disabled = next === undefined;
    say(place, `page ${trail.length + 1}`);
  };
  const turn = (to: Trail) => {
    trail = to;
    turned();
  };
  newerButton.addEventListener("click", () => turn(newer(trail)));
  olderButton.addEventListener("click", () => {
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
