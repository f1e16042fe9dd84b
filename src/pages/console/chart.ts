/**
 * The geometry of the latency chart: one strip a priority, a shared logarithmic scale, ten minutes from left
 * to right. An interval without messages is a break in the line, not a zero. Pure.
 */
import type { Interval } from "./answers.ts";
import { intervalMs } from "./rates.ts";

export const chartSpanMs = 600_000;

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** From 1 ms to whole decades, at least up to a second: the scale stays put while nothing unusual happens. */
export function scaleTop(highestMs: number): number {
  return Math.max(3, Math.ceil(Math.log10(Math.max(highestMs, 1))));
}

/** The share of the height, from the bottom, of a latency on the scale of 10^decades ms. */
export function share(ms: number, decades: number): number {
  return Math.min(1, Math.max(0, Math.log10(Math.max(ms, 1)) / decades));
}

export interface Strip {
  /** Path of the medians, and of the 95th percentiles. Single intervals are a short dash. */
  readonly median: string;
  readonly high: string;
  /** Path of the area between the two. */
  readonly band: string;
  /** Where each interval stands, for what is told of it on pointing at it. */
  readonly slots: readonly { readonly interval: Interval; readonly left: number; readonly width: number }[];
}

/** @param now the right edge */
export function stripOf(recent: readonly Interval[], now: number, decades: number, box: Box): Strip {
  const perMs = box.width / chartSpanMs;
  const from = now - chartSpanMs;
  const x = (at: number) => round(box.left + Math.min(Math.max(at - from, 0), chartSpanMs) * perMs);
  const y = (ms: number) => round(box.top + box.height * (1 - share(ms, decades)));

  const shown = recent.filter(({ at, latency }) => latency.count > 0 && at + intervalMs > from && at < now);
  const runs = contiguous(shown).map((run) =>
    // Both ends of an interval: what was measured holds for all of it, and a single one can be seen.
    run.flatMap(({ at, latency }) =>
      [x(at), x(at + intervalMs)].map((place) => ({
        x: place,
        median: y(latency.p50),
        high: y(latency.p95),
      })),
    ),
  );
  const line = (of: "median" | "high") =>
    runs.map((run) => polyline(run.map((point) => `${point.x} ${point[of]}`))).join("");
  return {
    median: line("median"),
    high: line("high"),
    band: runs
      .map((run) => {
        const there = run.map((point) => `${point.x} ${point.high}`);
        const back = run.map((point) => `${point.x} ${point.median}`).reverse();
        return `${polyline([...there, ...back])}Z`;
      })
      .join(""),
    slots: shown.map((interval) => ({
      interval,
      left: x(interval.at),
      width: round(x(interval.at + intervalMs) - x(interval.at)),
    })),
  };
}

function contiguous(intervals: readonly Interval[]): Interval[][] {
  const runs: Interval[][] = [];
  let before: Interval | undefined;
  for (const interval of intervals) {
    if (before !== undefined && interval.at === before.at + intervalMs) runs.at(-1)?.push(interval);
    else runs.push([interval]);
    before = interval;
  }
  return runs;
}

function polyline(points: readonly string[]): string {
  return `M${points.join("L")}`;
}

/** A tenth of a pixel is finer than any screen, and half as much text. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
