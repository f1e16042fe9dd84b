/** A page of a user's inbox: each message as a line that opens to its content. */
import { byId, element, say } from "../../common/dom.ts";
import type { Inbox, InboxMessage } from "../answers.ts";
import { fact, jsonBlock, priorityMark, timeText } from "./parts.ts";
import { keyedRows, type Row } from "./rows.ts";

export function inboxView(): (inbox: Inbox) => void {
  const show = keyedRows(
    byId("inbox-rows", HTMLElement),
    ({ id, seq }: InboxMessage) => `${seq} ${id}`,
    messageRow,
  );
  return ({ messages }) => {
    byId("inbox-none", HTMLElement).hidden = messages.length > 0;
    show(messages);
  };
}

function messageRow({ seq, id, type, priority, at, expires, data }: InboxMessage): Row<InboxMessage> {
  const read = element("span", { class: "read" });
  const age = element("span", { class: "age" });
  const summary = element(
    "summary",
    {},
    element("span", { class: "seq" }, `${seq}`),
    priorityMark(priority),
    element("b", {}, type),
    element("span", { class: "preview" }, JSON.stringify(data)),
    read,
    age,
  );
  const facts = element(
    "dl",
    { class: "facts" },
    fact("id", element("code", {}, id)),
    fact("accepted", timeText(at)),
    fact("expires", timeText(expires)),
  );
  return {
    element: element("li", {}, element("details", {}, summary, facts, jsonBlock("data", data))),
    update: (message) => {
      say(read, message.read ? "read" : "unread");
      summary.classList.toggle("unread", !message.read);
      age.replaceChildren(timeText(at));
    },
  };
}
