import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addCounts,
  type Counts,
  countsOf,
  countsOfCall,
  type LaneCounts,
  latenciesOf,
  outcomes,
} from "../../../src/observe/counts.ts";
import { emptyHistogram, histogramOf } from "../../../src/observe/histogram.ts";
import type { Verdict } from "../../../src/protocol/delivery.ts";
import { priorities } from "../../../src/protocol/priority.ts";

const laneCounts: fc.Arbitrary<LaneCounts> = fc.record({
  recipients: fc.dictionary(fc.constantFrom(...outcomes), fc.integer({ min: 1, max: 1_000 })),
  latencies: fc.array(fc.nat(10_000), { maxLength: 20 }).map(histogramOf),
});
const someCounts: fc.Arbitrary<Counts> = fc.dictionary(fc.constantFrom(...priorities), laneCounts);

describe("counts", () => {
  test("add up to the same in any order and grouping", () => {
    fc.assert(
      fc.property(someCounts, someCounts, someCounts, (a, b, c) => {
        expect(addCounts(addCounts(a, b), c)).toEqual(addCounts(a, addCounts(b, c)));
        expect(addCounts(a, b)).toEqual(addCounts(b, a));
        expect(addCounts(a, {})).toEqual({ ...a });
      }),
    );
  });

  test("add up lane by lane and outcome by outcome", () => {
    const sum = addCounts(
      { critical: { recipients: { accepted: 2, dead: 1 }, latencies: histogramOf([3]) } },
      {
        critical: { recipients: { accepted: 3 }, latencies: histogramOf([5]) },
        low: { recipients: { retried: 1 }, latencies: emptyHistogram },
      },
    );
    expect(sum).toEqual({
      critical: { recipients: { accepted: 5, dead: 1 }, latencies: histogramOf([3, 5]) },
      low: { recipients: { retried: 1 }, latencies: emptyHistogram },
    });
  });

  test("of what was accepted are of recipients, by lane", () => {
    const counts = countsOf("accepted", [
      { lane: "low", recipients: 3 },
      { lane: "high", recipients: 1 },
      { lane: "low", recipients: 2 },
    ]);
    expect(counts).toEqual({
      low: { recipients: { accepted: 5 }, latencies: emptyHistogram },
      high: { recipients: { accepted: 1 }, latencies: emptyHistogram },
    });
    expect(countsOf("accepted", [])).toEqual({});
  });
});

describe("the counts of a call", () => {
  const messages = [{ at: 1_000 }, { at: 1_010 }, { at: 1_020 }];

  test("hold each verdict, and those that make a dead letter as dead", () => {
    const verdicts: Verdict[] = [
      { verdict: "committed", seq: 1 },
      { verdict: "duplicate", seq: 1 },
      { verdict: "live" },
      { verdict: "expired" },
      { verdict: "gone" },
      { verdict: "inbox_full" },
      { verdict: "id_conflict" },
    ];
    const of = countsOfCall(
      verdicts.map(() => ({ at: 1_000 })),
      { verdicts, devices: [2, 0, 1, 0, 0, 0, 0] },
      1_030,
    );
    expect(of).toEqual({
      recipients: { committed: 1, duplicate: 1, live: 1, expired: 1, gone: 1, dead: 2 },
      latencies: histogramOf([30, 30]),
    });
  });

  test("hold the time from acceptance to answer, once for however many devices, and not for what reached none", () => {
    expect(latenciesOf(messages, { devices: [1, 0, 5] }, 1_050)).toEqual([50, 30]);
    expect(latenciesOf(messages, { devices: [] }, 1_050)).toEqual([]);
  });

  test("hold no time below 0, where two clocks differ", () => {
    expect(latenciesOf(messages, { devices: [1, 1, 1] }, 1_010)).toEqual([10, 0, 0]);
  });
});
