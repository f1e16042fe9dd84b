/** What the leader tells a tab that joins: exactly the numbers that it lacks, or from where to begin anew. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { heldForTabs } from "../../../../src/client/limits.ts";
import { disconnected, emptyRelay, join, type Relay, take } from "../../../../src/client/page/relay.ts";
import type { ServerFrame } from "../../../../src/protocol/frames.ts";
import { gap, liveMessage, messages, streamMessage, welcome } from "../../../support/client-driver.ts";

const epoch = "epoch-1";
const at = (seq: number) => ({ epoch, seq });

function told(...frames: readonly ServerFrame[]): Relay {
  return frames.reduce(take, emptyRelay);
}

/** The numbers that the frames bring, each once and in order, as a client takes them that begins after `from`. */
function numbers(frames: readonly ServerFrame[]): number[] {
  return frames.flatMap((frame) => {
    if (frame.type === "messages") return frame.messages.map(({ seq }) => seq);
    if (frame.type !== "gap") return [];
    return Array.from({ length: frame.to - frame.from + 1 }, (_, index) => frame.from + index);
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

describe("a tab that joins", () => {
  test("is told nothing while there is no connection", () => {
    expect(join(emptyRelay, at(3))).toBeUndefined();
    expect(join(disconnected(told(welcome(), messages(1, 2))), at(1))).toBeUndefined();
  });

  test("is welcomed where it is, and gets what it lacks", () => {
    const relay = told(welcome({ head: 2 }), messages(1, 2), gap(3, 4), messages(5));
    const answer = join(relay, at(2));
    expect(answer).toEqual([welcome({ head: 5, from: 2, resumed: true }), gap(3, 4), messages(5)]);
  });

  test("gets of a gap what it lacks of it only", () => {
    expect(join(told(welcome({ head: 9 }), gap(1, 9)), at(5))).toMatchObject([{}, gap(6, 9)]);
  });

  test("is told the read state as of now", () => {
    const state = { type: "state", unread: 3, readUpTo: 7, rev: 9 } as const;
    const relay = told(welcome(), state, { type: "messages", messages: [streamMessage(1)], unread: 4 });
    expect(join(relay, at(1))).toEqual([welcome({ from: 1, unread: 4, readUpTo: 7, rev: 9 })]);
  });

  test("without a place, or with one of another epoch, begins anew and is told why", () => {
    const relay = told(welcome({ head: 1, resumed: false, reason: "new" }), messages(1));
    const anew = { head: 1, from: 0, resumed: false };
    expect(join(relay, undefined)).toEqual([welcome({ ...anew, reason: "new" }), messages(1)]);
    expect(join(relay, { epoch: "epoch-0", seq: 1 })).toEqual([
      welcome({ ...anew, reason: "epoch" }),
      messages(1),
    ]);
    expect(join(relay, at(2))).toEqual([welcome({ ...anew, reason: "storage" }), messages(1)]);
    expect(join(relay, at(1))).toEqual([welcome({ head: 1, from: 1, resumed: true })]);
  });

  test("from before what is held makes the connection begin there", () => {
    const relay = told(welcome({ from: 10 }), messages(11, 12));
    expect(join(relay, at(9))).toEqual({ rewindTo: 9 });
    expect(join(relay, undefined)).toEqual({ rewindTo: 0 });
    expect(join(relay, at(10))).toHaveLength(3);
  });
});

describe("what is held", () => {
  test("is bounded", () => {
    const relay = told(welcome({ head: 1_000 }), messages(...range(1, 1_000)));
    expect(relay.held).toHaveLength(heldForTabs);
    expect(join(relay, at(1_000 - heldForTabs - 1))).toEqual({ rewindTo: 1_000 - heldForTabs - 1 });
    expect(join(relay, at(1_000 - heldForTabs))).toHaveLength(heldForTabs + 1);
  });

  test("of one message under way counts what comes again once", () => {
    const relay = told(welcome(), messages(1, 2), messages(2, 3), gap(2, 4), gap(1, 4));
    expect(relay.held.map((item) => ("data" in item ? item.seq : [item.from, item.to]))).toEqual([
      1,
      2,
      3,
      [4, 4],
    ]);
  });

  test("begins anew after a hole", () => {
    const relay = told(welcome(), messages(1), messages(5, 6));
    expect(relay).toMatchObject({ after: 5, received: 6 });
    expect(join(relay, at(1))).toEqual({ rewindTo: 1 });
  });

  test("stays good for a connection that goes on after it or within it", () => {
    const held = disconnected(told(welcome(), messages(1, 2, 3)));
    expect(take(held, welcome({ from: 3 }))).toMatchObject({ after: 0, received: 3 });
    expect(take(held, welcome({ from: 2 }))).toMatchObject({ after: 0, received: 2 });
    expect(take(held, welcome({ from: 5 }))).toMatchObject({ after: 5, received: 5, held: [] });
    expect(take(held, welcome({ from: 2, epoch: "epoch-2" }))).toMatchObject({
      after: 2,
      received: 2,
      held: [],
    });
    const none = disconnected(told(welcome({ from: 7 })));
    expect(take(none, welcome({ from: 7 }))).toMatchObject({ after: 7, received: 7 });
  });

  test("does not change with what is for now only", () => {
    const relay = told(welcome(), messages(1));
    expect(take(relay, { type: "express", message: streamMessage(9) })).toBe(relay);
    expect(take(relay, { type: "live", message: liveMessage("live-one") })).toBe(relay);
    expect(take(relay, { type: "bye", code: 4200, reason: "" })).toBe(relay);
    expect(take(emptyRelay, messages(1))).toEqual(emptyRelay);
    expect(take(emptyRelay, gap(1, 2))).toEqual(emptyRelay);
  });
});

/** What the hub does next: it sends some numbers, as messages or as a gap, or the connection is another one. */
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("messages", "gap"),
      count: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("reconnect"), count: fc.integer({ min: 0, max: 30 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("hole", "cut", "epoch"), count: fc.constant(2) }),
  },
);

test("whoever joins at any time from anywhere gets exactly what it lacks, or is told where to begin", () => {
  const places = fc.array(fc.record({ back: fc.nat(400), known: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), places, (events, joins) => {
      let relay = take(emptyRelay, welcome({ head: 0 }));
      let [sent, life, open] = [0, 1, true];
      // The lowest number that must still be known, and whether the hub kept its rules so far.
      for (const { kind, count } of events) {
        if (kind === "reconnect" || kind === "epoch" || (!open && kind !== "cut")) {
          if (kind === "epoch") life += 1;
          sent = kind === "epoch" ? 0 : Math.max(0, sent - count);
          relay = take(disconnected(relay), welcome({ epoch: `epoch-${life}`, from: sent, head: sent }));
          open = true;
        } else if (kind === "cut") {
          relay = disconnected(relay);
          open = false;
        } else {
          const first = sent + (kind === "hole" ? count : 1);
          sent = first + count - 1;
          relay = take(relay, kind === "gap" ? gap(first, sent) : messages(...range(first, sent)));
        }
        expect(relay.held.length).toBeLessThanOrEqual(heldForTabs);
        expect(relay.received).toBe(sent);
        expect(relay.after).toBeLessThanOrEqual(sent);
        for (const { back, known } of joins) {
          const seq = Math.max(0, sent - back);
          const answer = join(relay, known ? { epoch: `epoch-${life}`, seq } : undefined);
          const from = known ? seq : 0;
          if (answer === undefined) {
            expect(open).toBe(false);
          } else if ("rewindTo" in answer) {
            expect(answer.rewindTo).toBe(from);
            expect(from).toBeLessThan(relay.after);
          } else {
            expect(answer[0]).toMatchObject({
              type: "welcome",
              from,
              resumed: known,
              epoch: `epoch-${life}`,
            });
            expect(numbers(answer)).toEqual(range(from + 1, sent));
          }
        }
      }
    }),
    { numRuns: 300, seed: 20_261_125 },
  );
});
