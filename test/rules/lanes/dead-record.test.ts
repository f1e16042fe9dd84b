import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type DeadRecord,
  deadKey,
  deadReasons,
  deadTextKey,
  encodeDead,
  parseDead,
} from "../../../src/lanes/dead-record.ts";
import { encode } from "../../../src/lanes/envelope.ts";
import { laneLimits } from "../../../src/limits.ts";
import { userId } from "../../../src/protocol/ids.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import { priorities } from "../../../src/protocol/priority.ts";
import { aCollapseKey, aMessage, to, users } from "../../support/lanes.ts";

const death = {
  reason: fc.constantFrom(...deadReasons),
  attempts: fc.integer({ min: 1, max: 20 }),
  error: fc.string(),
  at: fc.nat(),
};
const record = fc.oneof(
  fc.record({
    ...death,
    message: fc.constantFrom(aMessage(1), aMessage(2, { collapseKey: aCollapseKey, body: '"a\\nb"' })),
    users: fc.constantFrom(users("alice"), users("alice", "bob")),
  }),
  fc.record({ ...death, lane: fc.constantFrom(...priorities), raw: fc.string({ unit: "binary" }) }),
);

test("a record says after parsing exactly what was encoded, whatever the text it holds", () => {
  fc.assert(
    fc.property(record, (one: DeadRecord) => {
      expect(parseDead(encodeDead(one))).toEqual(one);
    }),
  );
});

test("a text is kept as it is, so that the largest envelope still fits a queue message", () => {
  const raw = '"'.repeat(laneLimits.maxEnvelopeBytes);
  const text = encodeDead({ reason: "poison", attempts: 1, error: "e".repeat(300), at: 1, lane: "low", raw });
  expect(utf8Length(text)).toBeLessThan(127_900);
});

test.each([
  ["an envelope", encode({ attempt: 0, items: [to(aMessage(1), "alice")] })],
  ["a text of several lines", "{\n}"],
  [
    "a record of another version",
    encodeDead({ reason: "poison", attempts: 1, error: "", at: 1, lane: "low", raw: "" }).replace(
      '"v":1',
      '"v":2',
    ),
  ],
  [
    "a record whose message is none",
    '{"v":1,"reason":"poison","attempts":1,"error":"","at":1,"users":["alice"]}\n{}',
  ],
  ["no JSON", "x\ny"],
])("%s is no record", (_, text) => {
  expect(parseDead(text)).toBeUndefined();
});

test("the key of a message and user is always the same, and another for every other", () => {
  const [alice, bob] = [userId.parse("alice"), userId.parse("bob")];
  const one = aMessage(1);
  expect(deadKey(one, alice)).toMatch(/^[A-Za-z0-9_-]{22}$/);
  const keys = [
    deadKey(one, alice),
    deadKey({ ...one, at: one.at + 1 }, alice),
    deadKey(one, bob),
    deadKey(aMessage(2), alice),
    deadKey({ ...one, body: '"what else came under the id"' }, alice),
    deadTextKey("alice"),
  ];
  expect(new Set(keys).size).toBe(5);
});
