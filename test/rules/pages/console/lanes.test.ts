/** What the console makes of the intervals of a lane: rates, latencies, and the lines of the chart. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Interval } from "../../../../src/pages/console/answers.ts";
import { type Box, chartSpanMs, scaleTop, share, stripOf } from "../../../../src/pages/console/chart.ts";
import { intervalMs, latencyOf, ratesOf } from "../../../../src/pages/console/rates.ts";

/** A multiple of the interval. */
const now = 1_796_000_000_000;
const interval = (
  at: number,
  more: Partial<Omit<Interval, "latency">> & { latency?: Partial<Interval["latency"]> } = {},
): Interval => ({
  at,
  accepted: 0,
  delivered: 0,
  dead: 0,
  ...more,
  latency: { count: 0, p50: 0, p95: 0, p99: 0, ...more.latency },
});
/** With this median, and a 95th percentile of ten times as much. */
const measured = (at: number, p50: number, count = 1) =>
  interval(at, { latency: { count, p50, p95: 10 * p50, p99: 20 * p50 } });

describe("rates", () => {
  test("of a steady flow are the flow, however far the running interval has come", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_999 }), (into) => {
        const whole = Array.from({ length: 8 }, (_, index) =>
          interval(now - (8 - index) * intervalMs, { accepted: 1_000, delivered: 990, dead: 10 }),
        );
        const running = interval(now, { accepted: into / 10, delivered: into / 10 });
        const rates = ratesOf([...whole, running], now + into, 0);
        expect(rates.in).toBeCloseTo(100);
        expect(rates.out).toBeCloseTo(100);
      }),
    );
  });

  test("leave out what is older than a minute, and are nothing where nothing happened", () => {
    expect(ratesOf([interval(now - 60_000, { accepted: 6_000 })], now + 5_000, 0)).toEqual({ in: 0, out: 0 });
    expect(ratesOf([], now, 0)).toEqual({ in: 0, out: 0 });
  });

  test("of a hub that began to count a moment ago are over that time, and over ten seconds at least", () => {
    const recent = [interval(now, { accepted: 200, delivered: 100, dead: 20 })];
    expect(ratesOf(recent, now + 5_000, now - 15_000)).toEqual({ in: 10, out: 6 });
    expect(ratesOf(recent, now + 100, now)).toEqual({ in: 20, out: 12 });
  });
});

describe("latency", () => {
  test("is that of the latest interval with messages, with the highest mark of all", () => {
    const recent = [measured(now - 30_000, 50, 3), measured(now - 20_000, 5, 4), interval(now)];
    expect(latencyOf(recent)).toEqual({
      count: 7,
      latest: { at: now - 20_000, p50: 5, p95: 50 },
      peak: 500,
    });
  });

  test("is nothing where nobody was sent anything", () => {
    expect(latencyOf([interval(now, { accepted: 5 })])).toBeUndefined();
  });
});

describe("the scale", () => {
  test.each([
    [Number.NEGATIVE_INFINITY, 3],
    [0, 3],
    [1_000, 3],
    [1_001, 4],
    [250_000, 6],
  ])("for a highest latency of %d ms ends at 10^%d ms", (highest, decades) => {
    expect(scaleTop(highest)).toBe(decades);
  });

  test("shares the height evenly between decades, and never leaves it", () => {
    expect([0.2, 1, 10, 100, 1_000, 50_000].map((ms) => share(ms, 3))).toEqual([0, 0, 1 / 3, 2 / 3, 1, 1]);
  });
});

describe("a strip", () => {
  /** A pixel is a second. */
  const box: Box = { left: 0, top: 0, width: 600, height: 30 };

  test("draws each interval at its time and height, joined to its neighbour", () => {
    const strip = stripOf([measured(now - 20_000, 10), measured(now - 10_000, 100)], now, 3, box);
    expect(strip.median).toBe("M580 20L590 20L590 10L600 10");
    expect(strip.high).toBe("M580 10L590 10L590 0L600 0");
    expect(strip.band).toBe("M580 10L590 10L590 0L600 0L600 10L590 10L590 20L580 20Z");
    expect(strip.slots.map(({ left, width }) => [left, width])).toEqual([
      [580, 10],
      [590, 10],
    ]);
  });

  test("breaks where nothing was measured", () => {
    const recent = [measured(now - 40_000, 1), interval(now - 30_000), measured(now - 20_000, 1)];
    expect(stripOf(recent, now, 3, box).median).toBe("M560 30L570 30M580 30L590 30");
  });

  test("cuts off what is half gone on the left or still running on the right, and leaves out the rest", () => {
    const recent = [
      measured(now - chartSpanMs - 20_000, 1),
      measured(now - chartSpanMs - 5_000, 1),
      measured(now - 4_000, 1),
      measured(now + 6_000, 1),
    ];
    const { slots, median } = stripOf(recent, now, 3, box);
    expect(slots.map(({ left, width }) => [left, width])).toEqual([
      [0, 5],
      [596, 4],
    ]);
    expect(median).toBe("M0 30L5 30M596 30L600 30");
  });

  test("is empty where there is nothing to draw", () => {
    expect(stripOf([], now, 3, box)).toEqual({ median: "", high: "", band: "", slots: [] });
  });
});
