/** In which order a batch is delivered, and to whom in one call. Pure. */
import type { UserId } from "../protocol/ids.ts";
import { priorityRank } from "../protocol/priority.ts";
import type { Addressed, Envelope } from "./envelope.ts";

/** One call to the object of a user, with everything that a batch holds for it. */
export interface Call {
  readonly user: UserId;
  readonly items: readonly Addressed[];
}

/**
 * The calls of a batch: the most urgent first, then the longest in the queue, then as they came; the
 * items of each call in that order too.
 * @param envelopes with the time they were put in the lane
 */
export function plan(
  envelopes: readonly { readonly envelope: Envelope; readonly enqueued: number }[],
): Call[] {
  const queued = envelopes
    .flatMap(({ envelope, enqueued }) => envelope.items.map((item) => ({ item, enqueued })))
    .sort(
      (a, b) =>
        priorityRank[a.item.message.priority] - priorityRank[b.item.message.priority] ||
        a.enqueued - b.enqueued,
    );
  const calls = new Map<UserId, Addressed[]>();
  for (const { item } of queued) {
    for (const user of item.users) {
      const items = calls.get(user);
      if (items) items.push(item);
      else calls.set(user, [item]);
    }
  }
  return [...calls].map(([user, items]) => ({ user, items }));
}
