/** A page of a user's inbox: each message as a line that opens to its content. */
import { byId, element, say } from "../../common/dom.ts";
import type { Inbox, InboxMessage } from "../answers.ts";
import { fact, jsonBlock, mark, priorityMark, rowButton, timeText } from "./parts.ts";
import { keyedRows, type Row } from "./rows.ts";

/** @param follow opens the timeline of a message */
export function inboxView(follow: (id: string) => void): (inbox: Inbox) => void {
  const show = keyedRows(
    byId("inbox-rows", HTMLElement),
    ({ id, seq }: InboxMessage) => `${seq} ${id}`,
    (message) => messageRow(message, follow),
  );
  return ({ messages }) => {
    byId("inbox-none", HTMLElement).hidden = messages.length > 0;
    show(messages);
  };
}

function messageRow(message: InboxMessage, follow: (id: string) => void): Row<InboxMessage> {
  const { seq, id, type, priority, at, expires, topic, replaces, silent, data } = message;
  const read = element("span", { class: "read" });
  const age = element("span", { class: "age" });
  const summary = element(
    "summary",
    {},
    element("span", { class: "seq" }, `${seq}`),
    priorityMark(priority),
    element("b", {}, type),
    element(
      "span",
      { class: "preview" },
      ...(topic === undefined ? [] : [mark(topic)]),
      ...(silent === true ? [mark("silent")] : []),
      JSON.stringify(data),
    ),
    read,
    age,
  );
  const facts = element(
    "dl",
    { class: "facts" },
    fact("id", element("code", {}, id)),
    fact("accepted", timeText(at)),
    fact("expires", timeText(expires)),
    ...(topic === undefined ? [] : [fact("topic", topic)]),
    ...(replaces === undefined ? [] : [fact("replaces", element("code", {}, replaces))]),
  );
  const actions = element(
    "div",
    { class: "actions" },
    rowButton("Timeline", `of ${id}`, () => follow(id)),
  );
  return {
    element: element("li", {}, element("details", {}, summary, facts, actions, jsonBlock("data", data))),
    update: (now) => {
      say(read, now.read ? "read" : "unread");
      summary.classList.toggle("unread", !now.read);
      age.replaceChildren(timeText(at));
    },
  };
}
