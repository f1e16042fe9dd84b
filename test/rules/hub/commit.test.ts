import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CommitFacts, commit, isOwn, type Place, recall, schedule } from "../../../src/hub/commit.ts";
import { withdrawal } from "../../../src/lanes/withdrawal.ts";
import type { MessageId } from "../../../src/protocol/ids.ts";
import { type AcceptedMessage, digestType } from "../../../src/protocol/message.ts";
import { priorities, priorityRank } from "../../../src/protocol/priority.ts";
import { idOf, message, now } from "./support.ts";

const facts: CommitFacts = {
  head: 9,
  known: undefined,
  barred: false,
  target: undefined,
  erasedAt: 0,
  stored: 5,
  superseded: [],
  weakest: undefined,
};

describe("commit", () => {
  it("gives a new message the next number", () => {
    const committed = { verdict: { verdict: "committed", seq: 10 }, withdrawn: [] };
    expect(commit(message(), facts, now, 10)).toEqual(committed);
  });

  it("D2 answers a known id with the number that it has", () => {
    const known = { seq: 3, same: true };
    expect(commit(message(), { ...facts, known }, now, 10)).toEqual({
      verdict: { verdict: "duplicate", seq: 3 },
    });
  });

  it("B5 never lets an id stand for two contents", () => {
    const known = { seq: 3, same: false };
    expect(commit(message(), { ...facts, known }, now, 10)).toEqual({ verdict: { verdict: "id_conflict" } });
  });

  it("D23 takes no number for what expired before its commit, to the millisecond", () => {
    expect(commit(message("normal", { expires: now }), facts, now, 10)).toEqual({
      verdict: { verdict: "expired" },
    });
    expect(commit(message("normal", { expires: now + 1 }), facts, now, 10).verdict.verdict).toBe("committed");
  });

  it("a known id is a duplicate even after it expired", () => {
    const known = { seq: 3, same: true };
    const { verdict } = commit(message("normal", { expires: now - 1 }), { ...facts, known }, now, 10);
    expect(verdict).toEqual({ verdict: "duplicate", seq: 3 });
  });

  it("D30 brings nothing back that was accepted before the user was erased", () => {
    const erased = { ...facts, erasedAt: now, known: { seq: 3, same: true } };
    expect(commit(message(), erased, now, 10)).toEqual({ verdict: { verdict: "gone" } });
    expect(
      commit(message("normal", { at: now + 1 }), { ...facts, erasedAt: now }, now, 10).verdict.verdict,
    ).toBe("committed");
  });

  it("D24 withdraws the older messages of the same collapse key", () => {
    expect(commit(message(), { ...facts, superseded: [4] }, now, 10)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [{ seq: 4, reason: "collapsed" }],
    });
  });

  it("at the cap a collapsed message makes the room", () => {
    const full = { ...facts, stored: 5, superseded: [4], weakest: { seq: 1, priority: "low" as const } };
    expect(commit(message(), full, now, 5)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [{ seq: 4, reason: "collapsed" }],
    });
  });

  it("D25 evicts the weakest at the cap, and the new message where that is the weakest", () => {
    const full = { ...facts, weakest: { seq: 2, priority: "normal" as const } };
    const evicted = (priority: "low" | "normal" | "critical") => {
      const decided = commit(message(priority), full, now, 5);
      return "withdrawn" in decided ? decided.withdrawn : decided.verdict;
    };
    expect(evicted("critical")).toEqual([{ seq: 2, reason: "evicted" }]);
    expect(evicted("normal")).toEqual([{ seq: 2, reason: "evicted" }]);
    expect(evicted("low")).toEqual([{ seq: 10, reason: "evicted" }]);
  });

  it("D25 refuses where only critical messages are left", () => {
    expect(commit(message("critical"), facts, now, 5)).toEqual({ verdict: { verdict: "inbox_full" } });
  });

  it("keeps the stream whole and below the cap, whatever comes", () => {
    const arrivals = fc.array(
      fc.record({ id: fc.integer({ min: 1, max: 12 }), priority: fc.constantFrom(...priorities) }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 5 }), (all, cap) => {
        const stored = new Map<number, (typeof priorities)[number]>();
        const numbers = new Map<number, number>();
        for (const { id, priority } of all) {
          const seq = numbers.get(id);
          const [weakest] = [...stored]
            .map(([number, rank]) => ({ seq: number, priority: rank }))
            .filter((one) => one.priority !== "critical")
            .sort((a, b) => priorityRank[b.priority] - priorityRank[a.priority] || a.seq - b.seq);
          const known = seq === undefined ? undefined : { seq, same: true };
          const decided = commit(
            message(priority),
            { ...facts, head: numbers.size, known, stored: stored.size, weakest },
            now,
            cap,
          );
          if (!("withdrawn" in decided)) continue;
          numbers.set(id, decided.verdict.seq);
          stored.set(decided.verdict.seq, priority);
          for (const gone of decided.withdrawn) {
            expect(stored.get(gone.seq)).not.toBe("critical");
            stored.delete(gone.seq);
          }
          expect(stored.size).toBeLessThanOrEqual(cap);
        }
        expect([...numbers.values()]).toEqual([...numbers.values()].map((_, index) => index + 1));
      }),
    );
  });
});

describe("a message that takes another one's place", () => {
  const replacing = message("normal", { replaces: idOf(4) });
  const at = (place: Place): CommitFacts => ({
    ...facts,
    target: { id: idOf(4), place },
  });

  it("withdraws that one, whose devices get the new one", () => {
    expect(commit(replacing, at(4), now, 10)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [{ seq: 4, reason: "replaced" }],
    });
  });

  it("comes alone where that one is gone already", () => {
    expect(commit(replacing, at("gone"), now, 10)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [],
    });
  });

  it("bars that one where it has not come", () => {
    expect(commit(replacing, at("unknown"), now, 10)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [],
      bars: idOf(4),
    });
  });

  it("takes that one down although its own time is over when it comes", () => {
    const late = { ...replacing, expires: now };
    expect(commit(late, at(4), now, 10)).toEqual({
      verdict: { verdict: "expired" },
      takenDown: { seq: 4, reason: "replaced" },
    });
    expect(commit(late, at("unknown"), now, 10)).toEqual({ verdict: { verdict: "expired" }, bars: idOf(4) });
  });

  it("finds its room at the cap in the place of that one, even if both have the same key", () => {
    const full = { ...at(4), superseded: [4], weakest: { seq: 1, priority: "low" as const } };
    expect(commit(replacing, full, now, 5)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [{ seq: 4, reason: "replaced" }],
    });
  });

  it("takes that one down although it is retracted itself before it comes", () => {
    expect(commit(replacing, { ...at(4), barred: true }, now, 10)).toEqual({
      verdict: { verdict: "withdrawn" },
      takenDown: { seq: 4, reason: "replaced" },
    });
    expect(commit(replacing, { ...at("unknown"), barred: true }, now, 10)).toEqual({
      verdict: { verdict: "withdrawn" },
      bars: idOf(4),
    });
  });
});

describe("a retraction", () => {
  const word = withdrawal(idOf(4), "retracted", { now, audience: "" });
  const at = (place: Place): CommitFacts => ({
    ...facts,
    target: { id: idOf(4), place },
  });

  it("withdraws the message and takes a number, by which devices are told", () => {
    expect(commit(word, at(4), now, 10)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [{ seq: 4, reason: "retracted" }],
    });
  });

  it("tells devices also where the message is delivered no more: they may show it", () => {
    expect(commit(word, at("left"), now, 10)).toEqual({
      verdict: { verdict: "committed", seq: 10 },
      withdrawn: [],
      retold: { id: idOf(4), reason: "retracted" },
    });
  });

  it("changes nothing for devices that were told already, or have not got the message", () => {
    expect(commit(word, at("gone"), now, 10)).toEqual({ verdict: { verdict: "withdrawn" } });
    expect(commit(word, at("unknown"), now, 10)).toEqual({
      verdict: { verdict: "withdrawn" },
      bars: idOf(4),
    });
  });

  it("that arrives twice is a duplicate", () => {
    const known = { seq: 10, same: true };
    expect(commit(word, { ...at("gone"), known }, now, 10)).toEqual({
      verdict: { verdict: "duplicate", seq: 10 },
    });
  });

  it("is the hub's own word: at the cap it evicts nothing, and is never refused", () => {
    expect(isOwn(word.type)).toBe(true);
    const full = { ...at(4), stored: 50 };
    for (const weakest of [undefined, { seq: 1, priority: "low" as const }]) {
      expect(commit(word, { ...full, weakest }, now, 5)).toMatchObject({
        verdict: { verdict: "committed" },
        withdrawn: [{ seq: 4, reason: "retracted" }],
      });
    }
    const digest = message("normal", { type: digestType });
    expect(commit(digest, { ...facts, stored: 50 }, now, 5)).toMatchObject({ withdrawn: [] });
  });

  it("has an id of its own, the same for the same word", () => {
    const again = withdrawal(idOf(4), "retracted", { now: now + 5, audience: "" });
    expect(again.id).toBe(word.id);
    const others = [
      withdrawal(idOf(5), "retracted", { now, audience: "" }),
      withdrawal(idOf(4), "handled", { now, audience: "" }),
      withdrawal(idOf(4), "retracted", { now, audience: "alice" }),
      withdrawal(idOf(4), "retracted", { now, audience: "", priority: "critical" }),
    ];
    expect(new Set([word, ...others].map(({ id }) => id)).size).toBe(5);
  });

  it("ends with replacements in the same, in whatever order all of it arrives", () => {
    const said = fc.array(
      fc.record({
        replaces: fc.option(fc.nat(9)),
        retracted: fc.boolean(),
        order: fc.tuple(fc.nat(), fc.nat()),
      }),
      { minLength: 1, maxLength: 10 },
    );
    fc.assert(
      fc.property(said, (all) => {
        const replaced = all.map(({ replaces }, index) =>
          replaces !== null && replaces < index ? replaces : undefined,
        );
        const arrivals = all.flatMap(({ retracted, order }, index) => {
          const target = replaced[index];
          const one = message("normal", {
            id: idOf(index),
            ...(target === undefined ? {} : { replaces: idOf(target) }),
          });
          const word = withdrawal(idOf(index), "retracted", { now, audience: "" });
          const first = { order: order[0], message: one };
          return retracted ? [first, { order: order[1], message: word }] : [first];
        });
        const live = afterAll(arrivals.toSorted((a, b) => a.order - b.order).map((each) => each.message));
        const expected = all.flatMap(({ retracted }, index) =>
          retracted || replaced.includes(index) ? [] : [idOf(index)],
        );
        expect(live.toSorted()).toEqual(expected.toSorted());
      }),
    );
  });
});

/** The ids of the messages that are delivered after all of these have arrived. */
function afterAll(arrivals: readonly AcceptedMessage[]): MessageId[] {
  const stream: { readonly id: MessageId; readonly own: boolean; gone: boolean }[] = [];
  const barred = new Set<MessageId>();
  for (const arrival of arrivals) {
    const id = arrival.retracts ?? arrival.replaces;
    const index = stream.findIndex((row) => row.id === id);
    const place = index < 0 ? "unknown" : stream[index]?.gone ? "gone" : index + 1;
    const decided = commit(
      arrival,
      {
        ...facts,
        head: stream.length,
        barred: barred.has(arrival.id),
        target: id === undefined ? undefined : { id, place },
      },
      now,
      100,
    );
    if (decided.bars !== undefined) barred.add(decided.bars);
    const taken = "withdrawn" in decided ? decided.withdrawn : [decided.takenDown ?? []].flat();
    for (const { seq } of taken) {
      const row = stream[seq - 1];
      if (row === undefined || row.gone) throw new Error(`${seq} is withdrawn twice, or was never there`);
      row.gone = true;
    }
    if (decided.verdict.verdict === "committed") {
      expect(decided.verdict.seq).toBe(stream.length + 1);
      stream.push({ id: arrival.id, own: isOwn(arrival.type), gone: false });
    }
  }
  return stream.filter(({ own, gone }) => !own && !gone).map(({ id }) => id);
}

describe("a message whose time has not come", () => {
  const ids = { known: undefined, barred: false, erasedAt: 0 };

  it("is kept while there is room among those that wait", () => {
    expect(schedule(message(), { ...ids, waiting: 9 }, 10)).toEqual({ verdict: "scheduled" });
    expect(schedule(message(), { ...ids, waiting: 10 }, 10)).toEqual({ verdict: "inbox_full" });
  });

  it("is not kept where enough is known of it", () => {
    const verdicts = [
      { known: { seq: 3, same: true } },
      { known: { seq: 3, same: false } },
      { barred: true },
      { erasedAt: now },
    ].map((parts) => schedule(message(), { ...ids, ...parts, waiting: 0 }, 10));
    expect(verdicts).toEqual([
      { verdict: "duplicate", seq: 3 },
      { verdict: "id_conflict" },
      { verdict: "withdrawn" },
      { verdict: "gone" },
    ]);
    expect(recall(message(), ids)).toBeUndefined();
  });
});
