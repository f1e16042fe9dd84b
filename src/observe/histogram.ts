/**
 * Times, counted in buckets of fixed bounds, so that histograms of many isolates add up to one and a
 * percentile can still be told. Pure.
 */

/**
 * Upper bounds of the buckets in milliseconds, each included: 1, and then every power of two and the middle
 * before it, 2, 3, 4, 6, 8, … up to 17 minutes. A percentile is so at most half of itself off. What takes
 * longer is counted in one bucket more. Bounds may be added at the end, and never changed: what is stored
 * goes by them.
 */
export const bucketBounds: readonly number[] = [
  1,
  2,
  ...Array.from({ length: 19 }, (_, power) => [3 * 2 ** power, 4 * 2 ** power]).flat(),
];

export interface Histogram {
  /** How many times fell into each bucket, up to the last that holds any. */
  readonly buckets: readonly number[];
  /** Of all times, in milliseconds. */
  readonly sum: number;
}

export const emptyHistogram: Histogram = { buckets: [], sum: 0 };

/** @param times in milliseconds, 0 or more */
export function histogramOf(times: readonly number[]): Histogram {
  const places = times.map(bucketOf);
  const buckets = Array.from(
    { length: places.reduce((most, place) => Math.max(most, place + 1), 0) },
    () => 0,
  );
  for (const place of places) buckets[place] = (buckets[place] ?? 0) + 1;
  return { buckets, sum: times.reduce((sum, time) => sum + time, 0) };
}

function bucketOf(time: number): number {
  const place = bucketBounds.findIndex((bound) => time <= bound);
  return place < 0 ? bucketBounds.length : place;
}

export function addHistograms(a: Histogram, b: Histogram): Histogram {
  const [long, short] = a.buckets.length > b.buckets.length ? [a, b] : [b, a];
  return {
    buckets: long.buckets.map((count, place) => count + (short.buckets[place] ?? 0)),
    sum: a.sum + b.sum,
  };
}

/** How many times it holds. */
export function countOf({ buckets }: Histogram): number {
  return buckets.reduce((sum, count) => sum + count, 0);
}

/**
 * The time that the share `q` of all took at most, in whole milliseconds: within the bucket of the true
 * one, as if times were spread evenly over it. Of the bucket that has no end, its beginning; of an empty
 * histogram, 0.
 * @param q above 0, up to 1
 */
export function quantile(histogram: Histogram, q: number): number {
  const rank = q * countOf(histogram);
  let before = 0;
  let lower = 0;
  for (const [place, count] of histogram.buckets.entries()) {
    const upper = bucketBounds[place] ?? lower;
    if (count > 0 && before + count >= rank) {
      return Math.round(lower + ((upper - lower) * (rank - before)) / count);
    }
    before += count;
    lower = upper;
  }
  return lower;
}
