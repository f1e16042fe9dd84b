/** What of the inbox is read, as the hub says it. */
import type { ReadState } from "./reports.ts";
import type { Turn } from "./turn.ts";

/** The app hears of it if it is news. */
export function noteRead(
  turn: Turn,
  news: { [Field in keyof ReadState]?: ReadState[Field] | undefined },
): void {
  const before = turn.read;
  const { ids, unread = before.unread, readUpTo = before.readUpTo, rev = before.rev } = news;
  const read = { unread, readUpTo, rev };
  // Within an epoch nothing is read without a new `rev`; in another one it may be the same by chance.
  if (read.unread === before.unread && read.rev === before.rev && read.readUpTo === before.readUpTo) return;
  turn.read = read;
  turn.effects.push({ type: "state", state: ids === undefined ? read : { ...read, ids } });
}
