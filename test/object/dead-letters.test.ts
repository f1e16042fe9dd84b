import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../../src/lanes/dead-letter.ts";
import { DeadLetters } from "../../src/lanes/dead-letters.ts";
import type { DeadMessage, DeadRecord } from "../../src/lanes/dead-record.ts";
import { encode } from "../../src/lanes/envelope.ts";
import { beginning, encodeJob } from "../../src/lanes/job.ts";
import { deadLetterLimits } from "../../src/limits.ts";
import { topic, userId } from "../../src/protocol/ids.ts";
import { aMessage, recordedQueue, to, users } from "../support/lanes.ts";

const now = () => Date.now();
const [alice, bob, carol] = [userId.parse("alice"), userId.parse("bob"), userId.parse("carol")];

/** A store of its own for each test. */
const fresh = () => env.DEAD_LETTERS.getByName(crypto.randomUUID());

/** A record of a message accepted just now. */
function dead(number: number, changes: Partial<DeadMessage> = {}): DeadMessage {
  const message = aMessage(number, { at: now() });
  return {
    message,
    users: users("alice"),
    reason: "inbox_full",
    attempts: 1,
    error: "",
    at: now(),
    ...changes,
  };
}

const text = (raw: string, at = now()): DeadRecord => ({
  ...{ raw, at, lane: "low", reason: "poison", attempts: 1, error: "is not a JSON object" },
});

/** Runs with an object whose lanes keep what they get. */
async function withLetters(
  run: (letters: DeadLetters, sent: readonly unknown[], state: DurableObjectState) => Promise<void>,
  refuses: () => boolean = () => false,
): Promise<void> {
  await runInDurableObject(fresh(), async (_, state) => {
    const lane = recordedQueue(refuses);
    await run(new DeadLetters(state, { ...env, LANE_NORMAL: lane, LANE_LOW: lane }), lane.texts, state);
  });
}

async function only(letters: DeadLetters): Promise<DeadLetter> {
  const { letters: all } = await letters.list({ limit: 10 });
  const [letter] = all;
  if (letter === undefined || all.length !== 1) throw new Error(`expected one letter, found ${all.length}`);
  return letter;
}

describe("a dead message", () => {
  test("is one letter for each of its users, and is found by id and user", async () => {
    await withLetters(async (letters) => {
      const record = dead(1, {
        users: users("alice", "bob"),
        reason: "attempts_exhausted",
        attempts: 8,
        error: "Error: x",
      });
      await letters.store([record]);
      const { message, users: _, ...death } = record;
      const found = await letters.find(message.id, bob);
      expect(found).toEqual({
        ...{ ...death, message, user: "bob", lane: "normal", state: "dead", redrives: 0 },
        key: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      });
      expect((await letters.list({ limit: 10 })).letters).toHaveLength(2);
      expect(await letters.find(message.id, carol)).toBeUndefined();
    });
  });

  test("is one letter however often its record arrives", async () => {
    await withLetters(async (letters) => {
      const record = dead(1);
      await letters.store([record, record]);
      await letters.store([record]);
      expect(await only(letters)).toMatchObject({ state: "dead", redrives: 0 });
    });
  });
});

describe("the list", () => {
  test("is newest first, page by page, and ends", async () => {
    await withLetters(async (letters) => {
      await letters.store([1, 2, 3, 4, 5].map((number) => dead(number)));
      const seen: string[] = [];
      let cursor: number | undefined;
      do {
        const page = await letters.list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.letters.map((letter) => ("message" in letter ? letter.message.id : letter.raw)));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(seen).toEqual([5, 4, 3, 2, 1].map((number) => `message-${number}`));
    });
  });

  test("can be narrowed to a user and to a reason", async () => {
    await withLetters(async (letters) => {
      await letters.store([
        dead(1),
        dead(2, { users: users("bob") }),
        dead(3, { reason: "id_conflict" }),
        text("{"),
      ]);
      const ofBob = await letters.list({ limit: 10, user: bob });
      expect(ofBob.letters).toMatchObject([{ user: "bob" }]);
      const poison = await letters.list({ limit: 10, reason: "poison" });
      expect(poison.letters).toMatchObject([{ raw: "{", lane: "low" }]);
      expect((await letters.list({ limit: 10 })).letters).toHaveLength(4);
    });
  });
});

describe("a redrive", () => {
  test("puts the message back into its lane, for this user alone", async () => {
    await withLetters(async (letters, sent) => {
      const record = dead(1, { users: users("alice", "bob") });
      await letters.store([record]);
      const letter = await letters.find(record.message.id, alice);
      expect(await letters.redrive(letter?.key ?? "")).toEqual({ ok: true, redrives: 1 });
      expect(sent).toEqual([encode({ attempt: 0, items: [to(record.message, "alice")] })]);
      expect(await letters.find(record.message.id, alice)).toMatchObject({
        state: "redriven",
        redrives: 1,
        redrivenAt: expect.any(Number),
      });
    });
  });

  test("puts a text that could not be read back as it is", async () => {
    await withLetters(async (letters, sent) => {
      await letters.store([text("{ canary")]);
      await letters.redrive((await only(letters)).key);
      expect(sent).toEqual(["{ canary"]);
    });
  });

  test("twice or at the same time sends once, and says so each time", async () => {
    await withLetters(async (letters, sent) => {
      await letters.store([dead(1)]);
      const { key } = await only(letters);
      const answers = await Promise.all([letters.redrive(key), letters.redrive(key)]);
      expect([...answers, await letters.redrive(key)]).toEqual(Array(3).fill({ ok: true, redrives: 1 }));
      expect(sent).toHaveLength(1);
    });
  });

  test("that the lane refuses changes nothing and can be tried again", async () => {
    let refuses = true;
    await withLetters(
      async (letters, sent) => {
        await letters.store([dead(1)]);
        const { key } = await only(letters);
        expect(await letters.redrive(key)).toEqual({ ok: false, code: "lane_refused" });
        expect(await only(letters)).toMatchObject({ state: "dead", redrives: 0 });
        refuses = false;
        expect(await letters.redrive(key)).toEqual({ ok: true, redrives: 1 });
        expect(sent).toHaveLength(1);
      },
      () => refuses,
    );
  });

  test("of a message that dies again leaves it dead with its redrives counted, to be redriven again", async () => {
    await withLetters(async (letters, sent) => {
      const record = dead(1);
      await letters.store([record]);
      const { key } = await only(letters);
      await letters.redrive(key);
      await letters.store([record]);
      expect(await only(letters)).toMatchObject({ state: "redriven" });

      await letters.store([{ ...record, at: record.at + 1, reason: "attempts_exhausted", attempts: 8 }]);
      expect(await only(letters)).toMatchObject({ state: "dead", reason: "attempts_exhausted", redrives: 1 });
      expect(await letters.redrive(key)).toEqual({ ok: true, redrives: 2 });
      expect(sent).toHaveLength(2);
    });
  });

  test("does not cover up a death that came while it was being sent", async () => {
    const record = dead(1);
    let whileSending = async () => {};
    await runInDurableObject(fresh(), async (_, state) => {
      const lane = recordedQueue();
      const sendBatch: Queue["sendBatch"] = async (messages) => {
        await whileSending();
        return lane.sendBatch(messages);
      };
      const letters = new DeadLetters(state, { ...env, LANE_NORMAL: { ...lane, sendBatch } });
      await letters.store([record]);
      whileSending = () => letters.store([{ ...record, at: record.at + 1 }]);
      const { key } = await only(letters);
      await letters.redrive(key);
      expect(await only(letters)).toMatchObject({ state: "dead", at: record.at + 1 });
    });
  });

  test("is refused once its id may be forgotten, and for what is not there", async () => {
    await withLetters(async (letters, sent) => {
      const at = now() - deadLetterLimits.redriveWindowMs - 1;
      await letters.store([dead(1, { message: aMessage(1, { at }) })]);
      expect(await letters.redrive((await only(letters)).key)).toEqual({ ok: false, code: "too_old" });
      expect(await letters.redrive("nothing")).toEqual({ ok: false, code: "not_found" });
      expect(sent).toEqual([]);
    });
  });

  test("of a message that was to wait counts its age from the time it waited for", async () => {
    await withLetters(async (letters, sent) => {
      const at = now() - deadLetterLimits.redriveWindowMs - 1;
      await letters.store([dead(1, { message: aMessage(1, { at, deliverAt: at + 2_000 }) })]);
      expect(await letters.redrive((await only(letters)).key)).toEqual({ ok: true, redrives: 1 });
      expect(sent).toHaveLength(1);
    });
  });

  test("of a job whose message has expired is refused, and one of another is sent as it is", async () => {
    await withLetters(async (letters, sent) => {
      const job = (number: number, expires: number) =>
        encodeJob(beginning(aMessage(number, { at: now(), expires }), { topic: topic.parse("news") }, 0.5));
      await letters.store([text(job(1, now()))]);
      const { key } = await only(letters);
      expect(await letters.redrive(key)).toEqual({ ok: false, code: "expired" });
      expect(sent).toEqual([]);
      await letters.discard(key);
      const raw = job(2, now() + 60_000);
      await letters.store([text(raw)]);
      expect(await letters.redrive((await only(letters)).key)).toEqual({ ok: true, redrives: 1 });
      expect(sent).toEqual([raw]);
    });
  });

  test("of a text counts its age from its first death", async () => {
    await withLetters(async (letters) => {
      await letters.store([text("{", now() - deadLetterLimits.redriveWindowMs - 1)]);
      await letters.store([text("{", now())]);
      expect(await letters.redrive((await only(letters)).key)).toEqual({ ok: false, code: "too_old" });
    });
  });
});

test("what is discarded is gone", async () => {
  await withLetters(async (letters) => {
    await letters.store([dead(1)]);
    const { key } = await only(letters);
    expect(await letters.discard(key)).toEqual({ ok: true });
    expect(await letters.discard(key)).toEqual({ ok: false, code: "not_found" });
    expect((await letters.list({ limit: 10 })).letters).toEqual([]);
  });
});

describe("the time of a dead letter", () => {
  const longAgo = () => now() - deadLetterLimits.keptMs - 1;

  test("sets the alarm only when it ends before all others", async () => {
    await withLetters(async (letters, _, state) => {
      const at = now();
      await letters.store([dead(1, { at })]);
      expect(await state.storage.getAlarm()).toBe(at + deadLetterLimits.keptMs);
      await letters.store([dead(2, { at: at + 1 })]);
      expect(await state.storage.getAlarm()).toBe(at + deadLetterLimits.keptMs);
      await letters.store([dead(3, { at: at - 1 })]);
      expect(await state.storage.getAlarm()).toBe(at - 1 + deadLetterLimits.keptMs);
      await letters.store([]);
      expect(await state.storage.getAlarm()).toBe(at - 1 + deadLetterLimits.keptMs);
    });
  });

  test("over, it is removed, and the alarm is set for the next", async () => {
    const stub = fresh();
    const at = now();
    await stub.store([dead(1, { at: longAgo() }), dead(2, { at })]);
    await runDurableObjectAlarm(stub);
    expect((await stub.list({ limit: 10 })).letters).toMatchObject([{ message: { id: "message-2" } }]);
    await runInDurableObject(stub, async (_, { storage }) => {
      expect(await storage.getAlarm()).toBe(at + deadLetterLimits.keptMs);
    });
  });

  test("of the last one over, no alarm is set any more", async () => {
    const stub = fresh();
    await stub.store([dead(1, { at: longAgo() })]);
    await runDurableObjectAlarm(stub);
    await runInDurableObject(stub, async (_, { storage }) => expect(await storage.getAlarm()).toBeNull());
  });

  test("is looked at again later when the storage fails", async () => {
    await withLetters(async (letters, _, state) => {
      state.storage.sql.exec("DROP TABLE dead_letters");
      const before = now();
      await letters.alarm();
      expect(await state.storage.getAlarm()).toBeGreaterThan(before);
    });
  });
});
