/** From the form to the body, from a problem back to the form, and what is said of a message afterwards. */
import { describe, expect, test } from "vitest";
import { messageLimits } from "../../../../src/limits.ts";
import type { MessageState, Receipt } from "../../../../src/pages/console/answers.ts";
import { bodyOf, type Draft, fieldOf, named, toInWords } from "../../../../src/pages/console/draft.ts";
import {
  countsInOrder,
  type Followed,
  followed,
  inWords,
  isSettled,
  nextAskMs,
  type Piece,
} from "../../../../src/pages/console/follow.ts";

const draft: Draft = {
  audience: "users",
  users: "alice",
  topic: "",
  type: "notification",
  priority: "normal",
  data: '{ "title": "hello" }',
  deliverAt: "",
  ttl: "",
  collapseKey: "",
  category: "",
  id: "",
  replaces: "",
  cancelOn: "",
  receipts: "",
};

describe("the form", () => {
  test("with what is needed only is the smallest body", () => {
    expect(bodyOf(draft)).toEqual({
      body: { to: { user: "alice" }, type: "notification", priority: "normal", data: { title: "hello" } },
    });
  });

  test("names users between blanks and commas, each once", () => {
    const read = bodyOf({ ...draft, users: " alice,bob\n carol ,, alice " });
    expect(read).toMatchObject({ body: { to: { users: ["alice", "bob", "carol"] } } });
  });

  test("is for who was chosen, whatever else was typed before", () => {
    const typed = { ...draft, topic: " team.7 " };
    expect(bodyOf(typed)).toMatchObject({ body: { to: { user: "alice" } } });
    expect(bodyOf({ ...typed, audience: "topic" })).toMatchObject({ body: { to: { topic: "team.7" } } });
    expect(bodyOf({ ...typed, audience: "online" })).toMatchObject({
      body: { to: { everyone: true, audience: "online" } },
    });
    expect(bodyOf({ ...typed, users: "", audience: "all" })).toMatchObject({
      body: { to: { everyone: true, audience: "all" } },
    });
    expect(bodyOf({ ...draft, audience: "topic" })).toEqual({
      faults: [["topic", { message: "is missing" }]],
    });
  });

  test("means a time where its reader is", () => {
    const read = bodyOf({ ...draft, deliverAt: "2026-11-24T14:03" });
    expect(read).toMatchObject({ body: { deliverAt: new Date(2026, 10, 24, 14, 3).getTime() } });
    expect(bodyOf({ ...draft, deliverAt: "half typed" })).toEqual({
      faults: [["deliverAt", { message: "must be a date and a time" }]],
    });
  });

  test("says all else only where something stands", () => {
    const read = bodyOf({
      ...draft,
      ttl: " 0 ",
      collapseKey: " build ",
      category: "news",
      id: " alarm-4711 ",
      replaces: "alarm-4710",
      cancelOn: "ack",
      receipts: "on",
      data: "",
    });
    expect(read).toEqual({
      body: {
        to: { user: "alice" },
        type: "notification",
        priority: "normal",
        ttl: 0,
        collapseKey: "build",
        category: "news",
        id: "alarm-4711",
        replaces: "alarm-4710",
        cancelOn: "ack",
        receipts: true,
        data: null,
      },
    });
  });

  test("is no body while a field can't be one, and all of these are named", () => {
    expect(bodyOf({ ...draft, users: " , ", type: " ", ttl: "1h", data: "{" })).toEqual({
      faults: [
        ["users", { message: "names nobody" }],
        ["type", { message: "is missing" }],
        ["ttl", { message: "must be whole seconds" }],
        ["data", { offset: 1, message: "expected a name in double quotes, found the end" }],
      ],
    });
  });

  test("leaves to the hub what only the hub can tell", () => {
    const ttl = `${messageLimits.maxTtlSeconds + 1}`;
    expect(bodyOf({ ...draft, users: "al!ce", ttl })).toHaveProperty("body");
  });
});

test("who it is for is named, and told in words", () => {
  const all = [
    { user: "alice" },
    { users: ["alice", "bob"] },
    { topic: "team.7" },
    { everyone: true, audience: "online" },
    { everyone: true, audience: "all" },
  ] as const;
  expect(all.map(named)).toEqual([["alice"], ["alice", "bob"], [], [], []]);
  expect(all.map(toInWords)).toEqual([
    "1 user",
    "2 users",
    "the topic team.7",
    "everyone who is connected",
    "everyone",
  ]);
});

test.each([
  ["to.user", "users"],
  ["to.users[2]", "users"],
  ["to", "users"],
  ["to.topic", "topic"],
  ["to.everyone", "audience"],
  ["to.audience", "audience"],
  ["deliverAt", "deliverAt"],
  ["data", "data"],
  ["collapseKey", "collapseKey"],
  ["", undefined],
  ["messages[0].type", undefined],
])("a fault at %j belongs to the field %s", (path, field) => {
  expect(fieldOf(path)).toBe(field);
});

const receipt: Receipt = {
  id: "alarm-4711",
  recipients: 2,
  state: "settled",
  expires: 5,
  ttl: undefined,
  results: undefined,
};
const result = (state: string, more: { seq?: number; devices?: number; reason?: string } = {}): Followed => {
  const one = { user: "alice", state, seq: undefined, devices: undefined, reason: undefined, ...more };
  const [first] = followed(["alice"], { ...receipt, results: [one] });
  if (first === undefined) throw new Error("nobody is followed");
  return first;
};
const state = (name: string, more: Partial<MessageState> = {}): Followed => ({
  user: "alice",
  state: {
    id: "alarm-4711",
    state: name,
    at: 1_000,
    seq: 4,
    expires: undefined,
    deliverAt: undefined,
    delivered: [],
    devices: [],
    reason: undefined,
    ...more,
  },
});

const textOf = (piece: Piece): string => (typeof piece === "string" ? piece : piece.device);

describe("what becomes of a message", () => {
  test("is followed for each user, from what the receipt says of them", () => {
    const one = { user: "bob", state: "gone", seq: undefined, devices: undefined, reason: undefined };
    expect(followed(["alice", "bob"], { ...receipt, results: [one] })).toEqual([
      { user: "alice" },
      { user: "bob", result: one },
    ]);
  });

  test.each<[string, boolean, Followed]>([
    ["on its way", false, { user: "alice" }],
    ["dead letter: id_conflict", true, result("dead", { reason: "id_conflict" })],
    ["sent to 1 device, kept for nobody", true, result("live", { devices: 1 })],
    ["sent to 0 devices, kept for nobody", true, result("live")],
    ["the object did not answer in time; the lane brings it", false, result("queued")],
    ["expired", true, result("expired")],
    ["gone", true, result("gone")],
    ["no. 4 of the stream, sent to 2 devices", false, result("delivered", { seq: 4, devices: 2 })],
    ["no. 4 of the stream, known from before", false, result("duplicate", { seq: 4 })],
    ["dead letter: inbox_full", true, state("dead", { reason: "inbox_full" })],
    ["no. 4 of the stream, waits for a device", false, state("stored")],
    ["no. 4 of the stream, waits for a device", false, state("stored", { delivered: undefined })],
    [
      "no. 4 of the stream, handled by phone within 120 ms",
      true,
      state("stored", { delivered: [{ device: "phone", at: 1_120 }] }),
    ],
    ["collapsed, no. 4 of the stream", true, state("collapsed")],
    ["handled, no. 4 of the stream", true, state("handled")],
    ["no. 4 of the stream, on its way to a device", false, state("sent")],
    [
      "no. 4 of the stream, handled by phone within 120 ms",
      true,
      state("acknowledged", { delivered: [{ device: "phone", at: 1_120 }] }),
    ],
    ["waits for its time", false, state("scheduled", { seq: undefined })],
    ["retracted before it came", true, state("retracted", { seq: undefined })],
    ["waits for its time", false, result("scheduled")],
    ["withdrawn", true, result("withdrawn")],
  ])("is told as %j; settled: %j", (words, settled, one) => {
    expect(inWords(one).map(textOf).join("")).toBe(words);
    expect(isSettled(one)).toBe(settled);
  });

  test("names devices apart from the words, since a name may be too long to be shown", () => {
    const delivered = [
      { device: "phone", at: 1_120 },
      { device: "laptop", at: 1_200 },
    ];
    const pieces = inWords(state("stored", { delivered }));
    expect(pieces.map(textOf).join("")).toBe(
      "no. 4 of the stream, handled by phone within 120 ms, laptop within 200 ms",
    );
    expect(pieces.filter((piece) => typeof piece !== "string")).toEqual([
      { device: "phone" },
      { device: "laptop" },
    ]);
  });

  test("is counted in the order in which it happens, its ends last", () => {
    const counts = { dead: 1, acknowledged: 4, read: 1, sent: 3, stored: 5 };
    expect(countsInOrder({ id: "m", recipients: 6, counts })).toEqual([
      ["stored", 5],
      ["sent", 3],
      ["acknowledged", 4],
      ["read", 1],
      ["dead", 1],
    ]);
  });

  test("is asked for at once, then less and less often, and not for ever", () => {
    const waits = Array.from({ length: 40 }, (_, asked) => nextAskMs(asked));
    expect(waits[0]).toBeLessThan(500);
    expect(waits).toEqual([...waits].sort((one, other) => Number(one) - Number(other)));
    expect(nextAskMs(40)).toBeUndefined();
  });
});
