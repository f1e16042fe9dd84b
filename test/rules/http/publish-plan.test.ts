import { describe, expect, test } from "vitest";
import { callsOf, type Named, planPublish } from "../../../src/http/publish-plan.ts";
import { type Answer, receiptOf, resultOf } from "../../../src/http/receipt.ts";
import { directLimits } from "../../../src/limits.ts";
import { messageId, type UserId } from "../../../src/protocol/ids.ts";
import type { Priority } from "../../../src/protocol/priority.ts";
import { aMessage, manyUsers, users } from "../../support/lanes.ts";

function item(number: number, priority: Priority, ...names: string[]): Named {
  return named(number, priority, users(...names));
}

function named(number: number, priority: Priority, of: readonly UserId[]): Named {
  return { message: aMessage(number, { priority }), audience: { users: of }, users: of, ttl: undefined };
}

describe("the plan of a publish", () => {
  test("sends critical messages to their users at once, and the rest into the lanes", () => {
    const items = [
      item(1, "low", "a"),
      item(2, "critical", "a", "b"),
      item(3, "high", "b"),
      item(4, "critical", "b"),
    ];
    expect(planPublish(items)).toEqual({
      direct: [items[1], items[3]],
      queued: [items[0], items[2]],
      crowded: [],
    });
  });

  test("sends the word that a message is retracted straight on, whatever its priority", () => {
    const word = { ...item(1, "low", "a"), message: aMessage(1, { retracts: messageId.parse("message-9") }) };
    expect(planPublish([word])).toEqual({ direct: [word], queued: [], crowded: [] });
  });

  test("counts the users of all critical messages together", () => {
    const names = manyUsers(directLimits.maxUsers);
    const few = named(1, "critical", names);
    expect(planPublish([few]).direct).toEqual([few]);
    const again = item(2, "critical", names[0] ?? "");
    expect(planPublish([few, again]).direct).toEqual([few, again]);
    const oneMore = item(3, "critical", "one-more");
    expect(planPublish([few, oneMore])).toEqual({ direct: [], queued: [few, oneMore], crowded: [] });
  });

  test("makes one call for each user, with the messages in their order", () => {
    const items = [item(1, "critical", "a", "b"), item(2, "critical", "b")];
    expect([...callsOf(items)]).toEqual([
      ["a", [items[0]?.message]],
      ["b", [items[0]?.message, items[1]?.message]],
    ]);
  });
});

describe("a receipt", () => {
  const [alice] = users("alice");
  if (alice === undefined) throw new Error("no user");

  test.each<[Answer | undefined, object]>([
    [undefined, { state: "queued" }],
    [
      { verdict: { verdict: "committed", seq: 7 }, devices: 2 },
      { state: "delivered", seq: 7, devices: 2 },
    ],
    [
      { verdict: { verdict: "duplicate", seq: 7 }, devices: 2 },
      { state: "duplicate", seq: 7 },
    ],
    [
      { verdict: { verdict: "live" }, devices: 0 },
      { state: "live", devices: 0 },
    ],
    [{ verdict: { verdict: "expired" }, devices: 2 }, { state: "expired" }],
    [{ verdict: { verdict: "gone" }, devices: 2 }, { state: "gone" }],
    [
      { verdict: { verdict: "inbox_full" }, devices: 2 },
      { state: "dead", reason: "inbox_full" },
    ],
    [
      { verdict: { verdict: "id_conflict" }, devices: 2 },
      { state: "dead", reason: "id_conflict" },
    ],
  ])("says for the answer %j of an object %j", (answer, result) => {
    expect(resultOf(alice, answer)).toEqual({ user: "alice", ...result });
  });

  test("is settled once every user's object has answered", () => {
    const one = item(1, "critical", "alice", "bob");
    const settled = resultOf(alice, { verdict: { verdict: "gone" }, devices: 0 });
    expect(receiptOf(one)).toEqual({
      id: "message-1",
      recipients: 2,
      state: "queued",
      expires: one.message.expires,
    });
    expect(receiptOf(one, [settled, settled]).state).toBe("settled");
    expect(receiptOf(one, [settled, resultOf(alice, undefined)]).state).toBe("queued");
  });

  test("of a message for nobody but who is connected has no expiry", () => {
    const live: Named = { ...item(1, "low", "alice"), message: aMessage(1, { live: true }), ttl: 0 };
    expect(receiptOf(live)).toEqual({ id: "message-1", recipients: 1, state: "queued", ttl: 0 });
  });
});
