import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byPriority } from "../../../src/pages/demo/order.ts";
import { priorities } from "../../../src/protocol/priority.ts";

describe("the list", () => {
  test("has the critical ones first, then high, normal and low, and the newest first within each", () => {
    const entries = [
      { priority: "normal", seq: 6 },
      { priority: "low", seq: 5 },
      { priority: "critical", seq: 4 },
      { priority: "high", seq: 3 },
      { priority: "critical", seq: 2 },
      { priority: "normal", seq: 1 },
    ] as const;
    expect(byPriority(entries).map(({ priority, seq }) => `${priority} ${seq}`)).toEqual([
      "critical 4",
      "critical 2",
      "high 3",
      "normal 6",
      "normal 1",
      "low 5",
    ]);
    expect(entries[0].seq).toBe(6);
  });

  test("stays in order when messages come and are read", () => {
    const entry = fc.record({ priority: fc.constantFrom(...priorities), seq: fc.nat(), read: fc.boolean() });
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: ({ seq }) => seq }), entry, (before, newcomer) => {
        const order = (entries: readonly { seq: number }[]) => entries.map(({ seq }) => seq);
        const shown = order(byPriority(before));
        const read = before.map((one) => ({ ...one, read: true }));
        expect(order(byPriority(read))).toEqual(shown);
        const next = byPriority([newcomer, ...before.filter(({ seq }) => seq !== newcomer.seq)]);
        const others = order(next).filter((seq) => seq !== newcomer.seq);
        expect(others).toEqual(shown.filter((seq) => seq !== newcomer.seq));
      }),
    );
  });
});
