/** That the publisher's own types are the hub's: the assertions on types are checked by `npm run check`. */
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import { request } from "../../../src/http/publish-plan.ts";
import { type Receipt as HubReceipt, receiptOf, resultOf } from "../../../src/http/receipt.ts";
import type { Verdict } from "../../../src/protocol/delivery.ts";
import { messageId } from "../../../src/protocol/ids.ts";
import { publishedMessage, type publishRequest } from "../../../src/protocol/message.ts";
import { priorities } from "../../../src/protocol/priority.ts";
import { readConnectToken, readReceipt, readReceipts } from "../../../src/publisher/answers.ts";
import { HubPublisher, type PublishMessage, type Receipt } from "../../../src/publisher/index.ts";

/** The same, for readers only. */
type Frozen<Type> = Type extends object ? { readonly [Field in keyof Type]: Frozen<Type[Field]> } : Type;

const name = fc.stringMatching(/^[a-z][a-z0-9.:-]{0,9}$/);
const message: fc.Arbitrary<PublishMessage> = fc.record(
  {
    to: fc.oneof(
      fc.record({ user: name }),
      fc.record({ users: fc.array(name, { minLength: 1, maxLength: 3 }) }),
    ),
    type: name,
    priority: fc.constantFrom(...priorities),
    data: fc.jsonValue({ maxDepth: 3 }),
    ttl: fc.nat(),
    collapseKey: name,
    id: fc.stringMatching(/^[a-z0-9]{8,64}$/),
  },
  { requiredKeys: ["to", "type"] },
);
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ verdict: fc.constantFrom("committed", "duplicate"), seq: fc.integer({ min: 1 }) }),
  fc.record({ verdict: fc.constantFrom("live", "expired", "gone", "inbox_full", "id_conflict") }),
);

describe("what the publisher sends", () => {
  test("is what the hub takes", () => {
    expectTypeOf<PublishMessage>().toExtend<Frozen<z.input<typeof publishedMessage>>>();
    expectTypeOf<{ messages: PublishMessage[] }>().toExtend<Frozen<z.input<typeof publishRequest>>>();
    fc.assert(
      fc.property(message, (sent) => {
        publishedMessage.parse(JSON.parse(JSON.stringify(sent)));
      }),
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
        const published = publishedMessage.parse(JSON.parse(JSON.stringify(sent)));
        const [item] = request([published], () => messageId.parse("message-1"), 1_000);
        if (item === undefined) throw new Error("no message was requested");
        const [user] = item.users;
        if (user === undefined) throw new Error("nobody is addressed");
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

  test("is a token only with its end", () => {
    expect(readConnectToken({ token: "t", expires: 7 })).toEqual({ token: "t", expires: 7 });
    expect(readConnectToken({ token: "t" })).toBeUndefined();
  });
});
