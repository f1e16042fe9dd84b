import { describe, expect, it } from "vitest";
import { inboxLimits, messageLimits, requestLimits } from "../../../src/limits.ts";
import { messageId } from "../../../src/protocol/ids.ts";
import { accept, acceptedMessage, publishedMessage, publishRequest } from "../../../src/protocol/message.ts";

const least = { to: { user: "alice" }, type: "notification" };
const id = messageId.parse("given-by-us");
const now = 1_800_000_000_000;

function isTaken(parts: object): boolean {
  return publishedMessage.safeParse({ ...least, ...parts }).success;
}

/** Each outcome of trying the values, in order. */
function taken(field: string, values: readonly unknown[]): readonly boolean[] {
  return values.map((value) => isTaken({ [field]: value }));
}

const never = (values: readonly unknown[]) => values.map(() => false);
const always = (values: readonly unknown[]) => values.map(() => true);

describe("a message as published", () => {
  it("needs an audience and a type, and has no data if none is given", () => {
    expect(publishedMessage.parse(least)).toEqual({
      to: { users: ["alice"] },
      type: "notification",
      data: { value: null, text: "null" },
    });
    expect(publishedMessage.safeParse({ type: "notification" }).success).toBe(false);
    expect(publishedMessage.safeParse({ to: { user: "alice" } }).success).toBe(false);
  });

  it("keeps any JSON, as it is and as its text", () => {
    const value = { b: [1, null], a: "€" };
    expect(publishedMessage.parse({ ...least, data: value }).data).toEqual({
      value,
      text: '{"b":[1,null],"a":"€"}',
    });
    expect(publishedMessage.parse({ ...least, data: null }).data.text).toBe("null");
  });

  it("is not of a type that is the hub's own", () => {
    expect(isTaken({ type: "hubbub.withdrawn" })).toBe(false);
    expect(isTaken({ type: "hubbub" })).toBe(true);
  });

  it("B17 B18 is refused with the code of the bound that its data breaks", () => {
    let deep: unknown = 1;
    for (let level = 0; level <= messageLimits.maxDataDepth; level += 1) deep = [deep];
    const codes = [
      deep,
      "x".repeat(messageLimits.maxDataBytes),
      new Array(10_001).fill(0),
      Number.POSITIVE_INFINITY,
    ].map((data) => publishedMessage.safeParse({ ...least, data }).error?.issues[0]);
    expect(codes).toMatchObject(
      ["too_deep", "too_large", "too_complex", "not_finite"].map((code) => ({
        code: "custom",
        params: { code },
      })),
    );
  });

  it("B20 has no field that nobody knows", () => {
    expect(isTaken({ urgent: true })).toBe(false);
    expect(isTaken({ to: { user: "alice", users: ["bob"] } })).toBe(false);
    expect(isTaken({ to: { topic: "news", user: "alice" } })).toBe(false);
  });

  it("B21 has one of four priorities", () => {
    const good = ["critical", "high", "normal", "low"];
    const bad = [99, "urgent", null, "", "LOW"];
    expect(taken("priority", [...good, ...bad])).toEqual([...always(good), ...never(bad)]);
  });

  it("B22 has a ttl in whole seconds, clipped to 28 days", () => {
    const bad = [-1, 1.5, "60", null, Number.NaN];
    expect(taken("ttl", bad)).toEqual(never(bad));
    expect(publishedMessage.parse({ ...least, ttl: 1e12 }).ttl).toBe(messageLimits.maxTtlSeconds);
    expect(publishedMessage.parse({ ...least, ttl: 0 }).ttl).toBe(0);
  });

  it("B23 goes to at least one user, with duplicates merged", () => {
    expect(isTaken({ to: { users: [] } })).toBe(false);
    expect(publishedMessage.parse({ ...least, to: { users: ["a", "b", "a"] } }).to).toEqual({
      users: ["a", "b"],
    });
    const many = Array.from({ length: requestLimits.maxRecipients + 1 }, (_, index) => `user-${index}`);
    expect(isTaken({ to: { users: many } })).toBe(false);
    expect(isTaken({ to: { users: many.slice(1) } })).toBe(true);
  });

  it("B24 B27 goes to no user whose name is not on the allow-list", () => {
    const bad = [
      "",
      ".",
      "..",
      "x".repeat(129),
      "../x",
      "a/b",
      "%2e%2e",
      "a\u0000b",
      "a\n",
      "\u202Ea",
      "a\u200B",
      "😀",
      "x".repeat(1e6),
    ];
    const users = (names: readonly unknown[]) => names.map((user) => isTaken({ to: { user } }));
    expect(users([...bad, 1, null])).toEqual(never([...bad, 1, null]));
    const good = ["a", "x".repeat(128), "A.b_c@d~e-f:9", "...", "__proto__"];
    expect(users(good)).toEqual(always(good));
  });

  it("B28 goes to one topic, by its name and not by a pattern", () => {
    const bad = ["", ".", "a..b", ".a", "a.", "*", "a.*", "a.**", "a/b", "x".repeat(300), null];
    const good = ["a", "team.7.builds", "x".repeat(128)];
    const topics = (names: readonly unknown[]) => names.map((topic) => isTaken({ to: { topic } }));
    expect(topics([...bad, ...good])).toEqual([...never(bad), ...always(good)]);
  });

  it("goes to everyone only where that is said outright", () => {
    expect(publishedMessage.parse({ ...least, to: { everyone: true, audience: "all" } }).to).toEqual({
      everyone: "all",
    });
    const bad = [{ everyone: false }, { everyone: "all" }, { everyone: true, audience: "some" }, "everyone"];
    expect(bad.map((to) => isTaken({ to }))).toEqual(never(bad));
  });

  it("is not live and yet to be kept track of", () => {
    const bad = [{ cancelOn: "ack" }, { replaces: "message-1" }, { receipts: true }];
    expect(bad.map((more) => isTaken({ ttl: 0, ...more }))).toEqual(never(bad));
    expect(bad.map((more) => isTaken({ ttl: 1, ...more }))).toEqual(always(bad));
    expect(isTaken({ ttl: 0, receipts: false })).toBe(true);
  });

  it("has an id of 8 to 64 characters, if any", () => {
    const bad = ["short", "x".repeat(65), "with space", 12_345_678];
    expect(taken("id", [...bad, "x".repeat(8), "x".repeat(64)])).toEqual([...never(bad), true, true]);
  });
});

describe("a request", () => {
  it("is one message or several", () => {
    expect(publishRequest.parse(least)).toMatchObject({
      batch: false,
      messages: [{ to: { users: ["alice"] } }],
    });
    expect(publishRequest.parse({ messages: [least, least] })).toMatchObject({
      batch: true,
      messages: [{}, {}],
    });
  });

  it("B8 is an object with at least one message, and B32 with none that is wrong", () => {
    const bad = [
      null,
      [],
      "x",
      1,
      {},
      { messages: [] },
      { messages: [least, {}] },
      { messages: [least], extra: 1 },
    ];
    expect(bad.map((body) => publishRequest.safeParse(body).success)).toEqual(never(bad));
    const many = Array.from({ length: requestLimits.maxMessages + 1 }, () => least);
    expect(publishRequest.safeParse({ messages: many }).success).toBe(false);
    expect(publishRequest.safeParse({ messages: many.slice(1) }).success).toBe(true);
  });
});

describe("a message once accepted", () => {
  const accepted = (parts: object) =>
    accept(publishedMessage.parse({ ...least, ...parts }), id, now, { priority: "normal" });

  it("keeps the id that it brought, and gets one otherwise", () => {
    expect(accepted({}).id).toBe(id);
    expect(accepted({ id: "brought-along" }).id).toBe("brought-along");
  });

  it("lives for its ttl, or for as long as messages are kept", () => {
    expect(accepted({ ttl: 60 })).toMatchObject({ at: now, expires: now + 60_000, live: false });
    expect(accepted({})).toMatchObject({ expires: now + inboxLimits.retentionMs, live: false });
  });

  it("B22 is only for who is connected when its ttl is 0", () => {
    expect(accepted({ ttl: 0 })).toMatchObject({ live: true });
  });

  it("has a collapse key only where it was given one", () => {
    expect(accepted({ collapseKey: "progress" }).collapseKey).toBe("progress");
    expect(accepted({})).not.toHaveProperty("collapseKey");
  });

  it("is what travels", () => {
    const message = accepted({ ttl: 60, collapseKey: "progress", data: [1] });
    expect(acceptedMessage.parse(message)).toEqual(message);
  });
});
