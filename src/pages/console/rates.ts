/** How fast a lane moves, and how long it took, out of its ten-second intervals. Pure. */
import type { Interval } from "./answers.ts";

/** As the hub counts: `GET /v1/lanes`. */
export const intervalMs = 10_000;
const intervalsOfAMinute = 6;

export interface Rates {
  /** Recipients a second that were accepted into the lane, and that left it, delivered or dead. */
  readonly in: number;
  readonly out: number;
}

/**
 * Over the running interval and the five before it, which is 50 to 60 seconds. The running one counts for as
 * long as it has lasted, so that a steady flow shows a steady rate.
 * @param at when the hub answered
 * @param since when it began to count: a hub that started a moment ago is not taken for a slow one
 */
export function ratesOf(recent: readonly Interval[], at: number, since: number): Rates {
  const running = Math.floor(at / intervalMs) * intervalMs;
  const start = running - (intervalsOfAMinute - 1) * intervalMs;
  const seconds = Math.max(at - Math.max(start, since), intervalMs) / 1_000;
  const counted = recent.filter((interval) => interval.at >= start);
  const sum = (of: (interval: Interval) => number) =>
    counted.reduce((total, interval) => total + of(interval), 0) / seconds;
  return { in: sum(({ accepted }) => accepted), out: sum(({ delivered, dead }) => delivered + dead) };
}

export interface LatencySummary {
  /** Messages that were measured. */
  readonly count: number;
  /** Of the latest interval that has any: when it began, and its percentiles in milliseconds. */
  readonly latest: { readonly at: number; readonly p50: number; readonly p95: number };
  /** The highest 95th percentile of all intervals. */
  readonly peak: number;
}

/** `undefined` where nothing was measured. */
export function latencyOf(recent: readonly Interval[]): LatencySummary | undefined {
  const measured = recent.filter(({ latency }) => latency.count > 0);
  const last = measured.at(-1);
  if (last === undefined) return undefined;
  return {
    count: measured.reduce((sum, { latency }) => sum + latency.count, 0),
    latest: { at: last.at, p50: last.latency.p50, p95: last.latency.p95 },
    peak: Math.max(...measured.map(({ latency }) => latency.p95)),
  };
}
