/** Who is online: asked of many at once, and told to who follows a topic. */
import { abortAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EveryoneShard } from "../../../src/everyone/shard.ts";
import { shardOf } from "../../../src/everyone/shards.ts";
import { PresenceEvents } from "../../../src/hub/presence-events.ts";
import { everyoneLimits, inboxLimits, laneLimits, presenceLimits } from "../../../src/limits.ts";
import type { Topic, UserId } from "../../../src/protocol/ids.ts";
import { api, broken, problem, quietly } from "../../support/api.ts";
import { apiKeys } from "../../support/credentials.ts";
import { aUser, connect, type Device, hubOf, leave } from "../../support/device.ts";
import { eventually } from "../../support/eventually.ts";
import { isListed, shardNamed } from "../../support/everyone.ts";
import { inside, meter, pass, query } from "../../support/storage.ts";
import { aTopic, join, leave as leaveTopic } from "../../support/topics.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the presence of many", () => {
  const ask = (users: readonly unknown[], call: Parameters<typeof api>[2] = {}) =>
    api("POST", "/v1/presence", { json: { users }, ...call });

  test("is told in their order, each user once, since when and as of when", async () => {
    const [here, away] = [aUser(), aUser()];
    const before = Date.now();
    await connect(here);
    await eventually(() => isListed(here));
    const answer = await ask([away, here, away], { credential: apiKeys.reader });
    expect(answer.status).toBe(200);
    const { presence } = await answer.json<{ presence: { since: number; asOf: number }[] }>();
    expect(presence).toEqual([
      { user: away, online: false },
      { user: here, online: true, since: expect.any(Number), asOf: expect.any(Number) },
    ]);
    expect(presence[1]?.since).toBeGreaterThanOrEqual(before);
    expect(presence[1]?.asOf).toBeGreaterThanOrEqual(presence[1]?.since ?? Number.NaN);
  });

  test("takes a thousand users of the longest names", async () => {
    const users = Array.from({ length: presenceLimits.maxUsers }, (_, n) => String(n).padStart(128, "u"));
    const answer = await ask(users);
    expect((await answer.json<{ presence: object[] }>()).presence).toHaveLength(1_000);
  });

  test("of none, of too many and of nobody's name is refused, and without the scope", async () => {
    const many = Array.from({ length: presenceLimits.maxUsers + 1 }, (_, n) => `user-${n}`);
    for (const users of [[], many, ["a b"], [7]]) {
      expect(await problem(ask(users))).toMatchObject({ status: 400, code: "invalid_body" });
    }
    expect(await problem(ask(["alice"], { credential: apiKeys.publish }))).toMatchObject({ status: 403 });
  });

  test("is found under a count that was in use before the setting changed", async () => {
    const here = aUser();
    await connect(here);
    await eventually(() => isListed(here));
    const answer = await ask([here], { bindings: { EVERYONE_SHARDS: "7" } });
    expect(await answer.json()).toMatchObject({ presence: [{ user: here, online: true }] });
  });

  test("is unknown, and not offline, where a shard or the counts can't be asked", async () => {
    const one = aUser();
    const shard = shardOf(one, everyoneLimits.defaultShards);
    let other = aUser();
    while (shardOf(other, everyoneLimits.defaultShards) === shard) other = aUser();
    const who = vi.spyOn(EveryoneShard.prototype, "who");
    await quietly(async () => {
      const down = { EVERYONE: broken(env.EVERYONE, new Error("it is down")) };
      expect(await (await ask([one], { bindings: down })).json()).toEqual({
        presence: [{ user: one, unknown: true }],
      });
      who.mockImplementation(async function (this: EveryoneShard) {
        if (Reflect.get(this, "ctx").id.name === shard) throw new Error("it is down");
        return [];
      });
      expect(await (await ask([one, other])).json()).toEqual({
        presence: [
          { user: one, unknown: true },
          { user: other, online: false },
        ],
      });

      who.mockRejectedValue(new Error("all are down"));
      const refused = await ask([one]);
      expect(refused.headers.get("Retry-After")).toBe("2");
      expect(await problem(refused)).toMatchObject({ status: 503, code: "presence_unavailable" });
    });
  });
});

// A lane of low priority takes a second or two.
describe("a presence event", { timeout: 30_000 }, () => {
  let name: Topic;
  let user: UserId;
  let follower: Device;
  const events = (device = follower) =>
    device
      .all("live")
      .filter(({ message }) => message.type === "hubbub.presence")
      .map(({ message }) => message.data);
  const told = (count: number, device = follower) =>
    eventually(() => events(device).length === count, { what: () => `there are ${count} events` });

  beforeEach(async () => {
    vi.setSystemTime(Date.now());
    name = aTopic();
    user = aUser();
    const watching = aUser();
    await join(watching, name, true);
    follower = await connect(watching);
    // Of the follower itself.
    await told(1);
    await join(user, name, true);
  });

  test("tells who follows the topic that the user is online, at once, and offline ten seconds after the last device", async () => {
    const device = await connect(user);
    const phone = await connect(user, { device: "phone" });
    await told(2);
    const now = Date.now();
    expect(events()[1]).toEqual({ topic: name, user, online: true, since: now, asOf: now });
    expect(follower.last("live").message).toMatchObject({ topic: name, priority: "low" });
    await leave(device);
    await leave(phone);
    await pass(user, presenceLimits.reloadMs - 1);
    expect(await query(user, "SELECT 1 FROM presence_told")).toHaveLength(1);
    await pass(user, 1);
    await told(3);
    expect(events()[2]).toEqual({ topic: name, user, online: false, asOf: now + presenceLimits.reloadMs });
    expect(await query(user, "SELECT 1 FROM presence_told")).toEqual([]);
  });

  test("is none where a page reloads", async () => {
    await leave(await connect(user));
    await told(2);
    await pass(user, presenceLimits.reloadMs - 1);
    const device = await connect(user);
    await pass(user, 3 * presenceLimits.reloadMs);
    // A device that comes while it is connected takes its own place.
    const again = await connect(user);
    await device.closing();
    await pass(user, 3 * presenceLimits.reloadMs);
    await leave(again);
    await pass(user, presenceLimits.reloadMs);
    await told(3);
    expect(events()).toMatchObject([{}, { user, online: true }, { user, online: false }]);
  });

  test("goes to nobody who did not opt in, and tells of nobody who did not", async () => {
    const [quiet, deaf] = [aUser(), aUser()];
    for (const each of [quiet, deaf]) await join(each, name);
    const listening = await connect(deaf);
    await connect(quiet);
    await connect(user);
    await told(2);
    expect(events()).toMatchObject([{}, { user }]);
    expect(events(listening)).toEqual([]);
    expect(await query(quiet, "SELECT 1 FROM presence_told")).toEqual([]);
  });

  test("costs a user who follows no topic nothing", async () => {
    const other = aUser();
    await connect(other);
    const sent = await inside(other, (hub) => vi.spyOn(Reflect.get(hub, "env").LANE_LOW, "sendBatch"));
    const written = await meter(other);
    const phone = await connect(other, { device: "phone" });
    await leave(phone);
    // The device, when it comes and when it goes.
    expect(written).toMatchObject({ rows: 2, alarms: 0 });
    expect(sent).not.toHaveBeenCalled();
  });

  test("tells of a user who opts in while online", async () => {
    const other = aUser();
    await connect(other);
    await join(other, name, true);
    await told(2);
    expect(events()[1]).toMatchObject({ user: other, online: true });
    await leaveTopic(other, name);
    await hubOf(other).disconnect(false);
    await pass(other, presenceLimits.reloadMs);
    expect(await query(other, "SELECT 1 FROM presence_told")).toEqual([]);
    expect(events()).toHaveLength(2);
  });

  test("comes late where the object died: when it next runs", async () => {
    await connect(user);
    await told(2);
    await abortAllDurableObjects();
    follower = await connect(follower.user);
    await pass(user, 4 * 60_000);
    await pass(user, presenceLimits.reloadMs);
    await told(1);
    expect(events()).toMatchObject([{ user, online: false }]);
  });

  test("is tried again where the lane refuses it", async () => {
    const send = await inside(user, (hub) =>
      vi.spyOn(Reflect.get(hub, "env").LANE_LOW, "sendBatch").mockRejectedValueOnce(new Error("refused")),
    );
    await quietly(async () => {
      await connect(user);
      await eventually(() => send.mock.calls.length === 1);
    });
    await pass(user, inboxLimits.alarmRetryMs);
    await told(2);
    expect(events()[1]).toMatchObject({ user, online: true });
  });

  test("tells the room that a user who is online moves into, and no other one again", async () => {
    const device = await connect(user);
    await told(2);
    const [other, watching] = [aTopic(), aUser()];
    await join(watching, other, true);
    const witness = await connect(watching);
    await told(1, witness);
    await leaveTopic(user, name);
    await join(user, other, true);
    await told(2, witness);
    expect(events(witness)[1]).toMatchObject({ topic: other, user, online: true });
    expect(events()).toHaveLength(2);
    await leave(device);
  });

  test("does not make the alarm ring while it is on its way, and gives up waiting for a lane that is silent", async () => {
    vi.useFakeTimers({ now: Date.now() });
    await inside(user, async (_, { storage }) => {
      const events = new PresenceEvents(storage.sql, {
        user,
        now: Date.now,
        onlineSince: () => 5,
        topics: () => [name],
        lanes: { send: () => new Promise<never>(() => undefined) },
      });
      const now = Date.now();
      expect(events.nextDue()).toBe(0);
      const settled = events.settle(now);
      expect(events.nextDue()).toBe(now + inboxLimits.alarmRetryMs);
      await vi.advanceTimersByTimeAsync(laneLimits.sendTimeoutMs);
      await settled;
      expect(events.empty).toBe(true);
      expect(events.nextDue()).toBe(now + inboxLimits.alarmRetryMs);
    });
  });

  test("is sent once, however often it is looked for, and that it was is part of what is held", async () => {
    const sent: string[] = [];
    await inside(user, async (_, { storage }) => {
      const events = new PresenceEvents(storage.sql, {
        user,
        now: Date.now,
        onlineSince: () => 5,
        topics: () => [name],
        lanes: { send: async (_lane, texts) => void sent.push(...texts) },
      });
      expect([...events.held()]).toEqual([]);
      expect(events.empty).toBe(true);
      await Promise.all([events.settle(Date.now()), events.settle(Date.now())]);
      expect([...events.held()]).toEqual([{ kind: "presence_told" }]);
      expect(events.empty).toBe(false);
    });
    expect(sent).toHaveLength(1);
  });

  test("is not told again of a user who was erased", async () => {
    await connect(user);
    await told(2);
    await hubOf(user).erase();
    expect(await query(user, "SELECT 1 FROM presence_told")).toEqual([]);
    await pass(user, 3 * presenceLimits.reloadMs);
    expect(events()).toHaveLength(2);
    expect(await isListed(user, shardNamed(shardOf(user, everyoneLimits.defaultShards)))).toBe(false);
  });
});
