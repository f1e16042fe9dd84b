/** That the publisher's own types are the hub's: the assertions on types are checked by `npm run check`. */
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import { plainDefaults } from "../../../src/define/define-message.ts";
import type { UserPresence as HubPresence } from "../../../src/everyone/who.ts";
import type { MembersAnswer } from "../../../src/http/members.ts";
import { type Receipt as HubReceipt, receiptOf, resultOf } from "../../../src/http/receipt.ts";
import { requested } from "../../../src/lanes/request.ts";
import type { Verdict } from "../../../src/protocol/delivery.ts";
import { messageId, userId } from "../../../src/protocol/ids.ts";
import { publishedMessage, type publishRequest } from "../../../src/protocol/message.ts";
import { priorities } from "../../../src/protocol/priority.ts";
import {
  readConnectToken,
  readMemberPage,
  readMembersChange,
  readPresence,
  readReceipt,
  readReceipts,
} from "../../../src/publisher/answers.ts";
import {
  HubPublisher,
  type MembersChange,
  type PublishMessage,
  type Receipt,
  type UserPresence,
} from "../../../src/publisher/index.ts";
import { messageText } from "../../../src/publisher/message.ts";

/** The same, for readers only. */
type Frozen<Type> = Type extends object ? { readonly [Field in keyof Type]: Frozen<Type[Field]> } : Type;

const name = fc.stringMatching(/^[a-z][a-z0-9.:-]{0,9}$/);
const id = fc.stringMatching(/^[a-z0-9]{8,64}$/);
const message: fc.Arbitrary<PublishMessage> = fc.record(
  {
    to: fc.oneof(
      fc.record({ user: name }),
      fc.record({ users: fc.array(name, { minLength: 1, maxLength: 3 }) }),
      fc.record({ topic: fc.stringMatching(/^[a-z]{1,9}(\.[a-z]{1,9}){0,2}$/) }),
      fc.record(
        { everyone: fc.constant<true>(true), audience: fc.constantFrom("online", "all") },
        { requiredKeys: ["everyone"] },
      ),
    ),
    type: name,
    priority: fc.constantFrom(...priorities),
    data: fc.jsonValue({ maxDepth: 3 }),
    ttl: fc.integer({ min: 1 }),
    collapseKey: name,
    category: name,
    id,
    deliverAt: fc.oneof(fc.nat(), fc.date({ min: new Date(0), noInvalidDate: true })),
    cancelOn: fc.constantFrom("ack", "read"),
    replaces: id,
    receipts: fc.boolean(),
  },
  { requiredKeys: ["to", "type"] },
);
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ verdict: fc.constantFrom("committed", "duplicate"), seq: fc.integer({ min: 1 }) }),
  fc.record({
    verdict: fc.constantFrom(
      "live",
      "scheduled",
      "expired",
      "gone",
      "withdrawn",
      "offline",
      "left",
      "inbox_full",
      "id_conflict",
    ),
  }),
);

describe("what the publisher sends", () => {
  test("is what the hub takes", () => {
    /** As it is written. */
    type Sent = Omit<PublishMessage, "deliverAt"> & { readonly deliverAt?: number };
    expectTypeOf<Sent>().toExtend<Frozen<z.input<typeof publishedMessage>>>();
    expectTypeOf<{ messages: Sent[] }>().toExtend<Frozen<z.input<typeof publishRequest>>>();
    fc.assert(
      fc.property(message, (sent) => {
        const { deliverAt } = publishedMessage.parse(JSON.parse(messageText(sent)));
        expect(deliverAt).toBe(sent.deliverAt === undefined ? undefined : Number(sent.deliverAt));
      }),
    );
  });

  test("is refused before it is sent where its date is none", () => {
    const sent = { to: { user: "alice" }, type: "note", deliverAt: new Date("tomorrow") };
    expect(() => messageText(sent)).toThrow(
      new TypeError("deliverAt must be a date, or milliseconds since 1970"),
    );
  });

  test("has the shape that the app declared for its type", () => {
    interface Types {
      "order.shipped": { readonly order: number };
      ping: undefined;
    }
    const hub = new HubPublisher<Types>({ url: "http://hub.test", key: "hub_a_b" });
    const to = { user: "alice" };
    expectTypeOf(hub.publish).toBeCallableWith({ to, type: "order.shipped", data: { order: 1001 } });
    expectTypeOf(hub.publish).toBeCallableWith({ to, type: "ping" });
    // @ts-expect-error data of another shape
    expectTypeOf(hub.publish).toBeCallableWith({ to, type: "order.shipped", data: { order: "1001" } });
    // @ts-expect-error data left out
    expectTypeOf(hub.publish).toBeCallableWith({ to, type: "order.shipped" });
    // @ts-expect-error a type that nobody declared
    expectTypeOf(hub.publish).toBeCallableWith({ to, type: "order.lost" });
  });
});

describe("what the hub answers", () => {
  test("is what the publisher hands on", () => {
    expectTypeOf<HubReceipt>().toExtend<Receipt>();
    const answers = fc.option(fc.array(fc.option(verdict, { nil: undefined }), { maxLength: 3 }), {
      nil: undefined,
    });
    fc.assert(
      fc.property(message, answers, (sent, verdicts) => {
        const published = publishedMessage.parse(JSON.parse(messageText(sent)));
        const typed = { message: published, defaults: plainDefaults };
        const item = requested(typed, messageId.parse("message-1"), { now: 1_000 });
        const user = userId.parse("alice");
        const results = verdicts?.map((given) =>
          resultOf(user, given === undefined ? undefined : { verdict: given, devices: 1 }),
        );
        const answer: unknown = JSON.parse(JSON.stringify(receiptOf(item, results)));
        expect(readReceipt(answer)).toEqual(answer);
        expect(readReceipts(1)({ messages: [answer] })).toEqual([answer]);
      }),
    );
  });

  const receipt = { id: "message-1", recipients: 1, state: "queued", expires: 7, ttl: 1 };

  test("may hold more than this version of the publisher knows", () => {
    const newer = { ...receipt, shard: 3, results: [{ user: "alice", state: "forwarded", to: "bob" }] };
    expect(readReceipt(newer)).toEqual(newer);
  });

  test.each([
    ["nothing", undefined],
    ["no object", "message-1"],
    ["no id", { ...receipt, id: undefined }],
    ["recipients below 0", { ...receipt, recipients: -1 }],
    ["no state", { ...receipt, state: 1 }],
    ["an end that is no time", { ...receipt, expires: "soon" }],
    ["results that are no list", { ...receipt, results: {} }],
    ["a result without a user", { ...receipt, results: [{ state: "gone" }] }],
    ["a result that is nothing", { ...receipt, results: [null] }],
    [
      "a delivery without its place",
      { ...receipt, results: [{ user: "a", state: "delivered", devices: 1 }] },
    ],
    ["a dead letter without a reason", { ...receipt, results: [{ user: "a", state: "dead" }] }],
  ])("is no receipt with %s", (_, answer) => {
    expect(readReceipt(answer)).toBeUndefined();
    expect(readReceipts(1)({ messages: [answer] })).toBeUndefined();
  });

  test("is no answer to a batch unless each message has its receipt", () => {
    expect(readReceipts(2)({ messages: [receipt] })).toBeUndefined();
    expect(readReceipts(1)({ messages: receipt })).toBeUndefined();
    expect(readReceipts(1)(null)).toBeUndefined();
  });

  test("of members is what the publisher hands on, and nothing else", () => {
    expectTypeOf<MembersAnswer>().toExtend<MembersChange>();
    const change = { done: 1, pending: ["alice"], failed: [{ user: "bob", reason: "limit" }] };
    expect(readMembersChange(change)).toEqual(change);
    expect(readMembersChange({ ...change, failed: [{ user: "bob" }] })).toBeUndefined();
    const page = { members: [{ user: "alice", presence: false }], next: "alice" };
    expect(readMemberPage(page)).toEqual(page);
    expect(readMemberPage({ members: [{ user: "alice" }] })).toBeUndefined();
    expect(readMemberPage({ ...page, next: 7 })).toBeUndefined();
  });

  test("of who is online names every user that was asked for", () => {
    const presence = [
      { user: "alice", online: true, since: 5, asOf: 6 },
      { user: "bob", online: false },
      { user: "carol", unknown: true },
    ];
    expectTypeOf<HubPresence>().toExtend<UserPresence>();
    expect(readPresence(3)({ presence })).toEqual(presence);
    expect(readPresence(2)({ presence })).toBeUndefined();
    for (const other of [{ online: "yes" }, { online: true }, {}]) {
      expect(readPresence(1)({ presence: [{ user: "alice", ...other }] })).toBeUndefined();
    }
  });

  test("is a token only with its end", () => {
    expect(readConnectToken({ token: "t", expires: 7 })).toEqual({ token: "t", expires: 7 });
    expect(readConnectToken({ token: "t" })).toBeUndefined();
  });
});
