/** `GET /v1/messages/:id`, and the way of receipts from a publish to there. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { queue } from "../../../src/lanes/queue.ts";
import { receiptLimits } from "../../../src/limits.ts";
import type { ReceiptState } from "../../../src/receipts/event.ts";
import type { MessageReceipts } from "../../../src/receipts/receipts.ts";
import { receiptsQueue } from "../../../src/receipts/send.ts";
import { accepted, api, broken, problem, publish, quietly, to } from "../../support/api.ts";
import { apiKeys } from "../../support/credentials.ts";
import { aUser, caughtUp, connect, hubOf } from "../../support/device.ts";
import { eventually } from "../../support/eventually.ts";
import { watchReceipts } from "../../support/receipts.ts";
import { aTopic, join } from "../../support/topics.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const anId = () => crypto.randomUUID();
const storeOf = (id: string) => env.RECEIPTS_STORE.getByName(id);
const wanted = (id: string, changes: object = {}) => ({
  ...to(aUser()),
  id,
  receipts: true,
  ...changes,
});

async function receiptsOf(id: string): Promise<MessageReceipts & { readonly id: string }> {
  const response = await api("GET", `/v1/messages/${id}`, { credential: apiKeys.publish });
  if (response.status !== 200) throw new Error(`no receipts: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Waits until so many users have come to a state. */
const counted = (id: string, state: ReceiptState, count = 1) =>
  eventually(async () => (await receiptsOf(id)).counts[state] === count);

describe("a message that was published with receipts", () => {
  test("is known at once, and counted as it gets on, without a webhook too", async () => {
    const [alice, bob] = [aUser(), aUser()];
    const id = anId();
    const before = Date.now();
    const answer = await accepted(publish(wanted(id, to(alice, bob))));
    expect(answer).toMatchObject({ id, recipients: 2 });
    const first = await receiptsOf(id);
    expect(first).toMatchObject({ id, type: "note", recipients: 2 });
    expect(first.at).toBeGreaterThanOrEqual(before);
    await counted(id, "stored", 2);
    for (const device of ["laptop", "phone"]) await caughtUp(await connect(alice, { device }), 1);
    await hubOf(alice).read({ upTo: 1 });
    await counted(id, "read");
    await counted(id, "acknowledged", 2);
    expect((await receiptsOf(id)).counts).toEqual({ stored: 2, sent: 1, acknowledged: 2, read: 1 });
  });

  test("is counted where the objects of its users were called at once", async () => {
    const id = anId();
    await publish(wanted(id, { priority: "critical" }));
    await counted(id, "stored");
    expect(await receiptsOf(id)).toMatchObject({ recipients: 1, counts: { stored: 1 } });
  });

  test("is counted for the members of a topic, whose number is not told before", async () => {
    const topic = aTopic();
    for (const user of [aUser(), aUser()]) await join(user, topic);
    const id = anId();
    await publish(wanted(id, { to: { topic } }));
    await counted(id, "stored", 2);
    expect(await receiptsOf(id)).not.toHaveProperty("recipients");
  });

  test("stays one message when it is published again", async () => {
    const id = anId();
    const message = wanted(id);
    await publish(message);
    const { at } = await receiptsOf(id);
    await counted(id, "stored");
    await publish(message);
    await publish({ messages: [wanted(anId()), wanted(anId())] });
    expect(await receiptsOf(id)).toMatchObject({ at, counts: { stored: 1 } });
  });

  test("can't be for everyone", async () => {
    const everyone = { to: { everyone: true, audience: "all" }, type: "note", receipts: true };
    expect(await problem(publish(everyone))).toMatchObject({
      code: "invalid_body",
      errors: [{ path: "receipts", message: expect.stringContaining("everyone") }],
    });
    expect(await problem(publish({ messages: [wanted(anId()), everyone] }))).toMatchObject({
      code: "invalid_body",
      errors: [{ path: "messages[1].receipts" }],
    });
  });
});

test("a message without receipts is none that receipts are known of, and leaves nothing behind", async () => {
  watchReceipts();
  const id = anId();
  await publish({ ...to(aUser()), id });
  expect(await problem(api("GET", `/v1/messages/${id}`))).toMatchObject({ status: 404, code: "not_found" });
  const left = await runInDurableObject(storeOf(id), async (_, { storage }) => ({
    alarm: await storage.getAlarm(),
    tables: storage.sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray(),
  }));
  expect(left).toEqual({ alarm: null, tables: [] });
});

test("receipts are for publishers", async () => {
  const id = anId();
  expect(await problem(api("GET", `/v1/messages/${id}`, { credential: apiKeys.reader }))).toMatchObject({
    code: "insufficient_scope",
  });
  expect(await problem(api("GET", "/v1/messages/short"))).toMatchObject({
    code: "invalid_request",
    errors: [{ path: "id" }],
  });
});

describe("the record of a message", () => {
  test("is made after the message is durable: what was refused leaves none", async () => {
    const id = anId();
    const refusing = broken(env.LANE_NORMAL, new Error("Too Many Requests"));
    await quietly(async () => {
      const answer = publish(wanted(id), { bindings: { LANE_NORMAL: refusing } });
      expect(await problem(answer)).toMatchObject({ code: "lane_unavailable" });
    });
    expect((await api("GET", `/v1/messages/${id}`)).status).toBe(404);
  });

  test("can fail without the message: it is accepted, delivered, and counted", async () => {
    const id = anId();
    const user = aUser();
    const gone = broken(env.RECEIPTS_STORE, new Error("the object is gone"));
    await quietly(async () => {
      const answer = publish(wanted(id, to(user)), { bindings: { RECEIPTS_STORE: gone } });
      expect(await accepted(answer)).toMatchObject({ id, state: "queued" });
    });
    await eventually(async () => (await api("GET", `/v1/messages/${id}`)).status === 200);
    expect(await receiptsOf(id)).toEqual({ id, counts: { stored: 1 } });
    expect((await hubOf(user).presence()).head).toBe(1);
  });
});

describe("the counts", () => {
  const event = (id: string, state: ReceiptState = "stored") => ({ id, state });

  test("know an event again, in the same call and in another", async () => {
    const store = storeOf(anId());
    await store.add([event("a"), event("a"), event("b", "read")]);
    await store.add([event("b", "read"), event("c")]);
    expect(await store.read()).toEqual({ counts: { stored: 2, read: 1 } });
  });

  test("hold no name", async () => {
    const user = aUser();
    const id = anId();
    await publish(wanted(id, to(user)));
    await counted(id, "stored");
    const rows = await runInDurableObject(storeOf(id), (_, { storage }) => ({
      told: storage.sql.exec("SELECT * FROM told").toArray(),
      accepted: [...storage.kv.list()],
    }));
    expect(rows.told).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(user);
  });

  test("cost a row for each event", async () => {
    const store = storeOf(anId());
    await store.add([event("a")]);
    const written = await runInDurableObject(store, async (object, { storage }) => {
      let rows = 0;
      const exec = storage.sql.exec.bind(storage.sql);
      Object.defineProperty(storage.sql, "exec", {
        configurable: true,
        value: (sql: string, ...bindings: SqlStorageValue[]) => {
          const cursor = exec(sql, ...bindings);
          rows += cursor.rowsWritten;
          return cursor;
        },
      });
      await object.add([event("a"), event("b"), event("c")]);
      return rows;
    });
    expect(written).toBe(2);
  });

  test("are kept for 30 days from when the message is to be delivered, and then gone", async () => {
    const store = storeOf(anId());
    const due = Date.now() + 5_000_000;
    const record = { at: Date.now(), type: "notification", recipients: 1 };
    const alarm = () => runInDurableObject(store, (_, { storage }) => storage.getAlarm());
    await store.add([event("a")]);
    expect(await alarm()).toBeLessThanOrEqual(Date.now() + receiptLimits.keptMs);
    await store.accept(record, due);
    await store.accept({ ...record, recipients: 7 }, due + 1);
    await store.add([event("b")]);
    expect(await alarm()).toBe(due + receiptLimits.keptMs);
    expect(await store.read()).toEqual({ ...record, counts: { stored: 2 } });
    await runDurableObjectAlarm(store);
    expect(await store.read()).toBeUndefined();
    expect(await alarm()).toBeNull();
  });
});

describe("the queues", () => {
  const handed = (body: string) => ({
    ...{ id: anId(), body, attempts: 1, timestamp: new Date(), ack: vi.fn(), retry: vi.fn() },
  });
  const batch = (name: string, messages: readonly Message[]): MessageBatch => ({
    ...{ queue: name, messages, ackAll: vi.fn(), retryAll: vi.fn() },
    metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } },
  });

  test("tell of a message that became a dead letter", async () => {
    const told = watchReceipts();
    const user = aUser();
    const id = anId();
    await publish({ ...to(user), id, data: "one" });
    await eventually(async () => (await hubOf(user).presence()).head === 1);
    // The same id for another message.
    await publish(wanted(id, { ...to(user), data: "two" }));
    await eventually(() => told.events.length > 0);
    expect(told.events).toMatchObject([{ message: id, user, state: "dead", reason: "id_conflict" }]);
  });

  test("post to the webhook, and try again where that is misconfigured at the moment", async () => {
    const told = watchReceipts();
    const id = anId();
    await publish(wanted(id));
    await eventually(() => told.texts.length > 0);
    const [text = ""] = told.texts;
    const RECEIPT_SECRET = `whsec_${btoa("4Y7xGgFiXFuoIaNv7YGQaUzy")}`;
    const posts = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null));

    const good = handed(text);
    const webhook = Object.assign(
      { ...env },
      { RECEIPT_URL: "https://app.example.com/hook", RECEIPT_SECRET },
    );
    await queue(batch(receiptsQueue, [good]), webhook);
    expect(posts).toHaveBeenCalledOnce();
    expect(good.ack).toHaveBeenCalled();
    expect((await receiptsOf(id)).counts).toEqual({ stored: 1 });

    const waiting = handed(text);
    const without = Object.assign({ ...webhook }, { RECEIPT_SECRET: "" });
    await quietly(() => queue(batch(receiptsQueue, [waiting]), without));
    expect(posts).toHaveBeenCalledOnce();
    expect(waiting.ack).toHaveBeenCalled();
    expect(told.texts.at(-1)).toContain("countedSince");
  });
});
