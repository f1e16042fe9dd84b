/** The object of a topic: who is in it, page by page, what it forgets and when. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { topicLimits } from "../../src/limits.ts";
import { type Topic, type UserId, userId } from "../../src/protocol/ids.ts";
import type { MemberChange } from "../../src/topics/calls.ts";
import { idOf, message } from "../support/messages.ts";
import { aTopic, insideTopic, objectOf } from "../support/topics.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const user = (name: string): UserId => userId.parse(name);

function change(name: string, version: number, changes: Partial<MemberChange> = {}): MemberChange {
  return { user: user(name), member: true, presence: false, version, ...changes };
}

const gone = { member: false };

async function usersOf(topic: Topic, query = {}): Promise<readonly string[]> {
  return (await objectOf(topic).page({ limit: 10, ...query })).members.map(({ user }) => user);
}

const tablesOf = (topic: Topic) =>
  insideTopic(topic, (_, { storage }) =>
    storage.sql
      .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray(),
  );

/** Moves the clock, and lets the alarm come if its time has. */
async function pass(topic: Topic, milliseconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + milliseconds);
  const at = await insideTopic(topic, (_, { storage }) => storage.getAlarm());
  if (at !== null && at <= Date.now()) await runDurableObjectAlarm(objectOf(topic));
}

describe("a topic", () => {
  test("costs no storage while it is only asked about", async () => {
    const topic = aTopic();
    expect(await objectOf(topic).count()).toBe(0);
    expect(await objectOf(topic).page({ limit: 10 })).toEqual({ members: [] });
    expect(await objectOf(topic).member(user("alice"))).toBeUndefined();
    expect(await objectOf(topic).begin(message())).toEqual({ retracted: false });
    expect(await tablesOf(topic)).toEqual([]);
  });

  test("takes changes as their versions rise, and the same ones twice", async () => {
    const topic = aTopic();
    const joined = [change("alice", 1), change("bob", 1, { presence: true })];
    expect(await objectOf(topic).apply(joined)).toEqual([{ known: true }, { known: true }]);
    expect(await objectOf(topic).apply(joined)).toEqual([{ known: true }, { known: true }]);
    expect(await objectOf(topic).count()).toBe(2);
    const late = [change("alice", 2, gone), change("alice", 1), change("bob", 1, gone)];
    expect(await objectOf(topic).apply(late)).toEqual([{ known: true }, { stale: 2 }, { stale: 1 }]);
    expect(await objectOf(topic).count()).toBe(1);
    expect(await objectOf(topic).member(user("alice"))).toBeUndefined();
    expect(await objectOf(topic).member(user("bob"))).toEqual({ user: "bob", presence: true });
  });

  test("is paged by user, each once, with the place to go on from", async () => {
    const topic = aTopic();
    const names = ["u9", "u10", "U1", "u1", "~z", "u2", "-a"];
    await objectOf(topic).apply(names.map((name) => change(name, 1)));
    const seen: string[] = [];
    let after: UserId | undefined;
    do {
      const page = await objectOf(topic).page({ after, limit: 3 });
      seen.push(...page.members.map(({ user }) => user));
      after = page.next;
    } while (after !== undefined);
    expect(seen).toEqual(names.toSorted());
  });

  test("is paged past who joins and leaves meanwhile, and whoever was there all along comes once", async () => {
    const topic = aTopic();
    await objectOf(topic).apply(["b", "d", "f", "h"].map((name) => change(name, 1)));
    const first = await objectOf(topic).page({ limit: 2 });
    expect(first).toMatchObject({ members: [{ user: "b" }, { user: "d" }], next: "d" });
    await objectOf(topic).apply([change("a", 1), change("d", 2, gone), change("e", 1), change("h", 2, gone)]);
    const second = await objectOf(topic).page({ after: first.next, limit: 2 });
    expect(second).toEqual({
      members: [
        { user: "e", presence: false },
        { user: "f", presence: false },
      ],
    });
  });

  test("tells only who takes part in presence events, or also who has left, where that is asked", async () => {
    const topic = aTopic();
    await objectOf(topic).apply([
      change("alice", 1, { presence: true }),
      change("bob", 1),
      change("carol", 1, { presence: true }),
    ]);
    await objectOf(topic).apply([change("carol", 2, gone)]);
    expect(await usersOf(topic)).toEqual(["alice", "bob"]);
    expect(await usersOf(topic, { presenceOnly: true })).toEqual(["alice"]);
    expect(await usersOf(topic, { withLeft: true })).toEqual(["alice", "bob", "carol"]);
  });

  test("counts its members once, and then keeps count", async () => {
    const topic = aTopic();
    await objectOf(topic).apply([change("alice", 1), change("bob", 1)]);
    expect(await objectOf(topic).count()).toBe(2);
    await objectOf(topic).apply([
      change("alice", 2, { presence: true }),
      change("bob", 2, gone),
      change("bob", 3, gone),
      change("carol", 1),
      change("dave", 1, gone),
      change("carol", 2, { ...gone, erased: true }),
      change("erin", 1),
    ]);
    const counted = await objectOf(topic).count();
    expect(counted).toBe(2);
    expect(await usersOf(topic)).toHaveLength(counted);
  });

  test("takes all changes of a call or none", async () => {
    const topic = aTopic();
    await objectOf(topic).apply([change("alice", 1)]);
    expect(await objectOf(topic).count()).toBe(1);
    const fault = await insideTopic(topic, async (object, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      let writes = 0;
      Object.defineProperty(storage.sql, "exec", {
        configurable: true,
        value: (sql: string, ...bindings: SqlStorageValue[]) => {
          if (sql.includes("INSERT INTO members")) writes += 1;
          if (writes === 2) throw new Error("database or disk is full");
          return exec(sql, ...bindings);
        },
      });
      try {
        await object.apply([change("bob", 1), change("carol", 1)]);
        return "none";
      } catch (error) {
        return String(error);
      } finally {
        Reflect.deleteProperty(storage.sql, "exec");
      }
    });
    expect(fault).toContain("disk is full");
    expect(await objectOf(topic).count()).toBe(1);
    expect(await usersOf(topic)).toEqual(["alice"]);
  });
});

describe("a message that begins", () => {
  test.each(["retracts", "replaces"] as const)(
    "is not fanned out once another one %s it, however often that is tried",
    async (how) => {
      const topic = aTopic();
      const first = message();
      expect(await objectOf(topic).begin(first)).toEqual({ retracted: false });
      expect(await objectOf(topic).begin(first)).toEqual({ retracted: false });
      const second = message({ [how]: first.id });
      expect(await objectOf(topic).begin(second)).toEqual({ retracted: false });
      expect(await objectOf(topic).begin(second)).toEqual({ retracted: false });
      expect(await objectOf(topic).begin(first)).toEqual({ retracted: true });
      expect(await objectOf(topic).begin({ id: idOf("another-one") })).toEqual({ retracted: false });
    },
  );
});

describe("what is over", () => {
  test("goes: who left after 30 days, what was retracted after 60, and with the last of it the storage", async () => {
    vi.setSystemTime(Date.now());
    const topic = aTopic();
    const first = message();
    await objectOf(topic).apply([change("alice", 1), change("bob", 1)]);
    await objectOf(topic).apply([change("bob", 2, gone)]);
    await objectOf(topic).begin(message({ retracts: first.id }));
    await pass(topic, topicLimits.leftKeptMs - 1);
    expect(await usersOf(topic, { withLeft: true })).toEqual(["alice", "bob"]);
    await pass(topic, topicLimits.sweepGrainMs);
    expect(await usersOf(topic, { withLeft: true })).toEqual(["alice"]);
    expect(await objectOf(topic).begin(first)).toEqual({ retracted: true });
    await objectOf(topic).apply([change("alice", 2, gone)]);
    await pass(topic, topicLimits.leftKeptMs + topicLimits.sweepGrainMs);
    expect(await tablesOf(topic)).toEqual([]);
    expect(await objectOf(topic).begin(first)).toEqual({ retracted: false });
    expect(await objectOf(topic).count()).toBe(0);
    await objectOf(topic).apply([change("alice", 1)]);
    expect(await usersOf(topic)).toEqual(["alice"]);
  });

  test("does not wake a topic that has members only, and is not looked for twice a day", async () => {
    vi.setSystemTime(Date.now());
    const topic = aTopic();
    const alarmOf = () => insideTopic(topic, (_, { storage }) => storage.getAlarm());
    await objectOf(topic).apply([change("alice", 1), change("bob", 1), change("carol", 1)]);
    expect(await alarmOf()).toBeNull();
    await objectOf(topic).apply([change("bob", 2, gone)]);
    const at = await alarmOf();
    expect(at).toBeGreaterThanOrEqual(Date.now() + topicLimits.leftKeptMs);
    await objectOf(topic).apply([change("carol", 2, gone)]);
    expect(await alarmOf()).toBe(at);
    await pass(topic, topicLimits.leftKeptMs + topicLimits.sweepGrainMs);
    expect(await usersOf(topic, { withLeft: true })).toEqual(["alice"]);
    expect(await alarmOf()).toBeNull();
  });

  test("is looked for again where that failed", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.setSystemTime(Date.now());
    const topic = aTopic();
    await objectOf(topic).apply([change("alice", 1)]);
    await objectOf(topic).apply([change("alice", 2, gone)]);
    vi.setSystemTime(Date.now() + topicLimits.leftKeptMs + topicLimits.sweepGrainMs);
    await insideTopic(topic, async (object, { storage }) => {
      Object.defineProperty(storage.sql, "exec", {
        configurable: true,
        value: () => {
          throw new Error("not now");
        },
      });
      await storage.deleteAlarm();
      await object.alarm();
      Reflect.deleteProperty(storage.sql, "exec");
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now());
      await object.alarm();
      // Once more than needed, as the platform may.
      await object.alarm();
    });
    expect(error).toHaveBeenCalledOnce();
    expect(await tablesOf(topic)).toEqual([]);
  });

  test("leaves no trace of a user who was erased", async () => {
    const topic = aTopic();
    await objectOf(topic).apply([change("alice", 1), change("bob", 1)]);
    await objectOf(topic).apply([change("alice", 2, { ...gone, erased: true })]);
    expect(await usersOf(topic, { withLeft: true })).toEqual(["bob"]);
  });
});

test("a member costs one row, one that takes part in presence events two, and one that leaves one", async () => {
  const topic = aTopic();
  await objectOf(topic).apply([change("first", 1)]);
  const cost = (changes: readonly MemberChange[]) =>
    insideTopic(topic, async (object, { storage }) => {
      const cursors: { readonly rowsWritten: number }[] = [];
      const exec = storage.sql.exec.bind(storage.sql);
      Object.defineProperty(storage.sql, "exec", {
        configurable: true,
        value: (sql: string, ...bindings: SqlStorageValue[]) => {
          const cursor = exec(sql, ...bindings);
          cursors.push(cursor);
          return cursor;
        },
      });
      await object.apply(changes);
      Reflect.deleteProperty(storage.sql, "exec");
      return cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
    });
  expect(await cost([change("alice", 1)])).toBe(1);
  expect(await cost([change("alice", 1)])).toBe(0);
  expect(await cost([change("bob", 1, { presence: true })])).toBe(2);
  expect(await cost([change("alice", 2, gone)])).toBe(1);
});
