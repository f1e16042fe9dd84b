/** Calls of the receipt webhook, signed by the hub's own code and verified by the package's. */
import { describe, expect, expectTypeOf, test } from "vitest";
import { messageId, userId } from "../../../src/protocol/ids.ts";
import {
  type ReceiptEvent,
  type ReceiptState,
  UnverifiedError,
  verifyReceipts,
} from "../../../src/publisher/receipts.ts";
import {
  type ReceiptEvent as HubEvent,
  type ReceiptState as HubState,
  receiptEvent,
} from "../../../src/receipts/event.ts";
import { signature, webhookKey } from "../../../src/receipts/webhook.ts";

const secretOf = (seed: number) => `whsec_${Buffer.alloc(32, seed).toString("base64")}`;
const secret = secretOf(1);
const now = 1_764_000_000_000;
const events = [
  receiptEvent({
    message: messageId.parse("message-1"),
    user: userId.parse("alice"),
    state: "stored",
    at: now - 1_000,
  }),
];
const receipts = JSON.stringify({ type: "receipts", events });

interface Call {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** As the hub makes it. */
function call(body = receipts, secrets: readonly string[] = [secret], timestamp = now / 1_000): Call {
  const id = "msg_1";
  const keys = secrets.map((text) => webhookKey.parse(text));
  return {
    headers: {
      "webhook-id": id,
      "webhook-timestamp": `${timestamp}`,
      "webhook-signature": signature(keys, { id, timestamp, body }),
    },
    body,
  };
}

/** What a receiver with these secrets says to it. */
const verified = ({ headers, body }: Call, secrets: string | readonly string[] = secret) =>
  verifyReceipts(headers, body, secrets, { now });

describe("a call of the hub", () => {
  test("is taken with the events that it brings", async () => {
    expect(await verified(call())).toEqual(events);
  });

  test("is taken however a server keeps headers and body", async () => {
    const { headers, body } = call();
    const bytes = new TextEncoder().encode(body);
    expect(await verifyReceipts(new Headers(headers), bytes, secret, { now })).toEqual(events);
  });

  test("is taken by the published example of Standard Webhooks, as far as its signature", async () => {
    const headers = {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    const published = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const read = verifyReceipts(headers, '{"test": 2432232314}', published, { now: 1_614_265_330_000 });
    await expect(read).rejects.toThrow("brings no receipts");
  });

  test("is taken while the secret is changed, on either side first", async () => {
    const both = [secretOf(2), secret];
    expect(await verified(call(receipts, both))).toEqual(events);
    expect(await verified(call(), both)).toEqual(events);
  });

  test("is taken beside signatures of other kinds", async () => {
    const { headers, body } = call();
    const more = `v1a,b3RoZXI= v1,%% ${headers["webhook-signature"]}`;
    expect(await verified({ headers: { ...headers, "webhook-signature": more }, body })).toEqual(events);
  });

  test.each([-299, 299])("is taken within five minutes of its time: %i s", async (seconds) => {
    expect(await verified(call(receipts, [secret], now / 1_000 + seconds))).toEqual(events);
  });

  test("may bring states and fields that this version does not know", async () => {
    const newer = [{ ...events[0], state: "forwarded", hop: 3 }];
    expect(await verified(call(JSON.stringify({ type: "receipts", events: newer })))).toEqual(newer);
  });

  test("is dated by the clock of the system where none is given", async () => {
    const { headers, body } = call(receipts, [secret], Math.floor(Date.now() / 1_000));
    expect(await verifyReceipts(headers, body, secret)).toEqual(events);
  });
});

const good = call();
const withHeaders = (headers: Readonly<Record<string, string>>): Call => ({
  headers: { ...good.headers, ...headers },
  body: good.body,
});

test.each<[string, Call, string]>([
  [
    "a body of which one character is another",
    { ...good, body: receipts.replace("alice", "alicf") },
    "no signature",
  ],
  ["another id", withHeaders({ "webhook-id": "msg_2" }), "no signature"],
  ["another time", withHeaders({ "webhook-timestamp": `${now / 1_000 + 1}` }), "no signature"],
  ["another secret", call(receipts, [secretOf(2)]), "no signature"],
  ["a signature cut short", withHeaders({ "webhook-signature": "v1,AAAA" }), "no signature"],
  ["no signature of this version", withHeaders({ "webhook-signature": "v1a,AAAA" }), "no signature"],
  ["an empty id", withHeaders({ "webhook-id": "" }), "webhook-id is missing"],
  ["no headers", { ...good, headers: {} }, "webhook-id is missing"],
  ["a time that is none", withHeaders({ "webhook-timestamp": "yesterday" }), "is no time"],
  ["a time of long ago", call(receipts, [secret], now / 1_000 - 301), "too old"],
  ["a time far ahead", call(receipts, [secret], now / 1_000 + 301), "too old"],
  ["other content, rightly signed", call('{"type":"other"}'), "no receipts"],
  ["an event that is none", call('{"type":"receipts","events":[{}]}'), "no receipts"],
  ["no JSON, rightly signed", call("receipts"), "no receipts"],
])("a call with %s is not the hub's", async (_, made, why) => {
  const refused = verified(made);
  await expect(refused).rejects.toThrow(UnverifiedError);
  await expect(refused).rejects.toThrow(why);
});

test.each([
  ["no secret", []],
  ["another text", "secret"],
  ["no base64", "whsec_%%"],
  ["nothing", "whsec_"],
])("a receiver with %s is told so", async (_, wrong) => {
  await expect(verified(good, wrong)).rejects.toThrow(TypeError);
});

test("the types are the hub's", () => {
  expectTypeOf<ReceiptState>().toEqualTypeOf<HubState>();
  expectTypeOf<Pick<HubEvent, "state" | "at">>().toExtend<Pick<ReceiptEvent, "state" | "at">>();
  expectTypeOf<keyof ReceiptEvent>().toEqualTypeOf<keyof HubEvent>();
});
