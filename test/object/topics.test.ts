/** The object of a topic: who is in it, page by page, what it forgets and when. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { fanoutLimits, topicLimits } from "../../src/limits.ts";
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

  test("gets no further page once it was retracted: who joins later would not hear the word of that", async () => {
    const topic = aTopic();
    const first = message();
    const claim = { id: first.id, accepted: first.at, place: 0, chain: 0.5 };
    await objectOf(topic).begin(first);
    expect(await objectOf(topic).pageFor(claim, { limit: 2 })).toEqual({ members: [] });
    await objectOf(topic).begin(message({ retracts: first.id }));
    expect(await objectOf(topic).pageFor(claim, { limit: 2 })).toBe("retracted");
    expect(await objectOf(topic).pageFor({ ...claim, id: idOf("another-one") }, { limit: 2 })).toEqual({
      members: [],
    });
  });
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

  test("does not know one again by a call from before the erasure that comes late", async () => {
    const topic = aTopic();
    await objectOf(topic).apply([change("alice", 1), change("alice", 3, { ...gone, erased: true })]);
    expect(await objectOf(topic).apply([change("alice", 2)])).toEqual([{ stale: 3 }]);
    expect(await objectOf(topic).apply([change("alice", 3, { ...gone, erased: true })])).toEqual([
      { known: true },
    ]);
    expect(await usersOf(topic, { withLeft: true })).toEqual([]);
    const named = await insideTopic(topic, (_, { storage }) =>
      JSON.stringify(storage.sql.exec("SELECT * FROM erased").toArray()),
    );
    expect(named).not.toContain("alice");
    // Who comes back is a member like any other.
    await objectOf(topic).apply([change("alice", 4)]);
    expect(await usersOf(topic)).toEqual(["alice"]);
    await objectOf(topic).apply([change("alice", 5, { ...gone, erased: true })]);
    vi.setSystemTime(Date.now() + topicLimits.erasedKeptMs + topicLimits.sweepGrainMs);
    await runDurableObjectAlarm(objectOf(topic));
    expect(
      await insideTopic(topic, (_, { storage }) =>
        storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'erased'").toArray(),
      ),
    ).toEqual([]);
  });
});

describe("a job that fans a message out", () => {
  const query = { limit: 2 };

  test("has its page alone, unless there is but one, until a later one is taken", async () => {
    const topic = aTopic();
    const { id } = message();
    await objectOf(topic).apply(["a", "b", "c"].map((name) => change(name, 1)));
    const asked = async (place: number, chain: number, limit = 2) => {
      const after = place > 0 ? user("b") : undefined;
      const page = await objectOf(topic).pageFor({ id, accepted: 1, place, chain }, { after, limit });
      return typeof page === "string" ? page : page.members.map((member) => member.user).join();
    };
    expect([await asked(0, 0.1, 9), await asked(0, 0.2, 9)]).toEqual(["a,b,c", "a,b,c"]);
    expect([await asked(0, 0.1), await asked(0, 0.2), await asked(0, 0.1)]).toEqual(["a,b", "taken", "a,b"]);
    expect([await asked(1, 0.3), await asked(1, 0.4), await asked(1, 0.3)]).toEqual(["c", "taken", "c"]);
    expect(await asked(0, 0.1)).toBe("taken");
    // Another message is fanned out beside it, and the same if it is published again.
    for (const other of [
      { id: message().id, accepted: 1 },
      { id, accepted: 2 },
    ]) {
      const page = await objectOf(topic).pageFor({ ...other, place: 0, chain: 0.5 }, query);
      expect(page).toMatchObject({ next: "b" });
    }
  });

  test("is remembered for as long as a copy of it may come, and the topic goes only after that", async () => {
    const topic = aTopic();
    const claim = { id: message().id, accepted: 1, place: -7, chain: 0.5 };
    expect(await objectOf(topic).claim(claim)).toBe(true);
    expect(await objectOf(topic).claim({ ...claim, chain: 0.25 })).toBe(false);
    await runDurableObjectAlarm(objectOf(topic));
    expect(await tablesOf(topic)).toContainEqual({ name: "claims" });
    await pass(topic, fanoutLimits.claimKeptMs + topicLimits.sweepGrainMs);
    expect(await tablesOf(topic)).toEqual([]);
    expect(await objectOf(topic).pageFor(claim, query)).toEqual({ members: [] });
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
