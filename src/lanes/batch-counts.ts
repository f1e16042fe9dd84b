/** What became of the recipients of a batch, for the counts of its lane. Pure but for the counts that it adds to. */
import type { Outcome as Counted } from "../observe/counts.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Addressed, Envelope } from "./envelope.ts";
import type { Stepped } from "./fan-out.ts";
import { type Failure, isDead, type Outcome, type Settlement } from "./settle.ts";

export type BatchCounts = Partial<Record<Counted, number>>;

/** An envelope that was settled so. */
export function countEnvelope(
  counts: BatchCounts,
  { items }: Envelope,
  outcomeOf: (item: Addressed, user: UserId) => Outcome,
  settlement: Settlement,
): void {
  for (const item of items) {
    for (const user of item.users) {
      const outcome = outcomeOf(item, user);
      if (!("verdict" in outcome)) continue;
      if (!isDead(outcome.verdict)) add(counts, outcome.verdict, 1);
      else if (settlement.next.do !== "retry") add(counts, "dead", 1);
    }
  }
  countRest(counts, settlement, recipients(items));
}

/** A job that was settled so: the users of its step are the hub's from now on; for the rest of its crowd, of unknown size, it counts as one. */
export function countJob(counts: BatchCounts, stepped: Stepped | Failure, settlement: Settlement): void {
  if ("do" in stepped && settlement.next.do !== "retry") {
    if (stepped.do === "send") add(counts, "accepted", stepped.sending.users);
    else add(counts, stepped.do === "taken" ? "duplicate" : stepped.do, 1);
  }
  countRest(counts, settlement, 1);
}

/** What is tried again, and what is dead for want of a verdict; a text counts as one. */
export function countRest(counts: BatchCounts, { dead, next }: Settlement, whole: number): void {
  for (const record of dead) {
    if (record.reason === "inbox_full" || record.reason === "id_conflict") continue;
    add(counts, "dead", "raw" in record ? 1 : record.users.length);
  }
  if (next.do === "requeue") add(counts, "retried", recipients(next.envelope.items));
  if (next.do === "retry") add(counts, "retried", whole);
}

function add(counts: BatchCounts, outcome: Counted, count: number): void {
  if (count > 0) counts[outcome] = (counts[outcome] ?? 0) + count;
}

function recipients(items: readonly Addressed[]): number {
  return items.reduce((sum, { users }) => sum + users.length, 0);
}
