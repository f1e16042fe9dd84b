/**
 * Counts over time: the totals since counting began, and the last 10 minutes in intervals of 10 seconds.
 * Pure. Each interval carries the totals up to its end, and its place is taken over by the one that comes
 * a round later, so that counts which arrive change one interval, and nothing has to be cleared away.
 */
import { observeLimits } from "../limits.ts";
import { addCounts, type Counts } from "./counts.ts";

/** Times in milliseconds since 1970. */
export interface Interval {
  /** Its beginning. */
  readonly at: number;
  readonly counts: Counts;
  /** When counting began. */
  readonly since: number;
  /** Of everything counted from then until its end. */
  readonly totals: Counts;
}

const { intervalMs, recentMs } = observeLimits;

/** The whole intervals of the last 10 minutes, and the one that has just begun. */
export const places = recentMs / intervalMs + 1;

/** The place that an interval is kept in, from 0. */
export function placeOf({ at }: Pick<Interval, "at">): number {
  return (at / intervalMs) % places;
}

/**
 * The interval of now with these counts in it, to be kept in its place. A clock that goes back stays in
 * the newest interval.
 */
export function counted(newest: Interval | undefined, counts: Counts, now: number): Interval {
  const begun = Math.floor(now / intervalMs) * intervalMs;
  if (newest === undefined) return { at: begun, counts, since: now, totals: counts };
  const at = Math.max(begun, newest.at);
  return {
    at,
    counts: at === newest.at ? addCounts(newest.counts, counts) : counts,
    since: newest.since,
    totals: addCounts(newest.totals, counts),
  };
}

/** Those of the last 10 minutes, oldest first: what else is kept has not been taken over yet. */
export function recent(kept: readonly Interval[], now: number): Interval[] {
  return kept.filter(({ at }) => at + intervalMs > now - recentMs).sort((a, b) => a.at - b.at);
}
