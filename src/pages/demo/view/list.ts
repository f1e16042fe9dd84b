/** The list on the page: follows the inbox, and touches only what has changed, so that focus and reading place stay. */
import { byId, say } from "../../common/dom.ts";
import type { Inbox } from "../inbox.ts";
import { byPriority } from "../order.ts";
import { type Row, rowOf } from "./row.ts";

export interface List {
  show(inbox: Inbox, now: number): void;
  /** Moves the focus to the first unread message, or to the heading when there is none. */
  focusUnread(): void;
}

export function listOn(markAsRead: (id: string) => void): List {
  const list = byId("list", HTMLOListElement);
  const empty = byId("empty", HTMLParagraphElement);
  const older = byId("older", HTMLButtonElement);
  const heading = byId("heading", HTMLHeadingElement);
  const rows = new Map<number, Row>();
  /** The rows as they stand in the list. */
  let shown: readonly Row[] = [];

  function show(inbox: Inbox, now: number): void {
    const focused = shown.find(({ button }) => button === document.activeElement);
    const seqs = new Set(inbox.entries.map(({ seq }) => seq));
    for (const [seq, { item }] of rows) {
      if (seqs.has(seq)) continue;
      item.remove();
      rows.delete(seq);
    }
    const newest = Math.max(0, ...rows.keys());
    shown = byPriority(inbox.entries).map((entry, index) => {
      const row = rows.get(entry.seq) ?? rowOf(entry, markAsRead);
      if (!rows.has(entry.seq) && newest > 0 && entry.seq > newest) row.item.classList.add("new");
      rows.set(entry.seq, row);
      row.update(entry, now);
      if (list.children[index] !== row.item) list.insertBefore(row.item, list.children[index] ?? null);
      return row;
    });
    say(empty, inbox.loaded ? "Nothing here yet. Push a message, and it appears." : "Asking for the inbox …");
    empty.hidden = inbox.entries.length > 0;
    older.hidden = inbox.older === undefined;
    // Its button went with its being unread.
    if (focused !== undefined && !isUnread(focused)) focusAfter(focused);
  }

  function focusAfter({ item }: Row): void {
    const following = shown.filter(
      (row) => item.compareDocumentPosition(row.item) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    focus(following.find(isUnread) ?? shown.find(isUnread));
  }

  function focus(row: Row | undefined): void {
    (row?.button ?? heading).focus();
  }

  return { show, focusUnread: () => focus(shown.find(isUnread)) };
}

function isUnread({ item }: Row): boolean {
  return item.classList.contains("unread");
}
