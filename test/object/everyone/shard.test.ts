/** Who is online, as one shard knows. Each test has a shard of its own. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { ShardQuery } from "../../../src/everyone/calls.ts";
import { Everyone } from "../../../src/everyone/everyone.ts";
import { everyoneLimits, fanoutLimits } from "../../../src/limits.ts";
import { userId } from "../../../src/protocol/ids.ts";
import { quietly } from "../../support/api.ts";
import { begin, everyone, shardNamed } from "../../support/everyone.ts";
import { message } from "../../support/messages.ts";

const alice = userId.parse("alice");
const bob = userId.parse("bob");
const carol = userId.parse("carol");
const now = Date.now();
let tests = 0;
const aShard = () => {
  tests += 1;
  return shardNamed(`${500 + tests}:0`);
};

/** A page for a job of its own, whose claim nobody disputes. */
function page(shard: ReturnType<typeof aShard>, query: Omit<ShardQuery, "claim">) {
  return shard.page({ ...query, claim: { id: message().id, accepted: now, place: 0, chain: 1 } });
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a shard", () => {
  test("lists, page by page in the order of their ids, who came and has not gone", async () => {
    const shard = aShard();
    for (const user of [carol, alice, bob]) await shard.came(user, now, now);
    expect(await page(shard, { head: 0, limit: 2 })).toEqual({ users: [alice, bob], next: bob });
    expect(await page(shard, { head: 0, after: bob, limit: 2 })).toEqual({ users: [carol] });
    expect(await page(shard, { head: 0, limit: 3 })).toEqual({ users: [alice, bob, carol], next: carol });
    expect(await page(shard, { head: 0, after: carol, limit: 3 })).toEqual({ users: [] });
    await shard.went(bob, now);
    expect(await page(shard, { head: 0, limit: 10 })).toEqual({ users: [alice, carol] });
    expect(await shard.who([alice, bob])).toEqual([{ user: alice, since: now, seen: now }]);
  });

  test("keeps the latest word of a user, whenever the others arrive", async () => {
    const shard = aShard();
    await shard.came(alice, now, now + 5);
    await shard.went(alice, now + 4);
    await shard.came(alice, now - 9, now + 3);
    expect(await shard.who([alice])).toEqual([{ user: alice, since: now, seen: now + 5 }]);
    await shard.went(alice, now + 6);
    expect(await shard.who([alice])).toEqual([]);
  });

  test("does not count a lease that was not renewed in time, and drops it from the page", async () => {
    vi.setSystemTime(now);
    const shard = aShard();
    await shard.came(alice, now, now);
    await shard.came(bob, now, now + 1);
    vi.setSystemTime(now + everyoneLimits.leaseMs);
    expect(await shard.who([alice, bob])).toMatchObject([{ user: bob }]);
    expect(await page(shard, { head: 0, limit: 10 })).toEqual({ users: [bob] });
    const rows = await runInDurableObject(shard, (_, { storage }) =>
      storage.sql.exec("SELECT user FROM online").toArray(),
    );
    expect(rows).toEqual([{ user: bob }]);
  });

  test("has pages for one job only, unless there is but one, and forgets which when no copy can come", async () => {
    vi.setSystemTime(now);
    const shard = aShard();
    for (const user of [alice, bob, carol]) await shard.came(user, now, now);
    const { id } = message();
    const asked = (place: number, chain: number, limit = 2) =>
      shard.page({
        head: 0,
        limit,
        claim: { id, accepted: now, place, chain },
        ...(place > 0 ? { after: bob } : {}),
      });
    expect(await asked(0, 0.1, 9)).toEqual({ users: [alice, bob, carol] });
    expect(await asked(0, 0.2, 9)).toEqual({ users: [alice, bob, carol] });
    const first = { users: [alice, bob], next: bob };
    expect([await asked(0, 0.1), await asked(0, 0.2), await asked(0, 0.1)]).toEqual([first, "taken", first]);
    const last = { users: [carol] };
    expect([await asked(1, 0.3), await asked(1, 0.4), await asked(1, 0.3)]).toEqual([last, "taken", last]);
    expect(await asked(0, 0.1)).toBe("taken");
    await runDurableObjectAlarm(shard);
    expect(await asked(1, 0.4)).toBe("taken");
    vi.setSystemTime(now + fanoutLimits.claimKeptMs + everyoneLimits.sweepGrainMs);
    await runDurableObjectAlarm(shard);
    const left = await runInDurableObject(shard, async (_, { storage }) => ({
      claims: storage.sql.exec("SELECT 1 FROM claims").toArray(),
      alarm: await storage.getAlarm(),
    }));
    expect(left).toEqual({ claims: [], alarm: null });
  });

  test("forgets claims at a later alarm where one failed", async () => {
    vi.setSystemTime(now);
    const shard = aShard();
    for (const user of [alice, bob]) await shard.came(user, now, now);
    await page(shard, { head: 0, limit: 1 });
    vi.setSystemTime(now + fanoutLimits.claimKeptMs + everyoneLimits.sweepGrainMs);
    await runInDurableObject(shard, (_, { storage }) => {
      Object.defineProperty(storage.sql, "exec", {
        configurable: true,
        value: () => {
          throw new Error("database or disk is full: SQLITE_FULL");
        },
      });
    });
    await quietly(() => runDurableObjectAlarm(shard));
    await runInDurableObject(shard, (_, { storage }) => Reflect.deleteProperty(storage.sql, "exec"));
    const claims = () =>
      runInDurableObject(shard, (_, { storage }) => storage.sql.exec("SELECT 1 FROM claims").toArray());
    expect(await claims()).toHaveLength(1);
    await runDurableObjectAlarm(shard);
    expect(await claims()).toEqual([]);
  });

  test("answers a thousand users at once", async () => {
    const users = Array.from({ length: 1_000 }, (_, index) => userId.parse(`user-${index}`));
    const shard = aShard();
    await shard.came(userId.parse("user-999"), now, now);
    expect(await shard.who(users)).toMatchObject([{ user: "user-999" }]);
  });

  test("is in use from the first word on, says so once an hour, and knows what had begun before", async () => {
    vi.setSystemTime(now);
    const { head } = await begin(message());
    const uses = vi.spyOn(Everyone.prototype, "uses");
    const shard = aShard();
    expect(await Promise.all([shard.came(alice, now, now), shard.head()])).toEqual([head, head]);
    expect(uses).toHaveBeenCalledTimes(1);
    expect(await everyone().counts()).toContain(500 + tests);
    // What begins from now on is brought by the page.
    const next = await begin(message());
    expect(next.shards).toContain(500 + tests);
    expect(await shard.head()).toBe(head);
    await page(shard, { head: next.head, limit: 10 });
    expect(await shard.came(bob, now, now)).toBe(next.head);
    await page(shard, { head, limit: 10 });
    expect(await shard.head()).toBe(next.head);
    expect(uses).toHaveBeenCalledTimes(1);
    vi.setSystemTime(now + everyoneLimits.reportEveryMs);
    await shard.head();
    expect(uses).toHaveBeenCalledTimes(2);
  });
});
