/** Rows B of the test matrix: what a 2xx means, and what a refusal. */
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { Receipt } from "../../src/http/receipt.ts";
import { laneLimits, messageLimits, requestLimits } from "../../src/limits.ts";
import { accepted, api, broken, inboxOf, problem, publish, quietly, to } from "../support/api.ts";
import { connect } from "../support/connect.ts";
import { apiKeys } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { recordedQueue } from "../support/lanes.ts";

const critical = (...users: string[]): object => ({ ...to(...users), priority: "critical" });
const refusing = (): Queue => recordedQueue(() => true);

/** What is left of a user's inbox once a last message has arrived behind everything else. */
async function settledInbox(user: string): Promise<Awaited<ReturnType<typeof inboxOf>>> {
  const { id } = await accepted(publish({ ...to(user), data: "last" }));
  await eventually(async () => (await inboxOf(user)).some((message) => message.id === id));
  return (await inboxOf(user)).filter((message) => message.id !== id);
}

describe("a publish", () => {
  test("B1 is answered after the queue has taken it, with its id and what is to be expected", async () => {
    const events: string[] = [];
    const lane = recordedQueue();
    const slow: Queue = {
      ...lane,
      sendBatch: async (messages) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        events.push("durable");
        return lane.sendBatch(messages);
      },
    };
    const receipt = await accepted(publish(to("alice", "bob", "alice"), { bindings: { LANE_NORMAL: slow } }));
    events.push("answered");
    expect(events).toEqual(["durable", "answered"]);
    expect(receipt).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      recipients: 2,
      state: "queued",
      expires: expect.any(Number),
    });
    expect(lane.texts).toEqual([expect.stringContaining(receipt.id)]);
  });

  test("B1 reaches the user's device and inbox", async () => {
    const device = await connect("b1");
    const receipt = await accepted(
      publish({ to: { user: "b1" }, type: "notification", data: { title: "Hello" } }),
    );
    await device.until(() => device.arrivals.length > 0);
    expect(device.last("messages").messages).toMatchObject([
      { id: receipt.id, seq: 1, data: { title: "Hello" } },
    ]);
    device.close();
  });

  test("B1 that is critical is in the user's hands when it is answered", async () => {
    const device = await connect("b1-critical");
    const receipt = await accepted(publish(critical("b1-critical", "b1-away")));
    expect(receipt).toMatchObject({
      recipients: 2,
      state: "settled",
      results: [
        { user: "b1-critical", state: "delivered", seq: 1, devices: 1 },
        { user: "b1-away", state: "delivered", seq: 1, devices: 0 },
      ],
    });
    await device.until(() => device.arrivals.length > 0);
    device.close();
  });

  test("B2 that the queue refuses is refused whole, and works when sent again with its id", async () => {
    const message = { ...to("b2"), id: "b2-message" };
    const response = await quietly(() => publish(message, { bindings: { LANE_NORMAL: refusing() } }));
    expect(response.headers.get("Retry-After")).toBe("2");
    expect(await problem(response)).toMatchObject({ status: 503, code: "lane_unavailable" });
    expect(await accepted(publish(message))).toMatchObject({ id: "b2-message" });
    expect(await settledInbox("b2")).toMatchObject([{ id: "b2-message" }]);
  });

  test("B2 over several lanes is refused whole where it can't be kept", async () => {
    const lane = recordedQueue();
    const messages = [to("b2-lanes"), { ...to("b2-lanes"), priority: "low" }];
    const bindings = { LANE_NORMAL: lane, OUTBOX: broken(env.OUTBOX, new Error("no outbox")) };
    expect(await problem(quietly(() => publish({ messages }, { bindings })))).toMatchObject({
      code: "lane_unavailable",
    });
    expect(lane.texts).toEqual([]);
  });

  test("B3 B4 sent again with the same Idempotency-Key has the same id and arrives once", async () => {
    const call = { headers: { "Idempotency-Key": "b4-order-17" } };
    const batch = { messages: [to("b4"), critical("b4")] };
    const first = await publish(batch, call).then((response) => response.json<{ messages: Receipt[] }>());
    const second = await publish(batch, call).then((response) => response.json<{ messages: Receipt[] }>());
    expect(second.messages.map(({ id }) => id)).toEqual(first.messages.map(({ id }) => id));
    expect(new Set(first.messages.map(({ id }) => id)).size).toBe(2);
    expect(second.messages[1]?.results).toMatchObject([{ state: "duplicate" }]);
    expect(await settledInbox("b4")).toHaveLength(2);
  });

  test("B4 with the same Idempotency-Key of another API key is another message", async () => {
    const call = { headers: { "Idempotency-Key": "b4-shared" } };
    const one = await accepted(publish(to("b4-two"), call));
    const other = await accepted(publish(to("b4-two"), { ...call, credential: apiKeys.publish }));
    expect(other.id).not.toBe(one.id);
  });

  test.each(["", " ", "a b", "ä", "k".repeat(256)])(
    "B4 with the Idempotency-Key %j is refused",
    async (key) => {
      const refused = await problem(publish(to("alice"), { headers: { "Idempotency-Key": key } }));
      expect(refused).toMatchObject({ status: 400, code: "invalid_request" });
    },
  );

  test("B5 of other content under the same Idempotency-Key replaces nothing and becomes a dead letter", async () => {
    const call = { headers: { "Idempotency-Key": "b5" } };
    const first = await accepted(publish({ ...critical("b5"), data: 1 }, call));
    const second = await accepted(publish({ ...critical("b5"), data: 2 }, call));
    expect(second).toMatchObject({
      id: first.id,
      state: "settled",
      results: [{ user: "b5", state: "dead", reason: "id_conflict" }],
    });
    expect(await inboxOf("b5")).toMatchObject([{ id: first.id, data: 1 }]);
    const letters = async () => (await api("GET", "/v1/dead-letters?user=b5")).json<{ letters: unknown[] }>();
    await eventually(async () => (await letters()).letters.length > 0);
    expect(await letters()).toMatchObject({
      letters: [{ user: "b5", reason: "id_conflict", message: { id: first.id, data: 2 } }],
    });
  });

  test("B6 sent twenty times at once with the same Idempotency-Key is delivered once", async () => {
    const call = { headers: { "Idempotency-Key": "b6" } };
    const receipts = await Promise.all(
      Array.from({ length: 20 }, () => accepted(publish(critical("b6"), call))),
    );
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(1);
    const states = receipts.flatMap(({ results }) => results?.map(({ state }) => state));
    expect(states.filter((state) => state === "delivered")).toHaveLength(1);
    expect(states.filter((state) => state === "duplicate")).toHaveLength(19);
    expect(await inboxOf("b6")).toHaveLength(1);
  });

  test("B10 B23 of the largest message to the most users stays within what a queue takes", async () => {
    const lane = recordedQueue();
    const stored: { text: string }[] = [];
    const outbox = new Proxy(env.OUTBOX, {
      get: (target, property) =>
        property === "get"
          ? () => ({ store: async (parcels: { text: string }[]) => void stored.push(...parcels) })
          : Reflect.get(target, property).bind(target),
    });
    const users = Array.from({ length: requestLimits.maxRecipients }, (_, index) => `user-${index}`);
    const data = '"'.repeat((messageLimits.maxDataBytes - 2) / 2);
    const bindings = { LANE_NORMAL: lane, OUTBOX: outbox };
    const receipt = await accepted(publish({ to: { users }, type: "note", data }, { bindings }));
    expect(receipt.recipients).toBe(10_000);
    const sizes = stored.map(({ text }) => new TextEncoder().encode(text).byteLength);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(laneLimits.maxEnvelopeBytes);
    expect(lane.texts).toEqual([]);
  });

  test("B23 to a hundred and one users is one message for each of them", async () => {
    const lane = recordedQueue();
    const users = Array.from({ length: 101 }, (_, index) => `user-${index}`);
    expect(await accepted(publish(to(...users), { bindings: { LANE_NORMAL: lane } }))).toMatchObject({
      recipients: 101,
    });
    expect(lane.texts).toHaveLength(Math.ceil(101 / laneLimits.maxEnvelopeUsers));
  });

  test("critical to more than a few users goes through the lane", async () => {
    const lane = recordedQueue();
    const users = Array.from({ length: 11 }, (_, index) => `user-${index}`);
    const receipt = await accepted(publish(critical(...users), { bindings: { LANE_CRITICAL: lane } }));
    expect(receipt).toMatchObject({ recipients: 11, state: "queued" });
    expect(receipt).not.toHaveProperty("results");
    expect(lane.texts).toHaveLength(1);
  });

  test("B32 of a batch over all lanes is accepted whole, each message with its receipt", async () => {
    const messages = [
      { ...to("b32"), priority: "low" },
      { ...critical("b32"), id: "b32-critical" },
      { ...to("b32"), priority: "high" },
      to("b32"),
    ];
    const response = await publish({ messages });
    expect(response.status).toBe(202);
    expect((await response.json<{ messages: Receipt[] }>()).messages).toMatchObject([
      { state: "queued" },
      { id: "b32-critical", state: "settled", results: [{ state: "delivered" }] },
      { state: "queued" },
      { state: "queued" },
    ]);
    await eventually(async () => (await inboxOf("b32")).length === 4);
  });

  test("critical whose user's object can't be reached waits in the critical lane", async () => {
    const lane = recordedQueue();
    const bindings = { LANE_CRITICAL: lane, USER_HUB: broken(env.USER_HUB, new Error("gone")) };
    const receipt = await accepted(quietly(() => publish(critical("alice", "bob"), { bindings })));
    expect(receipt).toMatchObject({
      state: "queued",
      results: [
        { user: "alice", state: "queued" },
        { user: "bob", state: "queued" },
      ],
    });
    expect(lane.texts).toHaveLength(1);
  });

  test("critical that neither the object nor the lane takes waits in an outbox", async () => {
    const bindings = { LANE_CRITICAL: refusing(), USER_HUB: broken(env.USER_HUB, new Error("gone")) };
    const receipt = await accepted(
      quietly(() => publish({ ...critical("outboxed"), id: "outboxed-1" }, { bindings })),
    );
    expect(receipt).toMatchObject({ state: "queued", results: [{ state: "queued" }] });
    await eventually(async () => (await inboxOf("outboxed")).length === 1);
  });

  test("critical that nothing takes is refused", async () => {
    const bindings = {
      LANE_CRITICAL: refusing(),
      USER_HUB: broken(env.USER_HUB, new Error("gone")),
      OUTBOX: broken(env.OUTBOX, new Error("gone")),
    };
    const refused = await problem(quietly(() => publish(critical("alice"), { bindings })));
    expect(refused).toMatchObject({ status: 503, code: "lane_unavailable" });
  });

  test("critical that is dead is refused where its dead letter can't be kept", async () => {
    await accepted(publish({ ...critical("dead-letter"), id: "dead-letter-1", data: 1 }));
    const bindings = { LANE_DEAD: refusing() };
    const refused = await problem(
      quietly(() => publish({ ...critical("dead-letter"), id: "dead-letter-1", data: 2 }, { bindings })),
    );
    expect(refused).toMatchObject({ status: 503, code: "lane_unavailable" });
  });
});
