import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { OnlineUser } from "../../../src/everyone/calls.ts";
import { shardOf } from "../../../src/everyone/shards.ts";
import { whoIsOnline } from "../../../src/everyone/who.ts";
import { userId } from "../../../src/protocol/ids.ts";

const users = ["alice", "bob", "carol", "dave"].map((name) => userId.parse(name));
const [alice = userId.parse("alice"), bob = userId.parse("bob")] = users;

/** Shards that know of some users; those named in `down` do not answer. */
function shards(known: Readonly<Record<string, readonly OnlineUser[]>>, ...down: string[]) {
  const asked: string[] = [];
  const who = async (shard: string, theirs: readonly string[]) => {
    asked.push(shard);
    if (down.includes(shard)) throw new Error("it does not answer");
    return (known[shard] ?? []).filter(({ user }) => theirs.includes(user));
  };
  return { asked, who };
}

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("who is online", () => {
  test("is asked of the shards of the users, once each, and told in their order", async () => {
    const { asked, who } = shards({ [shardOf(bob, 16)]: [{ user: bob, since: 5, seen: 7 }] });
    const presence = await whoIsOnline(users, { counts: [16], complete: true, who });
    expect(presence).toEqual(
      users.map((user) =>
        user === bob ? { user, online: true, since: 5, asOf: 7 } : { user, online: false },
      ),
    );
    expect(asked.toSorted()).toEqual([...new Set(users.map((user) => shardOf(user, 16)))].toSorted());
  });

  test("is asked under every count that is in use; the last word counts", async () => {
    const { who } = shards({
      [shardOf(alice, 16)]: [{ user: alice, since: 5, seen: 9 }],
      [shardOf(alice, 32)]: [{ user: alice, since: 6, seen: 10 }],
      [shardOf(bob, 16)]: [{ user: bob, since: 1, seen: 3 }],
      [shardOf(bob, 32)]: [{ user: bob, since: 1, seen: 2 }],
    });
    expect(await whoIsOnline([alice, bob], { counts: [16, 32], complete: true, who })).toEqual([
      { user: alice, online: true, since: 6, asOf: 10 },
      { user: bob, online: true, since: 1, asOf: 3 },
    ]);
  });

  test("is not known, rather than not online, where a shard does not answer", async () => {
    const down = shardOf(alice, 16);
    expect(shardOf(bob, 16)).not.toBe(down);
    const { who } = shards({}, down);
    expect(await whoIsOnline([alice, bob], { counts: [16], complete: true, who })).toEqual([
      { user: alice, unknown: true },
      { user: bob, online: false },
    ]);
    const other = shards({ [shardOf(alice, 32)]: [{ user: alice, since: 5, seen: 7 }] }, down);
    expect(await whoIsOnline([alice], { counts: [16, 32], complete: true, who: other.who })).toEqual([
      { user: alice, online: true, since: 5, asOf: 7 },
    ]);
  });

  test("is not known where there may be further counts, but for those who are found", async () => {
    const { who } = shards({ [shardOf(bob, 16)]: [{ user: bob, since: 5, seen: 7 }] });
    expect(await whoIsOnline([alice, bob], { counts: [16], complete: false, who })).toEqual([
      { user: alice, unknown: true },
      { user: bob, online: true, since: 5, asOf: 7 },
    ]);
  });

  test("has no answer where nobody gives one", async () => {
    const { who } = shards({}, ...users.map((user) => shardOf(user, 16)));
    expect(await whoIsOnline(users, { counts: [16], complete: true, who })).toBeUndefined();
  });
});
