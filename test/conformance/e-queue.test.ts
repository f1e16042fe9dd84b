/** Rows D1-D4, D29 and E of the test matrix: what a lane, its consumer and the dead letters do when something fails. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { consume, type QueueMessage, type Surroundings } from "../../src/lanes/consume.ts";
import { consumeDead } from "../../src/lanes/dead-consumer.ts";
import { deadLettersName } from "../../src/lanes/dead-letter.ts";
import { deadTextKey } from "../../src/lanes/dead-record.ts";
import { pack } from "../../src/lanes/envelope.ts";
import { lanes as laneTable } from "../../src/lanes/lane.ts";
import { queue } from "../../src/lanes/queue.ts";
import { batches, lanesOf } from "../../src/lanes/send.ts";
import { laneLimits } from "../../src/limits.ts";
import type { Verdict } from "../../src/protocol/delivery.ts";
import { type UserId, userId } from "../../src/protocol/ids.ts";
import type { Priority } from "../../src/protocol/priority.ts";
import { eventually } from "../support/eventually.ts";
import {
  type Handed,
  handed,
  manyUsers,
  noCrowds,
  type RecordedLanes,
  recordedLanes,
} from "../support/lanes.ts";
import { message } from "../support/messages.ts";

const aUser = () => userId.parse(`user-${crypto.randomUUID()}`);
const hub = (user: UserId) => env.USER_HUB.getByName(user);
const letters = () => env.DEAD_LETTERS.getByName(deadLettersName);
const only = (user: UserId) => ({ message: message(), users: [user] });

/** The ids in the inbox of a user, newest first, with their numbers. */
async function inboxOf(user: UserId): Promise<[seq: number, id: string][]> {
  const { messages } = await hub(user).inbox({ limit: 100, unread: false });
  return messages.map(({ seq, id }) => [seq, id]);
}

/** The objects themselves, with lanes that keep what they get; `before` each call something may fail. */
function surroundings(before: (user: UserId) => void = () => {}): Surroundings & { lanes: RecordedLanes } {
  return {
    lanes: recordedLanes(),
    crowds: noCrowds,
    now: Date.now,
    random: () => 0.5,
    deliver: async (user, messages) => {
      before(user);
      return hub(user).deliver(messages);
    },
  };
}

const fail = () => {
  throw new Error("network");
};
const dead = (lanes: RecordedLanes) =>
  lanes.sent.filter(({ lane }) => lane === "dead").flatMap(({ texts }) => texts);
const storeDead = (batch: readonly QueueMessage[]) =>
  consumeDead(batch, {
    lanes: recordedLanes(),
    random: () => 0.5,
    store: (records) => letters().store(records),
  });

/** What the consumer of a lane does with these, as the platform sees it. */
async function consumed(lane: Priority, bodies: readonly unknown[], attempts = 1) {
  const batch = createMessageBatch(
    laneTable[lane].queue,
    bodies.map((body, index) => ({ id: String(index), timestamp: new Date(), attempts, body })),
  );
  const context = createExecutionContext();
  await queue(batch, env);
  return getQueueResult(batch, context);
}

describe("D: nothing is lost", () => {
  test("D1 a consumer that fails before the call tries again, and the message arrives once", async () => {
    const user = aUser();
    const item = only(user);
    const [body] = pack([item]);
    const first = handed(body);
    await consume("normal", [first], surroundings(fail));
    expect(first.fate).toEqual({ delaySeconds: 1 });
    expect(await inboxOf(user)).toEqual([]);
    const second = handed(body, { attempts: 2 });
    await consume("normal", [second], surroundings());
    expect(second.fate).toBe("ack");
    expect(await inboxOf(user)).toEqual([[1, item.message.id]]);
  });

  test("D2 a consumer that dies after the call and before its acknowledgement gives no second number", async () => {
    const user = aUser();
    const item = only(user);
    for (const attempts of [1, 2]) {
      const result = await consumed("normal", pack([item]), attempts);
      expect(result.explicitAcks).toEqual(["0"]);
    }
    expect(await inboxOf(user)).toEqual([[1, item.message.id]]);
    expect((await hub(user).presence()).head).toBe(1);
  });

  test("D3 of ten messages, of which one fails, nine are acknowledged and one comes again", async () => {
    const broken = aUser();
    const batch = Array.from({ length: 10 }, (_, index) =>
      handed(pack([only(index === 4 ? broken : aUser())])[0]),
    );
    await consume(
      "normal",
      batch,
      surroundings((user) => user === broken && fail()),
    );
    const acked = batch.filter(({ fate }) => fate === "ack");
    expect(acked).toHaveLength(9);
    expect(batch[4]?.fate).toEqual({ delaySeconds: 1 });
  });

  test("D4 of 100 recipients, of whom one fails, only that one is called again", async () => {
    const recipients = Array.from({ length: 100 }, aUser);
    const [broken] = recipients;
    const item = { message: message(), users: recipients };
    const first = surroundings((user) => user === broken && fail());
    const batch = [handed(pack([item])[0])];
    await consume("normal", batch, first);
    expect(batch[0]?.fate).toBe("ack");
    const [rest] = first.lanes.sent;
    expect(rest).toMatchObject({ lane: "normal", texts: [expect.any(String)], delaySeconds: 1 });

    const called: UserId[] = [];
    const again = handed(rest?.texts[0]);
    await consume(
      "normal",
      [again],
      surroundings((user) => void called.push(user)),
    );
    expect(called).toEqual([broken]);
    expect(again.fate).toBe("ack");
    for (const user of recipients) expect(await inboxOf(user)).toEqual([[1, item.message.id]]);
  });

  test("D29 of 10,000 users each has the message exactly once, though the consumer died in the middle", async () => {
    const sent = message({ priority: "low" });
    const everyone = manyUsers(10_000);
    const batch = (attempts: number) =>
      pack([{ message: sent, users: everyone }]).map((body) => handed(body, { attempts }));
    // 10,000 objects would take half a minute to make; these know ids again as they do.
    const inboxes = new Map<UserId, string[]>();
    const commit: Surroundings["deliver"] = async (user, messages) => {
      const inbox = inboxes.get(user) ?? [];
      inboxes.set(user, inbox);
      const verdicts = messages.map(({ id }): Verdict => {
        if (inbox.includes(id)) return { verdict: "duplicate", seq: 1 };
        inbox.push(id);
        return { verdict: "committed", seq: 1 };
      });
      return { verdicts, devices: [] };
    };

    const cut = batch(1);
    const died = new Promise<void>((resolve) => {
      const deliver: Surroundings["deliver"] = (user, messages) => {
        if (inboxes.size < 5_000) return commit(user, messages);
        resolve();
        return new Promise(() => {});
      };
      void consume("low", cut, { ...surroundings(), deliver });
    });
    await died;
    expect(inboxes.size).toBe(5_000);
    expect(cut.map(({ fate }) => fate)).not.toContain("ack");

    const again = batch(2);
    await consume("low", again, { ...surroundings(), deliver: commit });
    expect(new Set(again.map(({ fate }) => fate))).toEqual(new Set(["ack"]));
    expect([...inboxes.keys()].sort()).toEqual(everyone);
    expect(new Set([...inboxes.values()].map((inbox) => inbox.join()))).toEqual(new Set([sent.id]));
  });
});

describe("E: queues and dead letters", () => {
  const poison = (raw: string) => async () =>
    (await letters().list({ limit: 100, reason: "poison" })).letters.find(
      ({ key }) => key === deadTextKey(raw),
    );

  test("E1 a body that is no envelope goes straight to the dead letters with its reason, and is acknowledged", async () => {
    const raw = `{"v":1,"attempt":0,"items":[${Math.random()}]}`;
    const result = await consumed("high", [raw]);
    expect(result.explicitAcks).toEqual(["0"]);
    expect(result.retryMessages).toEqual([]);
    const letter = poison(raw);
    await eventually(async () => (await letter()) !== undefined);
    expect(await letter()).toMatchObject({
      ...{ raw, lane: "high", state: "dead", attempts: 1 },
      error: expect.stringContaining("items.0"),
    });
  });

  test("E2 a message that fails at every attempt is one dead letter with its attempts", async () => {
    const user = aUser();
    const item = only(user);
    const [body] = pack([item]);
    const world = surroundings(fail);
    const fates: Handed["fate"][] = [];
    for (let attempts = 1; attempts <= laneLimits.maxAttempts; attempts += 1) {
      const one = handed(body, { attempts });
      await consume("normal", [one], world);
      fates.push(one.fate);
    }
    expect(fates.at(-1)).toBe("ack");
    expect(fates.slice(0, -1)).not.toContain("ack");
    expect(dead(world.lanes)).toHaveLength(1);
    await storeDead(dead(world.lanes).map((text) => handed(text)));
    expect((await letters().list({ limit: 100, user })).letters).toMatchObject([
      {
        message: item.message,
        reason: "attempts_exhausted",
        attempts: laneLimits.maxAttempts,
        error: "Error: network",
      },
    ]);
  });

  test("E3 a crash between the send to the dead lane and the acknowledgement leaves one row", async () => {
    const user = aUser();
    const [body] = pack([only(user)]);
    let now = Date.now();
    const world = { ...surroundings(fail), now: () => now };
    for (const attempts of [laneLimits.maxAttempts, laneLimits.maxAttempts + 1]) {
      now += 1_000;
      await consume("normal", [handed(body, { attempts })], world);
    }
    expect(dead(world.lanes)).toHaveLength(2);
    await storeDead(dead(world.lanes).map((text) => handed(text)));
    expect((await letters().list({ limit: 100, user })).letters).toHaveLength(1);
  });

  test("E4 a dead letter that can't be stored is never acknowledged unseen, and is reported", async () => {
    const alert = vi.spyOn(console, "error").mockImplementation(() => {});
    const batch = [handed("{"), handed("[")];
    await consumeDead(batch, {
      lanes: recordedLanes(),
      random: () => 0.5,
      store: async () => fail(),
    });
    expect(batch.map(({ fate }) => fate)).toEqual([{ delaySeconds: 1 }, { delaySeconds: 1 }]);
    expect(alert.mock.calls.flat().map((line) => JSON.parse(line))).toMatchObject([
      { level: "error", event: "dead_letters_not_stored", count: 2 },
    ]);
    alert.mockRestore();
  });

  test("E5 redriven once, twice and at the same time, a message is delivered once", async () => {
    const user = aUser();
    const item = only(user);
    await letters().store([
      { ...item, reason: "attempts_exhausted", attempts: 8, error: "", at: Date.now() },
    ]);
    const key = (await letters().find(item.message.id, user))?.key ?? "";
    const answers = await Promise.all([letters().redrive(key), letters().redrive(key)]);
    expect([...answers, await letters().redrive(key)]).toEqual(Array(3).fill({ ok: true, redrives: 1 }));
    await eventually(async () => (await inboxOf(user)).length > 0);
    expect(await inboxOf(user)).toEqual([[1, item.message.id]]);
    expect(await letters().find(item.message.id, user)).toMatchObject({ state: "redriven", redrives: 1 });
  });

  test("E6 a text that is still poison comes back with one redrive, and waits for an operator", async () => {
    const raw = `{"still":"poison ${Math.random()}"}`;
    const letter = poison(raw);
    await storeDead([handed(raw, { at: Date.now() })]);
    expect(await letters().redrive(deadTextKey(raw))).toEqual({ ok: true, redrives: 1 });
    await eventually(async () => (await letter())?.state === "dead");
    expect(await letter()).toMatchObject({ raw, redrives: 1, reason: "poison" });
  });

  test("E7 what is discarded is gone, and who reads the log knows it", async () => {
    const audit = vi.spyOn(console, "info").mockImplementation(() => {});
    const user = aUser();
    const item = only(user);
    await letters().store([{ ...item, reason: "inbox_full", attempts: 1, error: "", at: Date.now() }]);
    const key = (await letters().find(item.message.id, user))?.key ?? "";
    expect(await letters().discard(key)).toEqual({ ok: true });
    expect(await letters().find(item.message.id, user)).toBeUndefined();
    expect(audit.mock.calls.flat().map((line) => JSON.parse(line))).toContainEqual({
      ...{ level: "info", event: "dead_letter_discarded", letter: key },
    });
    audit.mockRestore();
  });

  test("two messages that came under one known id are both kept", async () => {
    const user = aUser();
    const item = only(user);
    const record = { ...item, reason: "id_conflict", attempts: 1, error: "", at: Date.now() } as const;
    const other = { ...record, message: { ...item.message, body: '"something else"' } };
    await letters().store([record]);
    await letters().store([other]);
    const { letters: kept } = await letters().list({ limit: 10, user });
    expect(kept.map((letter) => ("message" in letter ? letter.message.body : ""))).toEqual([
      '"something else"',
      item.message.body,
    ]);
  });

  test("of a user who was erased nothing is kept, and what was accepted before is not taken any more", async () => {
    const user = aUser();
    const item = only(user);
    const record = { ...item, reason: "inbox_full", attempts: 1, error: "", at: Date.now() } as const;
    await letters().store([record]);
    expect(await letters().eraseUser(user)).toBe(1);
    await letters().store([{ ...record, at: record.at + 1 }]);
    expect((await letters().list({ limit: 10, user })).letters).toEqual([]);
    const later = { ...record, message: { ...item.message, at: Date.now() + 1_000 } };
    await letters().store([later]);
    expect((await letters().list({ limit: 10, user })).letters).toHaveLength(1);
  });

  test("what expired is not redriven", async () => {
    const user = aUser();
    const item = only(user);
    const message = { ...item.message, expires: Date.now() - 1 };
    await letters().store([
      { users: [user], message, reason: "inbox_full", attempts: 1, error: "", at: Date.now() },
    ]);
    const key = (await letters().find(message.id, user))?.key ?? "";
    expect(await letters().redrive(key)).toEqual({ ok: false, code: "expired" });
  });

  test("E9 an overloaded object is left alone for at least half of the backoff", async () => {
    const overloaded = () => {
      throw Object.assign(new Error("too many requests queued"), { overloaded: true });
    };
    const one = handed(pack([only(aUser())])[0], { attempts: 5 });
    await consume("normal", [one], { ...surroundings(overloaded), random: () => 0 });
    expect(one.fate).toEqual({ delaySeconds: 16 });
  });

  test("E10 an envelope of a newer version is tried again, and at last a dead letter, untouched", async () => {
    const raw = `{"v":3,"novelty":${Math.random()}}`;
    expect((await consumed("low", [raw])).retryMessages).toEqual([{ msgId: "0" }]);
    const result = await consumed("low", [raw], laneLimits.maxAttempts);
    expect(result.explicitAcks).toEqual(["0"]);
    const letter = async () =>
      (await letters().list({ limit: 100, reason: "unknown_version" })).letters.find(
        ({ key }) => key === deadTextKey(raw),
      );
    await eventually(async () => (await letter()) !== undefined);
    expect(await letter()).toMatchObject({ raw, lane: "low", attempts: laneLimits.maxAttempts });
  });
});

describe("the lanes of a deployment", () => {
  test("carry a message for each priority from an outbox to its user", async () => {
    const user = aUser();
    const sent = (["low", "critical", "normal", "high"] as const).map((priority) => message({ priority }));
    const parcels = sent.flatMap((one) =>
      pack([{ message: one, users: [user] }]).map((text) => ({ lane: one.priority, text })),
    );
    await lanesOf(env).store(parcels);
    await eventually(async () => (await inboxOf(user)).length === sent.length);
    expect((await inboxOf(user)).map(([, id]) => id).sort()).toEqual(sent.map(({ id }) => id).sort());
  });

  test("take each other's place nowhere: a flood of critical messages leaves low its own way", async () => {
    const [flooded, other] = [aUser(), aUser()];
    const flood = Array.from({ length: 2_000 }, () => message({ priority: "critical" }));
    const low = message({ priority: "low" });
    const texts = pack(flood.map((one) => ({ message: one, users: [flooded] })));
    for (const batch of batches(texts)) await lanesOf(env).send("critical", batch);
    await lanesOf(env).send("low", pack([{ message: low, users: [other] }]));
    await eventually(async () => (await inboxOf(other)).length === 1);
    await eventually(async () => (await hub(flooded).presence()).head === flood.length);
    expect(await inboxOf(other)).toEqual([[1, low.id]]);
  });

  test("a batch of a queue that is no lane's is refused, so that it stays where it is", async () => {
    const batch = createMessageBatch("somebody-else", [
      { id: "0", timestamp: new Date(), attempts: 1, body: "" },
    ]);
    await expect(queue(batch, env)).rejects.toThrow("somebody-else");
  });
});
