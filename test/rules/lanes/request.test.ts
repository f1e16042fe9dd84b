import { describe, expect, test } from "vitest";
import type { TypeDefaults } from "../../../src/define/define-message.ts";
import { type Requested, requested, requestFaults } from "../../../src/lanes/request.ts";
import { messageLimits, requestLimits } from "../../../src/limits.ts";
import { collapseKey, messageId } from "../../../src/protocol/ids.ts";
import { publishedMessage } from "../../../src/protocol/message.ts";
import { type TopicPattern, topicPattern } from "../../../src/protocol/topic-pattern.ts";
import { aMessage, manyUsers, users } from "../../support/lanes.ts";

const defaults: TypeDefaults = {
  priority: "high",
  reach: "all",
  collapseKey: collapseKey.parse("of-the-type"),
};

function item(number: number, ...names: string[]): Requested {
  return { message: aMessage(number), audience: { users: users(...names) }, ttl: undefined };
}

const id = messageId.parse("made-by-us");

function asked(parts: object, within?: readonly TopicPattern[]) {
  return requested(
    { message: publishedMessage.parse({ to: { user: "a" }, type: "t", ...parts }), defaults },
    id,
    { now: 5_000, within },
  );
}

describe("a publish request", () => {
  test("takes the publisher's ids, and names the other messages itself", () => {
    expect(asked({ id: "given-by-publisher" }).message.id).toBe("given-by-publisher");
    expect(asked({}).message.id).toBe("made-by-us");
  });

  test("names each user once, and says how long the message is kept", () => {
    expect(asked({ to: { users: ["a", "b", "a"] }, ttl: 1e9 })).toMatchObject({
      audience: { users: ["a", "b"] },
      ttl: messageLimits.maxTtlSeconds,
      message: { at: 5_000, expires: 5_000 + messageLimits.maxTtlSeconds * 1_000 },
    });
  });

  test("gets what its type says where its publisher is silent, and nowhere else", () => {
    const everyone = { everyone: true };
    expect(asked({ to: everyone })).toMatchObject({
      audience: { everyone: "all" },
      message: { priority: "high", collapseKey: "of-the-type" },
    });
    const own = { priority: "low", collapseKey: "own" };
    expect(asked({ to: { ...everyone, audience: "online" }, ...own })).toMatchObject({
      audience: { everyone: "online" },
      message: own,
    });
  });

  test("with too many users in sum is refused, however they are spread", () => {
    const half = manyUsers(requestLimits.maxRecipients / 2);
    const items = [1, 2].map((number) => item(number, ...half));
    expect(requestFaults(items, true)).toEqual([]);
    expect(requestFaults([...items, item(3, "one-more")], true)).toEqual([
      { path: "messages", message: "address more than 10000 users in sum" },
    ]);
  });

  test("with an id twice is refused", () => {
    expect(requestFaults([item(1, "a"), item(2, "a"), item(1, "b")], true)).toEqual([
      { path: "messages[2].id", message: "is the id of another message" },
    ]);
  });

  test("with a message in its own place is refused, whoever named it", () => {
    const fault = { path: "replaces", message: "is the message's own id" };
    expect(requestFaults([asked({ id: "own-id-1", replaces: "own-id-1" })], false)).toEqual([fault]);
    expect(requestFaults([asked({}), asked({ id: "own-id-1", replaces: "own-id-1" })], true)).toEqual([
      { ...fault, path: "messages[1].replaces" },
    ]);
    expect(requestFaults([asked({ replaces: id })], false)).toEqual([fault]);
    expect(requestFaults([asked({ replaces: "another-1" })], false)).toEqual([]);
  });

  test("of a key for some topics says so where it takes another message away, and nowhere else", () => {
    const within = [topicPattern.parse("team.*")];
    expect(asked({ replaces: "another-1" }, within).message.within).toEqual(within);
    expect(asked({}, within).message).not.toHaveProperty("within");
    expect(asked({ replaces: "another-1" }).message).not.toHaveProperty("within");
  });

  test("for everyone has no receipts", () => {
    const item = asked({ to: { everyone: true }, receipts: true });
    expect(requestFaults([item], true)).toEqual([
      { path: "messages[0].receipts", message: "can't be had of everyone" },
    ]);
    expect(requestFaults([item], false)).toMatchObject([{ path: "receipts" }]);
    expect(requestFaults([asked({ to: { topic: "news" }, receipts: true })], false)).toEqual([]);
  });

  test("of a type that is never stored has no receipts", () => {
    const message = publishedMessage.parse({ to: { user: "a" }, type: "t", receipts: true });
    const item = requested({ message, defaults: { ...defaults, ttl: 0 } }, id, { now: 5_000 });
    expect(requestFaults([item], false)).toEqual([
      { path: "receipts", message: "can't be had of what is never stored" },
    ]);
  });
});
