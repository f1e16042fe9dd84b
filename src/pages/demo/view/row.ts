/** One message in the list. Clicking anywhere on it marks it as read; for keyboards and screen readers there is a button. */
import type { InboxMessage } from "../../../client/index.ts";
import { element, say } from "../../common/dom.ts";
import { contentOf } from "../content.ts";
import { ageWords } from "../words.ts";

export interface Row {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
  /** Shows what of it has changed. */
  update(entry: InboxMessage, now: number): void;
}

export function rowOf(entry: InboxMessage, markAsRead: (id: string) => void): Row {
  const { id, priority, silent, type } = entry;
  const { title, text } = contentOf(entry);
  const time = element("time");
  const unread = element("span", { class: "spoken" });
  const button = element(
    "button",
    { class: "button small mark", type: "button" },
    element("span", {}, "Mark as read"),
    element("span", { class: "spoken" }, `: ${title}`),
  );
  const item = element(
    "li",
    { class: "message" },
    element(
      "p",
      { class: "facts" },
      unread,
      element("span", { class: `priority ${priority}` }, priorityWords(priority)),
      element("span", {}, type),
      ...(silent === true ? [element("span", {}, "silent")] : []),
      time,
    ),
    element("h2", {}, title),
    ...(text === "" ? [] : [element("p", { class: "text" }, text)]),
    button,
  );
  item.addEventListener("click", () => {
    // Who selects text to copy it is not done with the message.
    if (item.classList.contains("unread") && getSelection()?.isCollapsed !== false) markAsRead(id);
  });
  return {
    item,
    button,
    update: ({ read, at }, now) => {
      item.classList.toggle("unread", !read);
      say(unread, read ? "" : "Unread. ");
      say(time, ageWords(at, now));
      time.dateTime = new Date(at).toISOString();
      time.title = new Date(at).toLocaleString();
    },
  };
}

function priorityWords(priority: string): string {
  return priority.charAt(0).toUpperCase() + priority.slice(1);
}
