import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  acknowledge,
  type Cursor,
  cursorAt,
  express,
  open,
  pump,
  type Window,
} from "../../../src/hub/stream.ts";
import { goneReasons } from "../../../src/protocol/frames.ts";
import { now, row, rows } from "./support.ts";

const window: Window = {
  windowMessages: 4,
  windowBytes: 1_000,
  frameMessages: 3,
  frameBytes: 500,
  maxExpress: 2,
  stallTimeoutMs: 60_000,
};
describe("open", () => {
  it("D10 resumes from the client's own cursor", () => {
    expect(open({ epoch: "e", seq: 3 }, "e", 5)).toEqual({ from: 3 });
    expect(open({ epoch: "e", seq: 5 }, "e", 5)).toEqual({ from: 5 });
  });

  it("D13 starts from the beginning for a client that lost its storage", () => {
    expect(open(undefined, "e", 5)).toEqual({ from: 0, reset: "new" });
  });

  it("D15 starts from the beginning where the epoch is another", () => {
    expect(open({ epoch: "old", seq: 3 }, "e", 5)).toEqual({ from: 0, reset: "epoch" });
  });

  it("takes a cursor beyond the head as proof that storage went back in time", () => {
    expect(open({ epoch: "e", seq: 6 }, "e", 5)).toEqual({ from: 0, reset: "storage" });
  });
});

describe("pump", () => {
  const from = (cursor: Cursor, all = rows(1, 9), head = 9) => pump(cursor, all, head, now, window);

  it("has nothing to do at the head", () => {
    const cursor = cursorAt("e", 9);
    expect(from(cursor)).toEqual({ cursor, frames: [] });
  });

  it("D19 stops at the full window and says until when", () => {
    const { cursor, frames } = from(cursorAt("e", 2));
    expect(
      frames.flatMap((frame) => (frame.type === "rows" ? frame.rows.map(({ seq }) => seq) : [])),
    ).toEqual([3, 4, 5, 6]);
    expect(cursor).toMatchObject({ sent: 6, acked: 2, stalledUntil: now + 60_000 });
    expect(from(cursor)).toEqual({ cursor, frames: [] });
  });

  it("is not stalled when the window is full and nothing is left to send", () => {
    expect(from(cursorAt("e", 5)).cursor).toMatchObject({ sent: 9, stalledUntil: null });
  });

  it("counts bytes too, and lets one message of any size through", () => {
    const { cursor } = from(cursorAt("e", 0), [row(1, { bytes: 5_000 }), row(2)], 2);
    expect(cursor).toMatchObject({ sent: 1, stalledUntil: now + 60_000 });
  });

  it("cuts frames by messages and by bytes", () => {
    const sizes = (all: Parameters<typeof pump>[1], head: number) =>
      from(cursorAt("e", 0), [...all], head).frames.map((frame) =>
        frame.type === "rows" ? frame.rows.length : 0,
      );
    expect(sizes(rows(1, 4), 4)).toEqual([3, 1]);
    expect(sizes(rows(1, 3, { bytes: 300 }), 3)).toEqual([1, 1, 1]);
    expect(sizes([row(1, { bytes: 900 }), row(2, { bytes: 10 })], 2)).toEqual([1, 1]);
  });

  it("D14 tells a run of numbers that are gone as one gap, free of the window", () => {
    const cursor = {
      ...cursorAt("e", 0),
      flight: rows(1, 4).map(({ seq, bytes }) => ({ seq, bytes })),
      sent: 4,
    };
    const { frames } = from(cursor, rows(5, 9, { gone: "evicted" }));
    expect(frames).toEqual([{ type: "gap", from: 5, to: 9, reason: "evicted" }]);
  });

  it("sends one gap for a run, with the reason of its last number", () => {
    const all = [
      row(1, { gone: "evicted" }),
      row(2, { gone: "collapsed" }),
      row(3),
      row(4, { gone: "collapsed" }),
    ];
    const { frames } = from(cursorAt("e", 0), all, 4);
    expect(frames).toMatchObject([
      { type: "gap", from: 1, to: 2, reason: "collapsed" },
      { type: "rows", rows: [{ seq: 3 }] },
      { type: "gap", from: 4, to: 4, reason: "collapsed" },
    ]);
  });

  it("never sends more gaps than there are messages between them", () => {
    const reasons = ["collapsed", "evicted", "expired"] as const;
    const all = Array.from({ length: 1_000 }, (_, index) =>
      row(index + 1, { gone: reasons[index % 3] ?? "expired" }),
    );
    expect(from(cursorAt("e", 0), all, 1_000).frames).toEqual([
      { type: "gap", from: 1, to: 1_000, reason: "collapsed" },
    ]);
  });

  it("D23 tells what expired in the inbox as a gap, to the millisecond", () => {
    const all = [row(1, { expires: now }), row(2, { expires: now + 1 })];
    expect(from(cursorAt("e", 0), all, 2).frames).toMatchObject([
      { type: "gap", from: 1, to: 1, reason: "expired" },
      { type: "rows", rows: [{ seq: 2 }] },
    ]);
  });

  it("takes numbers that were trimmed long ago for expired, before, between and after what is left", () => {
    expect(from(cursorAt("e", 0), [row(3), row(6)], 9).frames).toMatchObject([
      { type: "gap", from: 1, to: 2, reason: "expired" },
      { type: "rows", rows: [{ seq: 3 }] },
      { type: "gap", from: 4, to: 5, reason: "expired" },
      { type: "rows", rows: [{ seq: 6 }] },
      { type: "gap", from: 7, to: 9, reason: "expired" },
    ]);
  });

  it("joins what expired and what was trimmed", () => {
    expect(from(cursorAt("e", 0), [row(2, { expires: 0 })], 3).frames).toEqual([
      { type: "gap", from: 1, to: 3, reason: "expired" },
    ]);
  });

  it("sends every number once, in order, inside the window, until the head is acknowledged", () => {
    const stream = fc.array(
      fc.record({
        gone: fc.constantFrom(null, null, ...goneReasons),
        bytes: fc.integer({ min: 1, max: 700 }),
        trimmed: fc.boolean(),
        late: fc.boolean(),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(stream, fc.nat(30), (shapes, start) => {
        const head = shapes.length;
        const all = shapes.flatMap(({ gone, bytes, trimmed, late }, index) =>
          trimmed ? [] : [row(index + 1, { gone, bytes, expires: late ? now : now + 1 })],
        );
        let cursor = cursorAt("e", Math.min(start, head));
        let next = cursor.sent + 1;
        for (let turn = 0; turn <= head && cursor.acked < head; turn += 1) {
          const pumped = pump(cursor, all, head, now, window);
          for (const frame of pumped.frames) {
            if (frame.type === "gap") {
              expect(frame.from).toBe(next);
              next = frame.to + 1;
              continue;
            }
            expect(frame.rows.length).toBeLessThanOrEqual(window.frameMessages);
            for (const sent of frame.rows) {
              expect(sent).toMatchObject({ seq: next, gone: null, expires: now + 1 });
              next += 1;
            }
          }
          expect(pumped.cursor.sent).toBe(next - 1);
          expect(pumped.cursor.flight.length).toBeLessThanOrEqual(window.windowMessages);
          const before = pumped.cursor.flight.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0);
          expect(before).toBeLessThan(window.windowBytes);
          expect(pumped.cursor.stalledUntil !== null).toBe(pumped.cursor.sent < head);
          const acked = acknowledge(pumped.cursor, "e", pumped.cursor.sent, head);
          if (acked.kind !== "moved") throw new Error(acked.kind);
          cursor = acked.cursor;
        }
        expect(cursor).toMatchObject({ sent: head, acked: head, flight: [] });
      }),
    );
  });
});

describe("express", () => {
  const urgent = row(5, { priority: "critical" });

  it("D21 copies a critical message that would have to wait", () => {
    expect(express(cursorAt("e", 3), urgent, window)).toEqual({ ...cursorAt("e", 3), express: [5] });
  });

  it("copies nothing whose turn is next, and nothing less urgent", () => {
    expect(express(cursorAt("e", 4), urgent, window)).toBeUndefined();
    expect(express(cursorAt("e", 0), row(5, { priority: "high" }), window)).toBeUndefined();
  });

  it("D22 has no more copies outstanding than allowed", () => {
    expect(express({ ...cursorAt("e", 0), express: [2, 3] }, urgent, window)).toBeUndefined();
    expect(express({ ...cursorAt("e", 0), express: [2] }, urgent, window)?.express).toEqual([2, 5]);
  });
});

describe("acknowledge", () => {
  const flight = [3, 4, 5, 6].map((seq) => ({ seq, bytes: 10 }));
  const cursor: Cursor = { ...cursorAt("e", 2), sent: 6, flight, express: [4, 9], stalledUntil: now };

  it("D20 frees the window up to the number, and ends the stall", () => {
    expect(acknowledge(cursor, "e", 4, 9)).toEqual({
      kind: "moved",
      cursor: { ...cursor, acked: 4, flight: flight.slice(2), express: [9], stalledUntil: null },
    });
  });

  it("counts no further than what was sent", () => {
    expect(acknowledge(cursor, "e", 9, 9)).toMatchObject({
      kind: "moved",
      cursor: { acked: 6, express: [9] },
    });
  });

  it("C17 ignores a number that is lower or the same", () => {
    for (const seq of [0, 1, 2]) expect(acknowledge(cursor, "e", seq, 9)).toEqual({ kind: "moved", cursor });
  });

  it("C18 has nothing to do with another epoch", () => {
    expect(acknowledge(cursor, "old", 4, 9)).toEqual({ kind: "resync" });
  });

  it("C16 answers what is no number up to the head, and is hopeless the second time", () => {
    for (const seq of [10, -1, 1.5, Number.NaN, "4", null, undefined, {}]) {
      const bad = acknowledge(cursor, "e", seq, 9);
      expect(bad).toEqual({ kind: "bad", cursor: { ...cursor, badAcks: 1 } });
      if (bad.kind === "bad") expect(acknowledge(bad.cursor, "e", seq, 9)).toEqual({ kind: "hopeless" });
    }
  });

  it("never falls, and stays between what was acknowledged and what was sent", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 20 }), (acks) => {
        let current = cursor;
        for (const seq of acks) {
          const acked = acknowledge(current, "e", seq, 9);
          if (acked.kind !== "moved") throw new Error(acked.kind);
          expect(acked.cursor.acked).toBe(Math.max(current.acked, Math.min(seq, 6)));
          expect(acked.cursor.flight.every((sent) => sent.seq > acked.cursor.acked)).toBe(true);
          current = acked.cursor;
        }
      }),
    );
  });
});
