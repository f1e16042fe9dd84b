/** What a user is in: the user's object and the topic's agree in the end, whatever happens between the two writes. */
import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Memberships } from "../../src/hub/memberships.ts";
import type { UserHub } from "../../src/hub/user-hub.ts";
import { inboxLimits, topicLimits } from "../../src/limits.ts";
import type { Topic as TopicName, UserId } from "../../src/protocol/ids.ts";
import type { MemberChange } from "../../src/topics/calls.ts";
import { type KnownMember, take } from "../../src/topics/member-rule.ts";
import { Topic } from "../../src/topics/topic.ts";
import { aUser, connect, hubOf } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { message, messages } from "../support/messages.ts";
import {
  alarmOf,
  breakStatements,
  faultOf,
  inside,
  meter,
  pass,
  type Row,
  tablesOf,
} from "../support/storage.ts";
import { aTopic, join, leave, membersOf, objectOf } from "../support/topics.ts";

beforeEach(() => {
  vi.setSystemTime(Date.now());
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const apply = Topic.prototype.apply;

/** Topics that do as they are told here in place of what they should. */
function topicsThat(
  behave: (topic: Topic, ...changes: Parameters<typeof apply>) => ReturnType<typeof apply>,
) {
  const calls = { count: 0 };
  vi.spyOn(Topic.prototype, "apply").mockImplementation(function (this: Topic, ...changes) {
    calls.count += 1;
    return behave(this, ...changes);
  });
  return calls;
}

const never = () => new Promise<never>(() => undefined);
const failing = () => Promise.reject(new Error("the topic is not there"));

/** What is stored of the topics that a user is in or that are still to be told; in one look, since the object may be about to let its storage go. */
function rowsOf(user: UserId): Promise<readonly Row[]> {
  return inside(user, (_, { storage: { sql } }) => {
    const tables = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'topics'").toArray();
    return tables.length === 0
      ? []
      : sql.exec("SELECT topic, member, pending FROM topics WHERE member = 1 OR pending <> 0").toArray();
  });
}

/** How much is still to be told. */
const pendingOf = async (user: UserId) => (await rowsOf(user)).filter(({ pending }) => pending !== 0).length;

/** Lets alarms come until nothing is to be told any more. */
async function healed(user: UserId): Promise<void> {
  await eventually(async () => {
    await pass(user, topicLimits.repairAfterMs);
    return (await pendingOf(user)) === 0;
  });
}

const view = (topic: TopicName, changes = {}) => ({
  topic,
  member: true,
  presence: false,
  pending: false,
  ...changes,
});

describe("a user", () => {
  test("joins and leaves topics, and both sides know", async () => {
    const [user, other] = [aUser(), aUser()];
    const [one, two] = [aTopic(), aTopic()];
    expect(await join(user, one)).toEqual(view(one));
    expect(await join(user, two, true)).toEqual(view(two, { presence: true }));
    expect(await join(other, one)).toEqual(view(one));
    expect(await membersOf(one)).toEqual([user, other].toSorted());
    expect(await objectOf(two).member(user)).toEqual({ user, presence: true });
    expect(await hubOf(user).topics()).toEqual(
      [view(one), view(two, { presence: true })].toSorted((a, b) => (a.topic < b.topic ? -1 : 1)),
    );
    expect(await leave(user, one)).toEqual(view(one, { member: false }));
    expect(await membersOf(one)).toEqual([other]);
    expect(await hubOf(user).topics()).toEqual([view(two, { presence: true })]);
    expect(await rowsOf(user)).toHaveLength(1);
  });

  test("joins again and leaves again within a millisecond, and the topic follows", async () => {
    const [user, topic] = [aUser(), aTopic()];
    for (let round = 1; round <= 3; round += 1) {
      expect(await join(user, topic)).toEqual(view(topic));
      expect(await membersOf(topic)).toEqual([user]);
      expect(await leave(user, topic)).toEqual(view(topic, { member: false }));
      expect(await membersOf(topic)).toEqual([]);
    }
  });

  test("keeps the presence it chose until it chooses another", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic, true);
    expect(await join(user, topic)).toEqual(view(topic, { presence: true }));
    expect(await join(user, topic, false)).toEqual(view(topic));
    expect(await objectOf(topic).member(user)).toEqual({ user, presence: false });
    await leave(user, topic);
    expect(await join(user, topic)).toEqual(view(topic));
  });

  test("stays in the topics while the object sleeps, and does not let its storage go", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    await evictDurableObject(hubOf(user));
    expect(await hubOf(user).topics()).toEqual([view(topic)]);
    await pass(user, 2 * inboxLimits.dedupeHorizonMs);
    await pass(user, 2 * inboxLimits.dedupeHorizonMs);
    expect(await hubOf(user).topics()).toEqual([view(topic)]);
    await leave(user, topic);
    await pass(user, 2 * inboxLimits.dedupeHorizonMs);
    await pass(user, 2 * inboxLimits.dedupeHorizonMs);
    expect(await tablesOf(user)).toEqual([]);
  });

  test("of whom nothing is stored is in no topic, and asking costs nothing", async () => {
    const user = aUser();
    expect(await hubOf(user).topics()).toEqual([]);
    expect(await tablesOf(user)).toEqual([]);
  });

  test("can join no more topics than the limit, counting those that it is still to leave", async () => {
    const [user, ...names] = [aUser(), aTopic(), aTopic(), aTopic(), aTopic()] as const;
    const [one, two, three, four] = names;
    const joined = names.slice(0, 3).map((topic) => ({ topic, member: true }));
    expect(await hubOf(user).changeTopics(joined, 2)).toEqual([
      view(one),
      view(two),
      { topic: three, refused: "limit" },
    ]);
    expect(await hubOf(user).changeTopics([{ topic: one, member: true, presence: true }], 2)).toEqual([
      view(one, { presence: true }),
    ]);
    topicsThat(failing);
    expect(await leave(user, one)).toEqual(view(one, { member: false, pending: true }));
    expect(await hubOf(user).changeTopics([{ topic: four, member: true }], 2)).toEqual([
      { topic: four, refused: "limit" },
    ]);
    vi.mocked(Topic.prototype.apply).mockRestore();
    await healed(user);
    expect(await hubOf(user).changeTopics([{ topic: four, member: true }], 2)).toEqual([view(four)]);
  });

  test("is in exactly the topics it was in before, where the storage fails half way", async () => {
    const [user, one, two] = [aUser(), aTopic(), aTopic()];
    await join(user, one);
    const repair = await breakStatements(user, /INSERT INTO topics/, 1);
    const changes = [
      { topic: one, member: false },
      { topic: two, member: true },
    ];
    expect(await faultOf(user, (hub) => hub.changeTopics(changes, 10))).toContain("disk is full");
    await inside(user, repair);
    expect(await hubOf(user).topics()).toEqual([view(one)]);
    expect(await rowsOf(user)).toEqual([{ topic: one, member: 1, pending: 0 }]);
  });
});

describe("a copy is a copy", () => {
  test("of a message by a topic that the user has left since", async () => {
    const [user, name] = [aUser(), aTopic()];
    await join(user, name);
    const sent = message({ topic: name });
    await hubOf(user).deliver([sent]);
    await leave(user, name);
    expect((await hubOf(user).deliver([sent])).verdicts).toEqual([{ verdict: "duplicate", seq: 1 }]);
    expect((await hubOf(user).deliver([message({ topic: name })])).verdicts).toEqual([{ verdict: "left" }]);
  });

  test("of a message for who is online, of whom nobody is any more", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = message({ onlineOnly: true });
    await hubOf(user).deliver([sent]);
    device.close(1000);
    await device.closing();
    expect((await hubOf(user).deliver([sent])).verdicts).toEqual([{ verdict: "duplicate", seq: 1 }]);
  });
});

describe("a crash between the two writes", () => {
  const changes = {
    join: (hub: UserHub, topic: TopicName) => hub.changeTopics([{ topic, member: true, presence: true }], 10),
    leave: (hub: UserHub, topic: TopicName) => hub.changeTopics([{ topic, member: false }], 10),
    erase: (hub: UserHub) => hub.erase(),
  };
  const points = {
    "before the topic hears of it": never,
    "after the topic has it": async (topic: Topic, ...args: Parameters<typeof apply>) => {
      await apply.apply(topic, args);
      return never();
    },
  };

  test.each(
    (["join", "leave", "erase"] as const).flatMap((what) =>
      (["before the topic hears of it", "after the topic has it"] as const).map(
        (where) => [what, where] as const,
      ),
    ),
  )("while a user is to %s, %s, heals by itself", async (what, where) => {
    const [user, topic] = [aUser(), aTopic()];
    if (what !== "join") await join(user, topic);
    // The alarm of the joining, which would come early enough by accident.
    await pass(user, topicLimits.repairAfterMs);
    const calls = topicsThat(points[where]);
    await inside(user, (hub) => void changes[what](hub, topic).catch(() => undefined));
    await eventually(() => calls.count === 1);
    expect(await pendingOf(user)).toBe(1);
    // Nobody else would wake the object.
    expect(await alarmOf(user)).toBeLessThanOrEqual(Date.now() + topicLimits.repairAfterMs);
    await abortAllDurableObjects();
    vi.mocked(Topic.prototype.apply).mockRestore();
    await healed(user);
    const joined = what === "join";
    expect(await hubOf(user).topics()).toEqual(joined ? [view(topic, { presence: true })] : []);
    expect(await objectOf(topic).member(user)).toEqual(joined ? { user, presence: true } : undefined);
    expect(await rowsOf(user)).toHaveLength(joined ? 1 : 0);
  });
});

describe("a topic that can't be reached", () => {
  test("is answered for as pending, told again later and later, and at last knows", async () => {
    const [user, topic] = [aUser(), aTopic()];
    const calls = topicsThat(failing);
    expect(await join(user, topic)).toEqual(view(topic, { pending: true }));
    expect(await hubOf(user).topics()).toEqual([view(topic, { pending: true })]);
    const waits: number[] = [];
    for (let round = 1; round <= 12; round += 1) {
      const at = (await alarmOf(user)) ?? 0;
      waits.push(at - Date.now());
      await pass(user, at - Date.now());
    }
    expect(calls.count).toBe(13);
    expect(Math.max(...waits)).toBeLessThanOrEqual(600_000);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(300_000);
    expect(waits[0]).toBeLessThanOrEqual(2_000);
    vi.mocked(Topic.prototype.apply).mockRestore();
    await pass(user, 600_000);
    expect(await hubOf(user).topics()).toEqual([view(topic)]);
    expect(await membersOf(topic)).toEqual([user]);
  });

  test("that took the change and failed to say so is told it again, without harm", async () => {
    const [user, topic] = [aUser(), aTopic()];
    topicsThat(async (object, ...args) => {
      await apply.apply(object, args);
      return failing();
    });
    expect(await join(user, topic)).toEqual(view(topic, { pending: true }));
    vi.mocked(Topic.prototype.apply).mockRestore();
    expect(await join(user, topic)).toEqual(view(topic));
    expect(await membersOf(topic)).toEqual([user]);
  });

  test("hears the last of several changes, even where an older call arrives after it", async () => {
    const [user, topic] = [aUser(), aTopic()];
    const late: Parameters<typeof apply>[] = [];
    topicsThat((_, ...args) => {
      late.push(args);
      return failing();
    });
    await join(user, topic);
    await leave(user, topic);
    await join(user, topic, true);
    vi.mocked(Topic.prototype.apply).mockRestore();
    await healed(user);
    for (const args of late) await objectOf(topic).apply(...args);
    expect(await objectOf(topic).member(user)).toEqual({ user, presence: true });
    expect(await hubOf(user).topics()).toEqual([view(topic, { presence: true })]);
  });

  test.each(["the call", "its answer"])(
    "whose part of an older change is late, %s, does not undo what came after it",
    async (what) => {
      const [user, topic] = [aUser(), aTopic()];
      let released = false;
      const calls = topicsThat(async (object, ...args) => {
        if (calls.count > 1) return apply.apply(object, args);
        const early = what === "its answer" ? await apply.apply(object, args) : undefined;
        await eventually(() => released);
        return early ?? apply.apply(object, args);
      });
      const joining = join(user, topic);
      await eventually(() => calls.count === 1);
      expect(await leave(user, topic)).toEqual(view(topic, { member: false }));
      released = true;
      expect(await joining).toEqual(view(topic, { member: false }));
      expect(await membersOf(topic)).toEqual([]);
      expect(await rowsOf(user)).toEqual([]);
    },
  );

  test("does not keep the others waiting", async () => {
    const [user, bad, good] = [aUser(), aTopic(), aTopic()];
    const calls = topicsThat((object, ...args) =>
      calls.count === 1 ? failing() : apply.apply(object, args),
    );
    const both = [bad, good].map((topic) => ({ topic, member: true }));
    expect(await hubOf(user).changeTopics(both, 10)).toEqual([view(bad, { pending: true }), view(good)]);
    await healed(user);
    expect(await membersOf(bad)).toEqual([user]);
  });

  test("that does not answer is waited for as long as a call may take, and no longer", async () => {
    const { callTimeoutMs } = topicLimits;
    Object.assign(topicLimits, { callTimeoutMs: 10 });
    try {
      const [user, topic] = [aUser(), aTopic()];
      topicsThat(never);
      expect(await join(user, topic)).toEqual(view(topic, { pending: true }));
    } finally {
      Object.assign(topicLimits, { callTimeoutMs });
    }
    // Calls that never end would keep the objects busy beyond the test.
    await abortAllDurableObjects();
  });

  test("is one of many, and no more of them are begun with than there is time for", async () => {
    const [user, ...names] = [aUser(), ...Array.from({ length: 30 }, aTopic)] as const;
    const calls = topicsThat(async () => {
      // Each call takes more time than there is for all of them.
      vi.setSystemTime(Date.now() + topicLimits.repairBudgetMs);
      return failing();
    });
    const told = await hubOf(user).changeTopics(
      names.map((topic) => ({ topic, member: true })),
      100,
    );
    expect(told.every((outcome) => "pending" in outcome && outcome.pending)).toBe(true);
    expect(calls.count).toBe(topicLimits.concurrentRepairs);
    vi.mocked(Topic.prototype.apply).mockRestore();
    await healed(user);
    expect(await membersOf(names[29] ?? aTopic())).toEqual([user]);
  });
});

describe("a message to a topic", () => {
  const committed = (seq: number) => ({ verdict: "committed", seq });
  const left = { verdict: "left" };

  test("is for members: who left gets none, live or stored, but is told what is retracted", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    const first = message({ topic });
    expect((await hubOf(user).deliver([first])).verdicts).toEqual([committed(1)]);
    await leave(user, topic);
    const device = await connect(user);
    const after = [message({ topic }), message(), message({ topic, live: true })];
    expect(await hubOf(user).deliver(after)).toEqual({
      verdicts: [left, committed(2), left],
      devices: [0, 1, 0],
    });
    await device.settled();
    expect(device.all("live")).toEqual([]);
    const word = message({ topic, retracts: first.id });
    expect((await hubOf(user).deliver([word])).verdicts).not.toEqual([left]);
  });

  test("that a topic fans out to somebody who is no member any more tells the topic so", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await objectOf(topic).apply([{ user, member: true, presence: false, version: 1 }]);
    expect((await hubOf(user).deliver(messages(3, { topic }))).verdicts).toEqual([left, left, left]);
    await healed(user);
    expect(await membersOf(topic)).toEqual([]);
    expect(await rowsOf(user)).toEqual([]);
  });

  test("that was on its way when the user was erased is gone, and leaves nothing behind", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    const late = message({ topic });
    await hubOf(user).erase();
    expect(await membersOf(topic)).toEqual([]);
    expect((await objectOf(topic).page({ limit: 10, withLeft: true })).members).toEqual([]);
    expect((await hubOf(user).deliver([late])).verdicts).toEqual([{ verdict: "gone" }]);
    expect(await rowsOf(user)).toEqual([]);
  });
});

describe("what it costs", () => {
  test("a message to a topic is two rows, as any other", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    await hubOf(user).deliver([message({ topic })]);
    const written = await meter(user);
    await hubOf(user).deliver(messages(10, { topic }));
    expect(written).toMatchObject({ rows: 20, alarms: 0 });
  });

  test("to join is two rows and an alarm where none is early enough, to leave is two; what changes nothing is free", async () => {
    const user = aUser();
    const [one, two] = [aTopic(), aTopic()];
    await join(user, aTopic());
    const written = await meter(user);
    await join(user, one);
    expect(written).toMatchObject({ rows: 2, alarms: 0 });
    written.reset();
    await join(user, one);
    await leave(user, two);
    await hubOf(user).topics();
    expect(written).toMatchObject({ rows: 0, alarms: 0 });
    await leave(user, one);
    expect(written).toMatchObject({ rows: 2, alarms: 0 });
  });

  test("topics are read once, however many messages come", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    await evictDurableObject(hubOf(user));
    const reads = await inside(user, async (hub, { storage }) => {
      let count = 0;
      const exec = storage.sql.exec.bind(storage.sql);
      Object.defineProperty(storage.sql, "exec", {
        configurable: true,
        value: (sql: string, ...bindings: SqlStorageValue[]) => {
          if (sql.includes("FROM topics")) count += 1;
          return exec(sql, ...bindings);
        },
      });
      for (let round = 1; round <= 5; round += 1) await hub.deliver([message({ topic })]);
      Reflect.deleteProperty(storage.sql, "exec");
      return count;
    });
    expect(reads).toBeLessThanOrEqual(1);
  });
});

test("both sides agree in the end, whatever calls are lost, late or repeated, and whenever the object dies", async () => {
  const names = [aTopic(), aTopic()];
  const step = fc.record({
    name: fc.constantFrom(...names),
    member: fc.boolean(),
    presence: fc.boolean(),
    /** Of the calls of the step: what arrives, and whether that is known. */
    fate: fc.constantFrom("good", "lost", "unanswered", "late"),
    dies: fc.boolean(),
    at: fc.integer({ min: 1, max: 3 }),
  });
  const user = aUser();
  await join(user, aTopic());
  await inside(user, async (_, { storage }) => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      storage.sql.exec("DELETE FROM topics");
      const known = new Map<TopicName, KnownMember | undefined>();
      const late: (() => void)[] = [];
      let fate: "good" | "lost" | "unanswered" | "late" = "good";
      const objectOf = (name: TopicName) => ({
        apply: async (changes: readonly MemberChange[]) => {
          const arrive = () =>
            changes.map((change) => {
              const taken = take(known.get(name), change);
              const { member, presence, version, erased = false } = change;
              if (taken.write !== undefined) known.set(name, { member, presence, version, erased });
              return taken.applied;
            });
          if (fate === "late") late.push(arrive);
          if (fate === "lost" || fate === "late") throw new Error("lost");
          const applied = arrive();
          if (fate === "unanswered") throw new Error("lost on the way back");
          return applied;
        },
      });
      let memberships = new Memberships(storage, user, objectOf);
      for (const { name, member, presence, at, ...step } of steps) {
        fate = step.fate;
        memberships.change([{ topic: name, member, presence }], 10, at);
        await memberships.tell([name], at);
        if (step.dies) memberships = new Memberships(storage, user, objectOf);
      }
      const truth = memberships.list().map(({ topic, presence }) => ({ topic, presence }));
      fate = "good";
      for (const arrivals of [[], late]) {
        for (const arrive of arrivals) arrive();
        await memberships.settle(4);
        // What was left is only to be forgotten, much later.
        expect(memberships.nextDue() ?? topicLimits.leftKeptMs).toBeGreaterThanOrEqual(
          topicLimits.leftKeptMs,
        );
        const told = names.filter((name) => known.get(name)?.member === true).toSorted();
        expect(told.map((topic) => ({ topic, presence: known.get(topic)?.presence }))).toEqual(truth);
      }
    });
    await fc.assert(property);
  });
});

describe("a topic that was left", () => {
  test("is told of an erasure as long as it remembers the user, and forgets the name", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    await leave(user, topic);
    const kept = () => objectOf(topic).page({ limit: 10, withLeft: true });
    expect((await kept()).members).toMatchObject([{ user }]);
    await hubOf(user).erase();
    expect((await kept()).members).toEqual([]);
    expect(await rowsOf(user)).toEqual([]);
  });

  test("is forgotten after that, and counts for nothing meanwhile", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    const written = await meter(user);
    await leave(user, topic);
    expect(written.rows).toBe(2);
    expect(await hubOf(user).topics()).toEqual([]);
    const other = { topic: aTopic(), member: true };
    expect(await hubOf(user).changeTopics([other], 1)).toMatchObject([{ member: true, pending: false }]);
    await hubOf(user).changeTopics([{ ...other, member: false }], 1);
    const all = () => inside(user, (_, { storage }) => storage.sql.exec("SELECT 1 FROM topics").toArray());
    expect(await all()).toHaveLength(2);
    await pass(user, topicLimits.leftKeptMs + 10);
    await inside(user, (hub) => hub.alarm());
    // With the storage, perhaps, which nothing else keeps.
    expect((await tablesOf(user)).includes("topics") ? await all() : []).toEqual([]);
  });
});

test("what is held about a user names the topics, and not those that are left", async () => {
  const [user, one, two] = [aUser(), aTopic(), aTopic()];
  await join(user, one, true);
  await join(user, two);
  topicsThat(failing);
  await leave(user, two);
  const held = await inside(user, (_, { storage }) => [...new Memberships(storage, user, objectOf).held()]);
  expect(held).toEqual([{ kind: "topic", topic: one, presence: true, pending: false }]);
});
