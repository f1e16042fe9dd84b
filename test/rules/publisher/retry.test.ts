import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HubError, NoAnswerError } from "../../../src/publisher/hub-error.ts";
import { publisherLimits } from "../../../src/publisher/limits.ts";
import {
  backoffBoundMs,
  concernsContent,
  isPassing,
  isRefusal,
  waitMs,
} from "../../../src/publisher/retry.ts";
import { retryAfterMs } from "../../../src/publisher/retry-after.ts";

const refusal = (status: number, retryAfter?: number) =>
  new HubError(status, { code: "x", detail: "y", retryAfterMs: retryAfter });
const silence = new NoAnswerError("no connection");
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("what is tried again", () => {
  test("nothing of 4xx but 429, all of 5xx, and what nobody answered", () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), (status) => {
        expect(isPassing(refusal(status))).toBe(status === 429 || status >= 500);
      }),
    );
    expect(isPassing(silence)).toBe(true);
  });

  test("what may have been accepted is never called refused", () => {
    expect([301, 400, 401, 413, 429, 499].map((status) => isRefusal(refusal(status)))).not.toContain(false);
    expect([202, 500, 502, 503].map((status) => isRefusal(refusal(status)))).not.toContain(true);
    expect(isRefusal(silence)).toBe(false);
  });

  test("only a refusal of what a request holds leaves the other requests hope", () => {
    expect([400, 413].map((status) => concernsContent(refusal(status)))).toEqual([true, true]);
    expect([401, 403, 404, 429, 503].map((status) => concernsContent(refusal(status)))).not.toContain(true);
    expect(concernsContent(silence)).toBe(false);
  });
});

describe("the wait before the next try", () => {
  test("is anything below a bound that doubles up to a most, and never below what the hub asked for", () => {
    const asked = fc.option(fc.integer({ min: 0, max: publisherLimits.maxRetryAfterMs }), { nil: undefined });
    fc.assert(
      fc.property(asked, fc.integer({ min: 1, max: 50 }), random, (retryAfter, made, chance) => {
        const wait = waitMs(refusal(503, retryAfter), { made, allowed: 99, random: chance });
        expect(wait).toBe((retryAfter ?? 0) + chance * backoffBoundMs(made));
      }),
    );
    expect([1, 2, 3, 4, 5, 6, 50].map(backoffBoundMs)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
  });

  test("is none after the last try, for a final refusal, and where the hub asks for too long a wait", () => {
    const tries = { made: 1, allowed: 5, random: 0.5 };
    expect(waitMs(silence, tries)).toBe(250);
    expect(waitMs(silence, { ...tries, made: 5 })).toBeUndefined();
    expect(waitMs(refusal(400), tries)).toBeUndefined();
    expect(waitMs(refusal(429, publisherLimits.maxRetryAfterMs), tries)).toBe(30_250);
    expect(waitMs(refusal(429, publisherLimits.maxRetryAfterMs + 1), tries)).toBeUndefined();
  });
});

describe("Retry-After", () => {
  test("is read in seconds", () => {
    expect(retryAfterMs("2", 0)).toBe(2_000);
    expect(retryAfterMs("0", 0)).toBe(0);
    expect(retryAfterMs("9".repeat(400), 0)).toBe(Number.POSITIVE_INFINITY);
  });

  test("is read as a date, to the second", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e9 }), fc.integer({ min: 0, max: 4e12 }), (seconds, now) => {
        const date = new Date(seconds * 1_000).toUTCString();
        expect(retryAfterMs(date, now)).toBe(Math.max(0, seconds * 1_000 - now));
      }),
    );
    expect(retryAfterMs("Sunday, 06-Nov-94 08:49:37 GMT", Date.UTC(1994, 10, 6, 8, 49, 30))).toBe(7_000);
  });

  test("is left aside when it is neither", () => {
    for (const header of [null, "", "-5", "1.5", "soon", "2026-01-01", "Mon, 99 Foo 2026 00:00:00 GMT"]) {
      expect(retryAfterMs(header, 0)).toBeUndefined();
    }
  });
});
