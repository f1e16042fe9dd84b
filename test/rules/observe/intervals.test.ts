import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { observeLimits } from "../../../src/limits.ts";
import { addCounts, type Counts, countsOf } from "../../../src/observe/counts.ts";
import { counted, type Interval, placeOf, places, recent } from "../../../src/observe/intervals.ts";

const { intervalMs, recentMs } = observeLimits;
const begin = 1_796_000_000_000;
const one = (recipients = 1): Counts => countsOf("accepted", [{ lane: "normal", recipients }]);

/** Counts one recipient at each of these times; what is kept at the end, by place. */
function keep(times: readonly number[]) {
  const kept = new Map<number, Interval>();
  let newest: Interval | undefined;
  for (const time of times) {
    newest = counted(newest, one(), time);
    kept.set(placeOf(newest), newest);
  }
  return { kept: [...kept.values()], newest };
}

const accepted = (counts: Counts | undefined) => counts?.normal?.recipients.accepted ?? 0;

describe("an interval", () => {
  test("holds what was counted in its 10 seconds, and the totals until its end", () => {
    const { kept, newest } = keep([begin, begin + intervalMs - 1, begin + intervalMs]);
    expect(kept.map(({ at, counts, totals }) => [at, accepted(counts), accepted(totals)])).toEqual([
      [begin, 2, 2],
      [begin + intervalMs, 1, 3],
    ]);
    expect(newest).toMatchObject({ since: begin });
  });

  test("remembers when counting began, to the millisecond", () => {
    expect(counted(undefined, one(), begin + 1_234)).toMatchObject({ at: begin, since: begin + 1_234 });
  });

  test("is the newest one where the clock goes back", () => {
    const newest = counted(undefined, one(), begin);
    expect(counted(newest, one(2), begin - 60_000)).toEqual({
      at: begin,
      since: begin,
      counts: one(3),
      totals: one(3),
    });
  });
});

describe("what is kept", () => {
  const steps = fc.array(fc.oneof(fc.nat(2_000), fc.nat(60_000), fc.nat(3 * recentMs)), { maxLength: 300 });

  test("never grows past a place for each interval, and loses nothing of the totals and the last 10 minutes", () => {
    fc.assert(
      fc.property(steps, (waits) => {
        let now = begin;
        const times = waits.map((wait) => {
          now += wait;
          return now;
        });
        const { kept, newest } = keep(times);
        expect(kept.length).toBeLessThanOrEqual(places);
        expect(accepted(newest?.totals)).toBe(times.length);
        const shown = recent(kept, now);
        const all = shown.reduce<Counts>((sum, { counts }) => addCounts(sum, counts), {});
        const from = Math.floor((now - recentMs) / intervalMs) * intervalMs;
        expect(accepted(all)).toBe(times.filter((time) => time >= from).length);
        expect(shown.map(({ at }) => at)).toEqual(shown.map(({ at }) => at).sort((a, b) => a - b));
      }),
    );
  });

  test("is not shown once it is older than 10 minutes, though its place has not been taken over", () => {
    const { kept } = keep([begin]);
    expect(recent(kept, begin + recentMs + intervalMs - 1)).toHaveLength(1);
    expect(recent(kept, begin + recentMs + intervalMs)).toEqual([]);
  });
});
