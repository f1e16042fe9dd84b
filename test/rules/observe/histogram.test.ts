import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addHistograms,
  bucketBounds,
  countOf,
  emptyHistogram,
  histogramOf,
  quantile,
} from "../../../src/observe/histogram.ts";

const lastBound = 2 ** 20;
const someTimes = fc.array(
  fc.oneof(fc.nat(50), fc.nat(5_000), fc.nat(2 * lastBound), fc.constantFrom(...bucketBounds)),
  { maxLength: 200 },
);

/** The bucket that holds a time. */
function bucketAround(time: number): { readonly from: number; readonly to: number } {
  const place = bucketBounds.findIndex((bound) => time <= bound);
  return place < 0
    ? { from: lastBound, to: lastBound }
    : { from: bucketBounds[place - 1] ?? 0, to: bucketBounds[place] ?? 0 };
}

describe("a histogram", () => {
  test("has buckets that grow by a half or a third each, up to 17 minutes", () => {
    expect(bucketBounds.slice(0, 8)).toEqual([1, 2, 3, 4, 6, 8, 12, 16]);
    expect(bucketBounds.at(-1)).toBe(lastBound);
    expect(bucketBounds).toEqual([...new Set(bucketBounds)].sort((a, b) => a - b));
  });

  test("counts each time once, in the bucket whose bound it does not pass", () => {
    expect(histogramOf([0, 1, 2, 4, 4, 5])).toEqual({ buckets: [2, 1, 0, 2, 1], sum: 16 });
    expect(histogramOf([])).toEqual(emptyHistogram);
    expect(histogramOf([lastBound + 1]).buckets).toHaveLength(bucketBounds.length + 1);
  });

  test("adds up to that of all times together, in any order and grouping", () => {
    fc.assert(
      fc.property(someTimes, someTimes, someTimes, (first, second, third) => {
        const [a, b, c] = [histogramOf(first), histogramOf(second), histogramOf(third)];
        const whole = histogramOf([...first, ...second, ...third]);
        expect(addHistograms(addHistograms(a, b), c)).toEqual(whole);
        expect(addHistograms(a, addHistograms(b, c))).toEqual(whole);
        expect(addHistograms(b, a)).toEqual(addHistograms(a, b));
        expect(addHistograms(a, emptyHistogram)).toEqual(a);
        expect(countOf(whole)).toBe(first.length + second.length + third.length);
      }),
    );
  });
});

describe("a percentile", () => {
  test("lies within the bucket of the true one", () => {
    fc.assert(
      fc.property(
        someTimes.filter((times) => times.length > 0),
        fc.constantFrom(0.01, 0.5, 0.9, 0.95, 0.99, 1),
        (times, q) => {
          const truth = times.toSorted((a, b) => a - b)[Math.ceil(q * times.length) - 1] ?? 0;
          const { from, to } = bucketAround(truth);
          const told = quantile(histogramOf(times), q);
          expect(told).toBeGreaterThanOrEqual(from);
          expect(told).toBeLessThanOrEqual(to);
        },
      ),
    );
  });

  test("is never above a higher one", () => {
    fc.assert(
      fc.property(
        someTimes,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 100 }),
        (times, a, b) => {
          const [lower, higher] = [Math.min(a, b), Math.max(a, b)];
          const histogram = histogramOf(times);
          expect(quantile(histogram, lower / 100)).toBeLessThanOrEqual(quantile(histogram, higher / 100));
        },
      ),
    );
  });

  test("stands between the bounds of its bucket as far as the share of the bucket's times below it", () => {
    const fourBetween64And96 = histogramOf([65, 70, 80, 96]);
    expect([0.25, 0.5, 1].map((q) => quantile(fourBetween64And96, q))).toEqual([72, 80, 96]);
  });

  test("of what took longer than any bound is the last bound, and of nothing 0", () => {
    expect(quantile(histogramOf([10 * lastBound]), 0.5)).toBe(lastBound);
    expect(quantile(emptyHistogram, 0.5)).toBe(0);
  });
});
