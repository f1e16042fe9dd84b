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
  it("needs a user and a type, and is normal with no data", () => {
    expect(publishedMessage.parse(least)).toEqual({
      to: ["alice"],
      type: "notification",
      priority: "normal",
      data: "null",
    });
    expect(publishedMessage.safeParse({ type: "notification" }).success).toBe(false);
    expect(publishedMessage.safeParse({ to: { user: "alice" } }).success).toBe(false);
  });

  it("keeps any JSON as its text", () => {
    expect(publishedMessage.parse({ ...least, data: { b: [1, null], a: "€" } }).data).toBe(
      '{"b":[1,null],"a":"€"}',
    );
    expect(publishedMessage.parse({ ...least, data: null }).data).toBe("null");
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
    expect(isTaken({ to: { topic: "news" } })).toBe(false);
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
    expect(publishedMessage.parse({ ...least, to: { users: ["a", "b", "a"] } }).to).toEqual(["a", "b"]);
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

  it("has an id of 8 to 64 characters, if any", () => {
    const bad = ["short", "x".repeat(65), "with space", 12_345_678];
    expect(taken("id", [...bad, "x".repeat(8), "x".repeat(64)])).toEqual([...never(bad), true, true]);
  });
});

describe("a request", () => {
  it("is one message or several", () => {
    expect(publishRequest.parse(least)).toMatchObject({ batch: false, messages: [{ to: ["alice"] }] });
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
  const accepted = (parts: object) => accept(publishedMessage.parse({ ...least, ...parts }), id, now);

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
