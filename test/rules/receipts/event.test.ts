import { describe, expect, test } from "vitest";
import { receiptLimits } from "../../../src/limits.ts";
import { deviceId, messageId, userId } from "../../../src/protocol/ids.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import { deathsOf } from "../../../src/receipts/dead.ts";
import {
  bundles,
  encodeBundle,
  parseBundle,
  type ReceiptEvent,
  receiptEvent,
  receiptStates,
} from "../../../src/receipts/event.ts";
import { aMessage, users } from "../../support/lanes.ts";

const stored = {
  message: messageId.parse("message-1"),
  user: userId.parse("alice"),
  state: "stored",
  at: 1_000,
} as const;

describe("the id of an event", () => {
  test("is the same for each copy, whenever it was told", () => {
    expect(receiptEvent({ ...stored, at: 2_000 }).id).toBe(receiptEvent(stored).id);
    expect(receiptEvent(stored).id).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  test("is another one for each message, user, state and device", () => {
    const phone = deviceId.parse("phone");
    const others = [
      stored,
      { ...stored, message: messageId.parse("message-2") },
      { ...stored, user: userId.parse("bob") },
      ...receiptStates.filter((state) => state !== "stored").map((state) => ({ ...stored, state })),
      { ...stored, state: "acknowledged" as const, device: phone },
      { ...stored, state: "acknowledged" as const, device: deviceId.parse("laptop") },
    ];
    expect(new Set(others.map((each) => receiptEvent(each).id)).size).toBe(others.length);
  });

  test("says nothing of the user's name", () => {
    const user = userId.parse("canary");
    expect(receiptEvent({ ...stored, user }).id).not.toContain("canary");
  });

  test("tells one death of a message that was redriven from the next", () => {
    const dead = { ...stored, state: "dead" } as const;
    expect(receiptEvent(dead).id).toBe(receiptEvent({ ...dead }).id);
    expect(receiptEvent({ ...dead, at: 2_000 }).id).not.toBe(receiptEvent(dead).id);
  });
});

describe("bundles", () => {
  const many = (count: number): ReceiptEvent[] =>
    Array.from({ length: count }, (_, number) =>
      receiptEvent({ ...stored, message: messageId.parse(`message-${number}`) }),
    );

  test("are as few as hold all events, in order, and are read as they were written", () => {
    expect(bundles([])).toEqual([]);
    const events = many(2 * receiptLimits.maxBundle + 1);
    const texts = bundles(events);
    expect(texts).toHaveLength(3);
    expect(texts.flatMap((text) => parseBundle(text)?.events ?? [])).toEqual(events);
    expect(texts.map((text) => parseBundle(text)?.countedSince)).toEqual([undefined, undefined, undefined]);
  });

  test("stay far below what a queue message holds, however long the names are", () => {
    const long = receiptEvent({
      message: messageId.parse("m".repeat(64)),
      user: userId.parse("u".repeat(128)),
      state: "acknowledged",
      device: deviceId.parse("d".repeat(128)),
      at: Number.MAX_SAFE_INTEGER,
    });
    const [text = ""] = bundles(Array.from({ length: receiptLimits.maxBundle }, () => long));
    expect(utf8Length(text)).toBeLessThan(receiptLimits.maxBundle * 500);
  });

  test("remember that they were counted, and since when they are on their way", () => {
    const counted = { countedSince: 7, events: many(1) };
    expect(parseBundle(encodeBundle(counted))).toMatchObject(counted);
  });

  test.each(["", "{", "null", '{"v":2,"events":[]}', '{"v":1,"events":[]}', '{"v":1,"events":[{"id":"x"}]}'])(
    "are not read out of %j",
    (text) => {
      expect(parseBundle(text)).toBeUndefined();
    },
  );
});

describe("a dead letter", () => {
  const death = { reason: "inbox_full", attempts: 1, error: "", at: 5_000 } as const;

  test("is told for each of its users, with its reason", () => {
    const message = aMessage(1, { receipts: true });
    expect(deathsOf([{ ...death, message, users: users("alice", "bob") }])).toMatchObject(
      ["alice", "bob"].map((user) => ({
        message: message.id,
        user,
        state: "dead",
        reason: "inbox_full",
        at: 5_000,
      })),
    );
  });

  test("is not told where nobody asked for receipts, or nothing can be read", () => {
    const unread = { ...death, lane: "normal", raw: "{", reason: "poison" } as const;
    expect(deathsOf([{ ...death, message: aMessage(1), users: users("alice") }, unread])).toEqual([]);
  });
});
