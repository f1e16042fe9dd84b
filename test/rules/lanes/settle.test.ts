import { describe, expect, test } from "vitest";
import type { Addressed, Envelope } from "../../../src/lanes/envelope.ts";
import { type Outcome, settle, settleStep, settleUnreadable } from "../../../src/lanes/settle.ts";
import { laneLimits } from "../../../src/limits.ts";
import { topic } from "../../../src/protocol/ids.ts";
import { aMessage, to, users } from "../../support/lanes.ts";

const committed: Outcome = { verdict: "committed", seq: 1 };
const failed: Outcome = { failure: "Error: network", overloaded: false };
const overloaded: Outcome = { failure: "Error: overloaded", overloaded: true };
const last = laneLimits.maxAttempts;

const first = to(aMessage(1), "alice", "bob");
const second = to(aMessage(2), "bob", "carol");
const envelope: Envelope = { attempt: 0, items: [first, second] };

/** Settles the envelope above with these outcomes in order: message 1 for alice and bob, message 2 for bob and carol. */
function settled(outcomes: readonly Outcome[], attempt = 1) {
  const slots = envelope.items.flatMap((item) => item.users.map((user) => ({ item, user })));
  const outcomeOf = (item: Addressed, user: string) =>
    outcomes[slots.findIndex((slot) => slot.item === item && slot.user === user)] ?? failed;
  return settle(envelope, outcomeOf, { attempt, now: 5_000, random: 0.5 });
}

describe("an envelope", () => {
  test("is acknowledged once every recipient has a final verdict", () => {
    const finals: Outcome[] = [
      committed,
      { verdict: "duplicate", seq: 1 },
      { verdict: "expired" },
      { verdict: "gone" },
    ];
    expect(settled(finals)).toEqual({ dead: [], next: { do: "ack" } });
    expect(settled([{ verdict: "live" }, committed, committed, committed])).toEqual({
      dead: [],
      next: { do: "ack" },
    });
  });

  test("of which nothing got through comes again itself", () => {
    expect(settled([failed, failed, failed, failed], 3)).toEqual({
      dead: [],
      next: { do: "retry", delaySeconds: 4 },
    });
  });

  test("of which a part failed leaves only that part in the lane, with its attempts counted", () => {
    expect(settled([committed, failed, committed, failed], 3)).toEqual({
      dead: [],
      next: {
        do: "requeue",
        envelope: { attempt: 3, items: [to(first.message, "bob"), to(second.message, "carol")] },
        delaySeconds: 4,
      },
    });
  });

  test("drops a message from the rest when all its users have it", () => {
    expect(settled([committed, committed, failed, failed]).next).toMatchObject({
      envelope: { items: [{ message: second.message, users: users("bob", "carol") }] },
    });
  });

  test("gives an overloaded object longer", () => {
    expect(settled([failed, overloaded, failed, failed], 3).next).toEqual({ do: "retry", delaySeconds: 6 });
  });

  test("sends what an object refuses for good to the dead letters, and acknowledges", () => {
    expect(settled([{ verdict: "inbox_full" }, committed, { verdict: "id_conflict" }, committed])).toEqual({
      dead: [
        {
          message: first.message,
          users: users("alice"),
          reason: "inbox_full",
          attempts: 1,
          error: "",
          at: 5_000,
        },
        {
          message: second.message,
          users: users("bob"),
          reason: "id_conflict",
          attempts: 1,
          error: "",
          at: 5_000,
        },
      ],
      next: { do: "ack" },
    });
  });

  test.each([
    ["a topic", { topic: topic.parse("news") }],
    ["everyone online", { onlineOnly: true } as const],
    ["everyone", { logSeq: 7 }],
  ])("for %s whose id is taken makes one dead letter, which says how many more there are", (_, of) => {
    const item = to(aMessage(1, of), "alice", "bob", "carol");
    const conflict = () => ({ verdict: "id_conflict" }) as const;
    const { dead } = settle({ attempt: 0, items: [item] }, conflict, { attempt: 1, now: 5_000, random: 0.5 });
    expect(dead).toMatchObject([{ users: ["alice"], reason: "id_conflict" }]);
    expect(dead[0]?.error).toBe("and for 2 more users of the same crowd");
    const alone = { attempt: 0, items: [to(item.message, "alice")] };
    expect(settle(alone, conflict, { attempt: 1, now: 5_000, random: 0.5 }).dead).toMatchObject([
      { users: ["alice"], error: "" },
    ]);
    // What may be mended and sent again is kept for each of them.
    const full = () => ({ verdict: "inbox_full" }) as const;
    const refused = settle({ attempt: 0, items: [item] }, full, { attempt: 1, now: 5_000, random: 0.5 });
    expect(refused.dead).toMatchObject([{ users: ["alice", "bob", "carol"] }]);
  });

  test("is dead, refused and failed at once, each part as it deserves", () => {
    const { dead, next } = settled([{ verdict: "inbox_full" }, failed, committed, failed]);
    expect(dead).toHaveLength(1);
    expect(next).toMatchObject({
      do: "requeue",
      envelope: { items: [{ users: ["bob"] }, { users: ["carol"] }] },
    });
  });

  test("whose attempts are used up is dead with the last error, one record for those of one fate", () => {
    expect(settled([failed, failed, committed, overloaded], last)).toEqual({
      dead: [
        {
          message: first.message,
          users: users("alice", "bob"),
          reason: "attempts_exhausted",
          attempts: last,
          error: "Error: network",
          at: 5_000,
        },
        {
          message: second.message,
          users: users("carol"),
          reason: "attempts_exhausted",
          attempts: last,
          error: "Error: overloaded",
          at: 5_000,
        },
      ],
      next: { do: "ack" },
    });
  });

  test("is tried until the last attempt", () => {
    expect(settled([failed, failed, failed, failed], last - 1).next.do).toBe("retry");
    expect(settled([failed, failed, failed, failed], last).next.do).toBe("ack");
    expect(settled([failed, failed, failed, failed], last + 1).next.do).toBe("ack");
  });
});

describe("a text that is no envelope", () => {
  const at = (attempt: number) => ({ attempt, now: 5_000, random: 0.5 });

  test("is dead at once, as it is, when it is poison", () => {
    expect(settleUnreadable({ kind: "poison", error: "v: is not a number" }, "{}", "high", at(1))).toEqual({
      dead: [
        { reason: "poison", attempts: 1, error: "v: is not a number", at: 5_000, lane: "high", raw: "{}" },
      ],
      next: { do: "ack" },
    });
  });

  test("waits for a newer consumer when its version is newer, and is dead at the last attempt", () => {
    const newer = { kind: "unknown_version", error: "v: is 2, known is 1" } as const;
    expect(settleUnreadable(newer, "{}", "low", at(3))).toEqual({
      dead: [],
      next: { do: "retry", delaySeconds: 4 },
    });
    expect(settleUnreadable(newer, "{}", "low", at(last))).toMatchObject({
      dead: [{ reason: "unknown_version", raw: "{}", attempts: last }],
      next: { do: "ack" },
    });
  });
});

describe("a job", () => {
  const at = (attempt: number) => ({ attempt, now: 5_000, random: 0.5 });

  test("sends what its step says, and is acknowledged after that", () => {
    const sending = { texts: ["a", "b"], users: 3, delaySeconds: 9 };
    expect(settleStep({ do: "send", sending }, "raw", "low", at(last))).toEqual({
      dead: [],
      next: { do: "send", texts: ["a", "b"], delaySeconds: 9 },
    });
  });

  test("is acknowledged where there is nothing more to send", () => {
    const done = { dead: [], next: { do: "ack" } };
    const sending = { texts: [], users: 0, delaySeconds: 0 };
    expect(settleStep({ do: "send", sending }, "raw", "low", at(1))).toEqual(done);
    expect(settleStep({ do: "expired" }, "raw", "low", at(1))).toEqual(done);
    expect(settleStep({ do: "withdrawn" }, "raw", "low", at(1))).toEqual(done);
  });

  test("whose step failed comes again, and an overloaded object gets its rest", () => {
    expect(settleStep(failed, "raw", "low", at(3))).toEqual({
      dead: [],
      next: { do: "retry", delaySeconds: 4 },
    });
    expect(settleStep(overloaded, "raw", "low", at(3)).next).toEqual({ do: "retry", delaySeconds: 6 });
  });

  test("that failed at every attempt is dead as the text that it is, and a redrive goes on from there", () => {
    expect(settleStep(failed, "raw", "low", at(last))).toEqual({
      dead: [
        {
          ...{ reason: "attempts_exhausted", attempts: last, error: "Error: network", at: 5_000 },
          ...{ lane: "low", raw: "raw" },
        },
      ],
      next: { do: "ack" },
    });
  });
});
