import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffSeconds } from "../../../src/lanes/backoff.ts";
import { laneLimits } from "../../../src/limits.ts";

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a wait is whole seconds, at least one, and never above its ceiling", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), random, fc.boolean(), (attempt, chance, overloaded) => {
      const seconds = backoffSeconds(attempt, chance, overloaded);
      expect(Number.isInteger(seconds)).toBe(true);
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(Math.min(laneLimits.maxBackoffSeconds, 2 ** attempt));
    }),
  );
});

test("the range doubles with each attempt, up to ten minutes", () => {
  const almostOne = 1 - Number.EPSILON;
  const waits = [1, 2, 3, 8, 9, 10, 50].map((attempt) => backoffSeconds(attempt, almostOne));
  expect(waits).toEqual([2, 4, 8, 256, 512, 600, 600]);
});

test("the jitter is full: the whole range is used", () => {
  expect(backoffSeconds(8, 0)).toBe(1);
  expect(backoffSeconds(8, 0.5)).toBe(128);
});

test("an overloaded object gets at least half of the range to rest", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), random, (attempt, chance) => {
      const ceiling = Math.min(laneLimits.maxBackoffSeconds, 2 ** attempt);
      expect(backoffSeconds(attempt, chance, true)).toBeGreaterThanOrEqual(ceiling / 2);
    }),
  );
});
