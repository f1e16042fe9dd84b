/** The order in which the list shows what the inbox holds: the most urgent first, and of these the newest. */
import { type Priority, priorityRank } from "../../protocol/priority.ts";

interface Listed {
  readonly priority: Priority;
  readonly seq: number;
}

/** Being read is no part of it, so that marking a message never moves it. */
export function byPriority<Entry extends Listed>(entries: readonly Entry[]): readonly Entry[] {
  return entries.toSorted(
    (one, other) => priorityRank[one.priority] - priorityRank[other.priority] || other.seq - one.seq,
  );
}
