/** The log of what was sent to everyone. Each test has an object of its own. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { EveryoneCalls } from "../../../src/everyone/calls.ts";
import { withdrawal } from "../../../src/lanes/withdrawal.ts";
import { everyoneLimits, fanoutLimits } from "../../../src/limits.ts";
import { withdrawnType } from "../../../src/protocol/message.ts";
import { quietly } from "../../support/api.ts";
import { idOf, message, messageOf, messages } from "../../support/messages.ts";
import { ids } from "../../support/stream.ts";

const aLog = () => env.EVERYONE.getByName(crypto.randomUUID());

async function idsIn(log: Pick<EveryoneCalls, "after">, seq = 0): Promise<string[]> {
  return ids((await log.after(seq, 1_000)).entries.map((entry) => entry.message));
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a message to all", () => {
  test("is kept under a number that rises, once, however often it begins", async () => {
    const log = aLog();
    const [first = message(), second = message()] = messages(2);
    expect(await log.begin(first)).toEqual({ kind: "begun", seq: 1, head: 1, shards: [] });
    expect(await log.begin(first)).toEqual({ kind: "begun", seq: 1, head: 1, shards: [] });
    expect(await log.begin(second)).toEqual({ kind: "begun", seq: 2, head: 2, shards: [] });
    expect(await log.begin(first)).toEqual({ kind: "begun", seq: 1, head: 2, shards: [] });
    expect(await log.after(0, 10)).toEqual({
      entries: [
        { seq: 1, message: first },
        { seq: 2, message: second },
      ],
      upTo: 2,
      head: 2,
    });
    expect(await idsIn(log, 1)).toEqual([second.id]);
    expect(await log.after(2, 10)).toEqual({ entries: [], upTo: 2, head: 2 });
  });

  test("is handed out in pages, bounded in messages and in bytes", async () => {
    const log = aLog();
    const sent = messages(5);
    for (const one of sent) await log.begin(one);
    const page = await log.after(1, 2);
    expect(page).toMatchObject({ entries: [{ seq: 2 }, { seq: 3 }], upTo: 3, head: 5 });

    const large = Array.from({ length: 40 }, () => messageOf(60_000));
    const heavy = aLog();
    for (const one of large) await heavy.begin(one);
    const { entries, upTo } = await heavy.after(0, 100);
    expect(entries.length).toBe(Math.ceil(everyoneLimits.maxPageBytes / 60_000));
    expect(upTo).toBe(entries.length);
    expect((await heavy.after(upTo, 100)).upTo).toBeGreaterThan(upTo);
  });

  test("is not kept where it is only for who is online", async () => {
    const log = aLog();
    for (const only of [{ live: true }, { onlineOnly: true }]) {
      expect(await log.begin(message(only))).toEqual({ kind: "begun", head: 0, shards: [] });
    }
    expect(await log.after(0, 10)).toEqual({ entries: [], upTo: 0, head: 0 });
  });

  test("that comes too late is not begun", async () => {
    expect(await aLog().begin(message({ expires: Date.now() }))).toEqual({ kind: "expired" });
  });

  test("is handed out until it expires, and removed soon after; its number never comes again", async () => {
    const now = Date.now();
    vi.setSystemTime(now);
    const log = aLog();
    await log.begin(message({ expires: now + 60_000 }));
    const later = message({ expires: now + 30 * everyoneLimits.sweepGrainMs });
    await log.begin(later);
    vi.setSystemTime(now + 60_000);
    expect(await log.after(0, 10)).toMatchObject({ entries: [{ seq: 2 }], upTo: 2 });
    const kept = () =>
      runInDurableObject(log, (_, { storage }) => storage.sql.exec("SELECT seq FROM log").toArray().length);
    expect(await kept()).toBe(2);
    vi.setSystemTime(now + 60_000 + everyoneLimits.sweepGrainMs);
    await runDurableObjectAlarm(log);
    expect(await kept()).toBe(1);
    vi.setSystemTime(later.expires + everyoneLimits.sweepGrainMs);
    await runDurableObjectAlarm(log);
    expect(await kept()).toBe(0);
    expect(await runInDurableObject(log, (_, { storage }) => storage.getAlarm())).toBeNull();
    expect(await log.begin(message())).toMatchObject({ seq: 3 });
  });

  test("goes at a later alarm where one failed", async () => {
    const now = Date.now();
    vi.setSystemTime(now);
    const log = aLog();
    await log.begin(message({ expires: now + 1 }));
    await runInDurableObject(log, (_, { storage: { sql } }) => {
      Object.defineProperty(sql, "exec", {
        configurable: true,
        value: () => {
          throw new Error("database or disk is full: SQLITE_FULL");
        },
      });
    });
    vi.setSystemTime(now + 2 * everyoneLimits.sweepGrainMs);
    await quietly(() => runDurableObjectAlarm(log));
    const left = await runInDurableObject(log, (_, { storage }) => {
      Reflect.deleteProperty(storage.sql, "exec");
      return storage.getAlarm();
    });
    expect(left).not.toBeNull();
    vi.setSystemTime(left ?? 0);
    await runDurableObjectAlarm(log);
    expect(
      await runInDurableObject(log, (_, { storage }) => storage.sql.exec("SELECT 1 FROM log").toArray()),
    ).toEqual([]);
  });
});

describe("a message that is retracted", () => {
  const retracts = (id: string, change = {}) =>
    message({ type: withdrawnType, body: JSON.stringify({ id, reason: "retracted" }), ...change });

  test("is not handed out any more; that it was retracted is, to those who may have it", async () => {
    const log = aLog();
    const [first = message(), second = message()] = messages(2);
    await log.begin(first);
    await log.begin(second);
    const word = retracts(first.id, { retracts: first.id });
    expect(await log.begin(word)).toMatchObject({ kind: "begun", seq: 3 });
    expect(await idsIn(log)).toEqual([second.id, word.id]);
    // A late step of its fan-out begins it once more.
    expect(await log.begin(first)).toEqual({ kind: "retracted" });
  });

  test("before it begins, never begins, not even when its time comes after 30 days in a lane", async () => {
    const now = Date.now();
    vi.setSystemTime(now);
    const log = aLog();
    const scheduled = message({ expires: now + 40 * 86_400_000, deliverAt: now + 30 * 86_400_000 });
    await log.begin(retracts(scheduled.id, { retracts: scheduled.id }));
    vi.setSystemTime(now + 34 * 86_400_000);
    await runDurableObjectAlarm(log);
    expect(await log.begin(scheduled)).toEqual({ kind: "retracted" });
    vi.setSystemTime(now + everyoneLimits.retractedKeptMs + everyoneLimits.sweepGrainMs);
    await runDurableObjectAlarm(log);
    expect(
      await runInDurableObject(log, (_, { storage }) =>
        storage.sql.exec("SELECT 1 FROM retracted").toArray(),
      ),
    ).toEqual([]);
  });

  test("by another one in its place is handed out no more than that", async () => {
    const log = aLog();
    const old = message();
    await log.begin(old);
    const instead = message({ replaces: old.id });
    await log.begin(instead);
    expect(await idsIn(log)).toEqual([instead.id]);
  });

  test("leaves the word of what it was to replace in its place, however often it is retracted", async () => {
    const log = aLog();
    const old = message();
    const [second, third] = [message({ replaces: old.id }), message({ replaces: idOf("never-there") })];
    for (const one of [old, second, third]) await log.begin(one);
    for (const audience of ["", "another"]) {
      await log.begin(withdrawal(second.id, "retracted", { now: Date.now(), audience }));
    }
    const { entries } = await log.after(1, 1);
    expect(entries).toMatchObject([
      {
        seq: 2,
        message: {
          type: withdrawnType,
          retracts: old.id,
          body: JSON.stringify({ id: old.id, reason: "replaced" }),
        },
      },
    ]);
    expect(await idsIn(log)).toHaveLength(4);
  });

  test("though it was for who was online, is taken from those too who are away by now", async () => {
    const log = aLog();
    const sent = message({ onlineOnly: true });
    await log.begin(sent);
    const word = retracts(sent.id, { retracts: sent.id, onlineOnly: true });
    await log.begin(word);
    const { onlineOnly: _, ...kept } = word;
    expect((await log.after(0, 10)).entries).toEqual([{ seq: 1, message: kept }]);
  });
});

test("one job goes on with a message, and that it does is forgotten when no copy can come any more", async () => {
  const now = Date.now();
  vi.setSystemTime(now);
  const log = aLog();
  const claim = { id: message().id, accepted: now, place: 0, chain: 0.5 };
  expect(await log.claim(claim)).toBe(true);
  expect(await log.claim({ ...claim, chain: 0.25 })).toBe(false);
  expect(await log.claim(claim)).toBe(true);
  expect(await log.claim({ ...claim, place: 90, chain: 0.125 })).toBe(true);
  expect(await log.claim(claim)).toBe(false);
  const claims = () =>
    runInDurableObject(log, (_, { storage }) => storage.sql.exec("SELECT place FROM claims").toArray());
  await runDurableObjectAlarm(log);
  expect(await claims()).toEqual([{ place: 90 }]);
  vi.setSystemTime(now + fanoutLimits.claimKeptMs + everyoneLimits.sweepGrainMs);
  await runDurableObjectAlarm(log);
  expect(await claims()).toEqual([]);
  expect(await runInDurableObject(log, (_, { storage }) => storage.getAlarm())).toBeNull();
});

test("a shard count is in use for a day after it was last", async () => {
  const now = Date.now();
  vi.setSystemTime(now);
  const log = aLog();
  await log.begin(message());
  expect(await log.uses(16)).toBe(1);
  vi.setSystemTime(now + everyoneLimits.shardsInUseMs - 1);
  await log.uses(32);
  expect(await log.counts()).toEqual([16, 32]);
  expect(await log.begin(message())).toMatchObject({ shards: [16, 32] });
  vi.setSystemTime(now + everyoneLimits.shardsInUseMs);
  expect(await log.counts()).toEqual([32]);
});
