/**
 * What the list shows, as a value: each change gives the next one. The list is a window on the inbox that begins at
 * its top; what lies below comes page by page. It stays in the order of the stream, in which the hub's pages come:
 * how it is shown is `order.ts`.
 */
import type { InboxMessage, InboxPage, Message, ReadState } from "../../client/index.ts";

export interface Inbox {
  /** Newest first. */
  readonly entries: readonly InboxMessage[];
  /** Whether the hub has been asked: before, an empty list means nothing. */
  readonly loaded: boolean;
  /** The cursor of what lies below; `undefined` when nothing does. */
  readonly older: number | undefined;
  readonly state: ReadState;
  /** Ids of what was taken back or replaced lately: a page that was asked for before may still list it. */
  readonly withdrawn: readonly string[];
}

/** Entries of a page, and what is kept of a replay before the first page is there. */
export const pageSize = 30;
/** Entries that are shown at most; a list of thousands is no list to read, and slow on a phone. */
const maxEntries = 300;
/** Ids that are remembered as withdrawn; a page is under way for no longer than a few of them take. */
const maxWithdrawn = 100;

export const emptyInbox: Inbox = {
  entries: [],
  loaded: false,
  older: undefined,
  // Before any that the hub has told.
  state: { unread: 0, readUpTo: 0, rev: -1 },
  withdrawn: [],
};

/**
 * A message came. One without a place in the stream is in no inbox; one below the window comes with its page. What it
 * replaces makes room for it.
 */
export function arrived(before: Inbox, { seq, expires, ...message }: Message): Inbox {
  const inbox = message.replaces === undefined ? before : withdrawn(before, message.replaces);
  if (seq === undefined || expires === undefined) return inbox;
  if (inbox.older !== undefined && seq < inbox.older) return inbox;
  if (inbox.entries.some((entry) => entry.seq === seq)) return inbox;
  const entry = { ...message, seq, expires, read: seq <= inbox.state.readUpTo };
  const entries = inOrder([...inbox.entries, entry]);
  return inbox.loaded ? trimmed({ ...inbox, entries }) : { ...inbox, entries: entries.slice(0, pageSize) };
}

/** A message was taken back, or another device has seen to it. */
export function withdrawn(inbox: Inbox, id: string): Inbox {
  const lately = [...inbox.withdrawn, id].slice(-maxWithdrawn);
  return { ...without(inbox, (entry) => entry.id === id), withdrawn: lately };
}

/** The newest page, asked for because something may have been missed. What came while it was under way stays. */
export function reloaded(inbox: Inbox, page: InboxPage): Inbox {
  const top = page.messages[0]?.seq ?? 0;
  const bottom = page.next ?? 0;
  const known = new Map(inbox.entries.map((entry) => [entry.seq, entry]));
  const newer = inbox.entries.filter(({ seq }) => seq > top);
  // Older pages go on being shown if there is no hole between them and this one.
  const adjoins = inbox.loaded && page.messages.some(({ seq }) => known.has(seq));
  const below = adjoins ? inbox.entries.filter(({ seq }) => seq < bottom) : [];
  const listed = stillThere(inbox, page.messages).map((entry) => ({
    ...entry,
    read: entry.read || known.get(entry.seq)?.read === true,
  }));
  return trimmed({
    ...inbox,
    entries: [...newer, ...listed, ...below],
    loaded: true,
    older: below.length > 0 ? inbox.older : page.next,
    // What came meanwhile changed the count and no `rev`: of the same one, what is known is the newer.
    state: page.state.rev > inbox.state.rev ? page.state : inbox.state,
  });
}

/** The page below the window. */
export function extended(inbox: Inbox, page: InboxPage): Inbox {
  const bottom = inbox.entries.at(-1)?.seq ?? Number.POSITIVE_INFINITY;
  const below = stillThere(inbox, page.messages).filter(({ seq }) => seq < bottom);
  return { ...inbox, entries: [...inbox.entries, ...below], older: page.next };
}

/** The hub says what is read. */
export function marked(inbox: Inbox, state: ReadState): Inbox {
  const ids = new Set(state.ids);
  const entries = inbox.entries.map((entry) =>
    !entry.read && (entry.seq <= state.readUpTo || ids.has(entry.id)) ? { ...entry, read: true } : entry,
  );
  return { ...inbox, entries, state };
}

/** Whether a state leaves open what was read, so that the list has to be asked for again. */
export function leavesOpen({ state: before }: Inbox, state: ReadState): boolean {
  if (state.rev === before.rev || before.rev < 0) return false;
  const explained = state.ids !== undefined || state.readUpTo !== before.readUpTo;
  return state.rev !== before.rev + 1 || !explained;
}

/** Shown as read at once; the hub hears of it, and its number of unread ones follows. */
export function markedHere(inbox: Inbox, which: { readonly ids: readonly string[] } | "all"): Inbox {
  const entries = inbox.entries.map((entry) =>
    !entry.read && (which === "all" || which.ids.includes(entry.id)) ? { ...entry, read: true } : entry,
  );
  const newly = entries.filter(({ read }, index) => read && inbox.entries[index]?.read === false).length;
  const unread = which === "all" ? 0 : Math.max(0, inbox.state.unread - newly);
  return { ...inbox, entries, state: { ...inbox.state, unread } };
}

/** Without what the hub no longer keeps: numbers that will not come, and messages whose time is over. */
export function without(inbox: Inbox, gone: (entry: InboxMessage) => boolean): Inbox {
  const entries = inbox.entries.filter((entry) => !gone(entry));
  return entries.length === inbox.entries.length ? inbox : { ...inbox, entries };
}

function stillThere({ withdrawn }: Inbox, messages: readonly InboxMessage[]): readonly InboxMessage[] {
  return messages.filter(({ id }) => !withdrawn.includes(id));
}

function trimmed(inbox: Inbox): Inbox {
  if (inbox.entries.length <= maxEntries) return inbox;
  const entries = inbox.entries.slice(0, maxEntries);
  return { ...inbox, entries, older: entries.at(-1)?.seq };
}

function inOrder(entries: readonly InboxMessage[]): readonly InboxMessage[] {
  return entries.toSorted((one, other) => other.seq - one.seq);
}
