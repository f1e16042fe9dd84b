import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Addressed, type Envelope, encode, pack, parse } from "../../../src/lanes/envelope.ts";
import { parseMessage } from "../../../src/lanes/message-text.ts";
import { laneLimits, messageLimits } from "../../../src/limits.ts";
import {
  collapseKey,
  messageId,
  messageIdPattern,
  messageType,
  namePattern,
  userId,
} from "../../../src/protocol/ids.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import { priorities } from "../../../src/protocol/priority.ts";
import { aCollapseKey, aMessage, manyUsers, to } from "../../support/lanes.ts";

/** What the pattern of names allows; its look-ahead is more than the generator understands. */
const name = fc.stringMatching(/^[A-Za-z0-9_.@~:-]{1,128}$/).filter((text) => namePattern.test(text));

const message = fc.record(
  {
    id: fc.stringMatching(messageIdPattern).map((id) => messageId.parse(id)),
    type: name.map((type) => messageType.parse(type)),
    priority: fc.constantFrom(...priorities),
    at: fc.nat(),
    expires: fc.maxSafeNat(),
    live: fc.boolean(),
    collapseKey: name.map((key) => collapseKey.parse(key)),
    body: fc.json({ stringUnit: "binary", maxDepth: 6 }).map((text) => JSON.stringify(JSON.parse(text))),
  },
  { requiredKeys: ["id", "type", "priority", "at", "expires", "live", "body"] },
);

const addressed = fc.record({
  message,
  users: fc.uniqueArray(
    name.map((user) => userId.parse(user)),
    { minLength: 1, maxLength: 130 },
  ),
});

function opened(text: string): Envelope {
  const parsed = parse(text);
  if (parsed.kind !== "envelope") throw new Error(`is no envelope but: ${parsed.kind}`);
  return parsed.envelope;
}

/** Who gets what, in order. */
function deliveries(items: readonly Addressed[]): string[] {
  return items.flatMap((item) => item.users.map((user) => `${JSON.stringify(item.message)} → ${user}`));
}

describe("an envelope", () => {
  test("says after parsing exactly what was encoded", () => {
    fc.assert(
      fc.property(fc.nat(7), fc.array(addressed, { minLength: 1, maxLength: 5 }), (attempt, items) => {
        expect(opened(encode({ attempt, items }))).toEqual({ attempt, items });
      }),
    );
  });

  test("keeps data that looks like a prototype, and text that JSON escapes", () => {
    const body = JSON.stringify(
      JSON.parse('{"__proto__":{"a":1},"\\u2028":"\\ud800 \\"\\\\","2":0,"1":1e21}'),
    );
    expect(
      opened(encode({ attempt: 0, items: [to(aMessage(1, { body }), "alice")] })).items[0]?.message.body,
    ).toBe(body);
  });

  test("carries data as JSON, not as a string of JSON", () => {
    const text = encode({ attempt: 0, items: [to(aMessage(1, { collapseKey: aCollapseKey }), "alice")] });
    expect(JSON.parse(text)).toMatchObject({
      v: 1,
      attempt: 0,
      items: [
        { message: { id: "message-1", collapseKey: "build-7", data: { number: 1 } }, users: ["alice"] },
      ],
    });
  });
});

describe("packing", () => {
  test("puts 100 small messages into one queue message", () => {
    const items = Array.from({ length: 100 }, (_, number) => to(aMessage(number), `user-${number}`));
    expect(pack(items)).toHaveLength(1);
  });

  test("puts 1,000 small messages for one user into as few as their bytes need", () => {
    const items = Array.from({ length: 1_000 }, (_, number) => to(aMessage(number), "alice"));
    const bytes = utf8Length(encode({ attempt: 0, items }));
    expect(pack(items)).toHaveLength(Math.ceil(bytes / laneLimits.maxEnvelopeBytes));
  });

  test("splits a message for 10,000 users, each in exactly one envelope", () => {
    const everyone = manyUsers(10_000);
    const envelopes = pack([{ message: aMessage(1), users: everyone }]);
    expect(envelopes).toHaveLength(10_000 / laneLimits.maxEnvelopeUsers);
    expect(envelopes.flatMap((text) => opened(text).items.flatMap((item) => item.users))).toEqual(everyone);
  });

  test("splits a message for 101 users, and not one for 100", () => {
    expect(pack([{ message: aMessage(1), users: manyUsers(100) }])).toHaveLength(1);
    expect(pack([{ message: aMessage(1), users: manyUsers(101) }])).toHaveLength(2);
  });

  test("counts a user once, however many messages it gets", () => {
    const everyone = manyUsers(100);
    expect(pack([1, 2, 3].map((number) => ({ message: aMessage(number), users: everyone })))).toHaveLength(1);
  });

  test("takes the largest message with its recipients", () => {
    const body = JSON.stringify("x".repeat(messageLimits.maxDataBytes - 2));
    const longest = Array.from({ length: 100 }, (_, number) => userId.parse(`${number}`.padStart(128, "u")));
    const envelopes = pack([{ message: aMessage(1, { body }), users: longest }]);
    expect(envelopes).toHaveLength(1);
    expect(opened(envelopes[0] ?? "").items[0]?.message.body).toBe(body);
  });

  test("fills an envelope to the last byte, and counts UTF-8 and not characters", () => {
    const filler = (bytes: number) => to(aMessage(2, { body: JSON.stringify("é".repeat(bytes / 2)) }), "bob");
    const first = to(aMessage(1, { body: JSON.stringify("x".repeat(60_000)) }), "alice");
    const spare = laneLimits.maxEnvelopeBytes - utf8Length(encode({ attempt: 0, items: [first, filler(0)] }));
    const even = spare - (spare % 2);
    expect(pack([first, filler(even)])).toHaveLength(1);
    expect(pack([first, filler(even + 2)])).toHaveLength(2);
  });

  test("loses, repeats and reorders nothing, and keeps to its bounds", () => {
    fc.assert(
      fc.property(fc.array(addressed, { maxLength: 12 }), (items) => {
        const envelopes = pack(items);
        for (const text of envelopes) {
          expect(utf8Length(text)).toBeLessThanOrEqual(laneLimits.maxEnvelopeBytes);
          const reached = new Set(opened(text).items.flatMap((item) => item.users));
          expect(reached.size).toBeLessThanOrEqual(laneLimits.maxEnvelopeUsers);
        }
        expect(envelopes.flatMap((text) => deliveries(opened(text).items))).toEqual(deliveries(items));
      }),
    );
  });

  test("writes what encoding writes", () => {
    const items = [to(aMessage(1), "alice", "bob"), to(aMessage(2), "bob")];
    expect(pack(items)).toEqual([encode({ attempt: 0, items })]);
  });

  test("makes nothing of nothing", () => {
    expect(pack([])).toEqual([]);
  });
});

describe("parsing", () => {
  const item = { message: { ...aMessage(1), body: undefined, data: 1 }, users: ["alice"] };

  test.each([
    ["no JSON", "{", "is not a JSON object"],
    ["a scalar", "1", "is not a JSON object"],
    ["null", "null", "is not a JSON object"],
    ["no version", "{}", "v: is not a number"],
    ["a version in words", '{"v":"one"}', "v: is not a number"],
    ["no items", '{"v":1,"attempt":0,"items":[]}', "items: "],
    [
      "a message without data",
      JSON.stringify({ v: 1, attempt: 0, items: [{ ...item, message: aMessage(1) }] }),
      "data",
    ],
    [
      "a message for nobody",
      JSON.stringify({ v: 1, attempt: 0, items: [{ ...item, users: [] }] }),
      "items.0.users: ",
    ],
    [
      "a bad user",
      JSON.stringify({ v: 1, attempt: 0, items: [{ ...item, users: ["../x"] }] }),
      "items.0.users.0: ",
    ],
    ["a negative attempt", JSON.stringify({ v: 1, attempt: -1, items: [item] }), "attempt: "],
  ])("calls %s poison and says where", (_, text, error) => {
    const parsed = parse(text);
    expect(parsed).toMatchObject({ kind: "poison", error: expect.stringContaining(error) });
  });

  test("tells a newer version from poison", () => {
    expect(parse('{"v":3,"anything":true}')).toEqual({
      kind: "unknown_version",
      error: "v: is 3, known are 1 and 2",
    });
  });

  test("never quotes what it could not read", () => {
    const secret = "canary-5417";
    const texts = [
      `{"v":1 ${secret}`,
      JSON.stringify({ v: 1, attempt: secret, items: [{ message: secret, users: [secret, `${secret}/`] }] }),
    ];
    for (const text of texts) expect(JSON.stringify(parse(text))).not.toContain(secret);
  });

  test("of a message alone gives nothing for another text", () => {
    expect(parseMessage("{}")).toBeUndefined();
    expect(parseMessage("{")).toBeUndefined();
  });
});
