import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { observeLimits } from "../../src/limits.ts";
import { type Counts, countsOf } from "../../src/observe/counts.ts";
import { histogramOf } from "../../src/observe/histogram.ts";
import { places } from "../../src/observe/intervals.ts";

const { intervalMs, recentMs } = observeLimits;
const begin = 1_796_000_000_000;

beforeEach(() => {
  vi.setSystemTime(begin);
});
afterEach(() => {
  vi.useRealTimers();
});

/** A meter of its own for each test; the hub itself counts with another one. */
function aMeter() {
  const name = crypto.randomUUID();
  return () => env.METER.getByName(name);
}

const accepted = (recipients: number) => countsOf("accepted", [{ lane: "normal", recipients }]);
const delivered: Counts = { low: { recipients: { committed: 2 }, latencies: histogramOf([20, 30]) } };

describe("the meter", () => {
  test("reads as nothing, since now, before anything was counted", async () => {
    const meter = aMeter();
    expect(await meter().read()).toEqual({ at: begin, since: begin, totals: {}, recent: [] });
  });

  test("adds up what it is told, in total and by 10 seconds", async () => {
    const meter = aMeter();
    await meter().add(accepted(2));
    await meter().add(delivered);
    vi.setSystemTime(begin + intervalMs);
    await meter().add(accepted(3));
    expect(await meter().read()).toEqual({
      at: begin + intervalMs,
      since: begin,
      totals: { ...accepted(5), ...delivered },
      recent: [
        { at: begin, counts: { ...accepted(2), ...delivered } },
        { at: begin + intervalMs, counts: accepted(3) },
      ],
    });
  });

  test("knows all of it again after a restart, and goes on from there", async () => {
    const meter = aMeter();
    await meter().add(accepted(2));
    vi.setSystemTime(begin + intervalMs);
    await meter().add(delivered);
    const before = await meter().read();
    await evictDurableObject(meter());
    expect(await meter().read()).toEqual(before);
    await meter().add(accepted(1));
    expect(await meter().read()).toMatchObject({
      since: begin,
      totals: { ...accepted(3), ...delivered },
      recent: [{ at: begin }, { at: begin + intervalMs, counts: { ...accepted(1), ...delivered } }],
    });
  });

  test("forgets the course of things after 10 minutes, and the totals never", async () => {
    const meter = aMeter();
    await meter().add(accepted(2));
    vi.setSystemTime(begin + 2 * recentMs);
    expect(await meter().read()).toMatchObject({ since: begin, totals: accepted(2), recent: [] });
    await meter().add(accepted(1));
    await evictDurableObject(meter());
    expect(await meter().read()).toMatchObject({
      since: begin,
      totals: accepted(3),
      recent: [{ at: begin + 2 * recentMs, counts: accepted(1) }],
    });
  });

  test("keeps no more entries than 10 minutes have intervals, however long it counts", async () => {
    const meter = aMeter();
    for (let round = 0; round < 2 * places; round += 1) {
      vi.setSystemTime(begin + round * intervalMs);
      await meter().add(accepted(1));
    }
    const kept = await runInDurableObject(meter(), (_, { storage }) => [...storage.kv.list()].length);
    expect(kept).toBe(places);
    expect(await meter().read()).toMatchObject({ totals: accepted(2 * places) });
  });
});
