/** Users come, go and are away while messages to everyone are on their way. */
import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Everyone } from "../../../src/everyone/everyone.ts";
import { EveryoneShard } from "../../../src/everyone/shard.ts";
import { shardOf } from "../../../src/everyone/shards.ts";
import { attendanceOf } from "../../../src/hub/everyone.ts";
import { Sockets } from "../../../src/hub/sockets.ts";
import { everyoneLimits, inboxLimits } from "../../../src/limits.ts";
import type { UserId } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import { settingsOf } from "../../../src/settings.ts";
import { quietly } from "../../support/api.ts";
import {
  connect as attach,
  aUser,
  type Device,
  type DeviceOptions,
  hubOf,
  leave,
} from "../../support/device.ts";
import { eventually } from "../../support/eventually.ts";
import { begin, callsToShards, isListed, listed, shardNamed, spread } from "../../support/everyone.ts";
import { message, messages } from "../../support/messages.ts";
import { inside, meter, query, tablesOf } from "../../support/storage.ts";
import { ids } from "../../support/stream.ts";

/** Connects a device that acknowledges what it gets, since it gets all that this file sent to all before. */
const connect = (user: UserId, options: DeviceOptions = {}) => attach(user, { acks: true, ...options });

/** How often the message is in the user's stream. */
async function copies(user: UserId, { id }: AcceptedMessage): Promise<number> {
  return (await query(user, "SELECT 1 FROM messages WHERE id = ?", id)).length;
}

const unlisted = (user: UserId) =>
  eventually(async () => !(await isListed(user)), { what: () => `${user} is not listed` });
/** Until the device has the message, and then whether it came once. */
async function gets(device: Device, sent: AcceptedMessage): Promise<void> {
  const got = () => device.arrivals.filter(({ what }) => what === sent.id);
  await device.until(() => got().length > 0, "the message comes");
  await device.settled();
  expect(got()).toHaveLength(1);
}

async function sendToAll(sent: AcceptedMessage): Promise<void> {
  await spread(sent, await begin(sent));
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a user who comes", () => {
  test("is listed by a shard until the last device has gone", async () => {
    const user = aUser();
    const laptop = await connect(user);
    await listed(user);
    const phone = await connect(user, { device: "phone" });
    await leave(laptop);
    await phone.settled();
    expect(await isListed(user)).toBe(true);
    await leave(phone);
    await unlisted(user);
  });

  // The three ways in which a fan-out and a connect may meet.
  test.each([
    ["before it began", ["connect", "begin", "spread"]],
    ["between its begin and its pages", ["begin", "connect", "spread"]],
    ["after its pages", ["begin", "spread", "connect"]],
  ] as const)("%s gets a message to all once", async (_, order) => {
    const user = aUser();
    const sent = message();
    let begun: Awaited<ReturnType<typeof begin>> | undefined;
    let device: Device | undefined;
    for (const step of order) {
      if (step === "connect") {
        device = await connect(user);
        await listed(user);
      } else if (step === "begin") {
        begun = await begin(sent);
      } else if (begun !== undefined) {
        await spread(sent, begun);
      }
    }
    if (device === undefined) throw new Error("nobody connected");
    await gets(device, sent);
    expect(await copies(user, sent)).toBe(1);
    // And once more, as after a crash of the fan-out and of the device.
    await sendToAll(sent);
    await leave(device);
    await unlisted(user);
    const again = await connect(user, { resume: device.resume });
    await listed(user);
    await again.settled();
    expect(again.arrivals).toEqual([]);
    expect(await copies(user, sent)).toBe(1);
  });

  test("while the call to the shard is held up gets what began meanwhile", async () => {
    const user = aUser();
    const { came } = EveryoneShard.prototype;
    let arrives = () => {};
    const held = new Promise<void>((resolve) => {
      arrives = resolve;
    });
    vi.spyOn(EveryoneShard.prototype, "came").mockImplementation(async function (
      this: EveryoneShard,
      ...call
    ) {
      await held;
      return came.apply(this, call);
    });
    const device = await connect(user);
    const sent = message();
    await sendToAll(sent);
    expect(await copies(user, sent)).toBe(0);
    arrives();
    await gets(device, sent);
  });

  test("who is sent what is next in the log does not read it there, at the price of one row", async () => {
    const user = aUser();
    await sendToAll(message());
    const device = await connect(user);
    await listed(user);
    await hubOf(user).inbox({ limit: 1, unread: false });
    const after = vi.spyOn(Everyone.prototype, "after");
    const written = await meter(user);
    const sent = message();
    await sendToAll(sent);
    await gets(device, sent);
    expect(written.rows).toBe(3);
    vi.setSystemTime(Date.now() + everyoneLimits.renewAfterMs);
    device.ack();
    await device.settled();
    await hubOf(user).inbox({ limit: 1, unread: false });
    expect(after).not.toHaveBeenCalled();
  });

  test("gets nothing of what was retracted while away", async () => {
    const user = aUser();
    const sent = message();
    await sendToAll(sent);
    await sendToAll(
      message({ retracts: sent.id, body: JSON.stringify({ id: sent.id, reason: "retracted" }) }),
    );
    const last = message();
    await sendToAll(last);
    const device = await connect(user);
    await gets(device, last);
    expect(await copies(user, sent)).toBe(0);
  });
});

describe("a user who is away", () => {
  test("finds what was sent to all in the inbox, and costs nothing until it is read", async () => {
    const user = aUser();
    const sent = message();
    await sendToAll(sent);
    expect(await tablesOf(user)).toEqual([]);
    const page = () => hubOf(user).inbox({ limit: 100, unread: false });
    expect((await page()).messages.map(({ id }) => id)).toContain(sent.id);
    expect((await page()).messages.filter(({ id }) => id === sent.id)).toHaveLength(1);
    expect(await isListed(user)).toBe(false);
  });

  test("is kept without storage where nothing that was sent to all is left", async () => {
    const user = aUser();
    await sendToAll(message());
    vi.setSystemTime(Date.now() + 2 * inboxLimits.dedupeHorizonMs);
    const after = vi.spyOn(Everyone.prototype, "after");
    for (let reading = 0; reading < 3; reading += 1) {
      expect((await hubOf(user).inbox({ limit: 10, unread: false })).messages).toEqual([]);
    }
    // Not even the log is asked again, which there is only one of.
    expect(after).toHaveBeenCalledTimes(1);
    expect(await tablesOf(user)).toEqual([]);
  });

  test("asks the log for nothing that was read", async () => {
    const user = aUser();
    await sendToAll(message());
    await hubOf(user).inbox({ limit: 1, unread: false });
    const after = vi.spyOn(Everyone.prototype, "after");
    const written = await meter(user);
    await hubOf(user).inbox({ limit: 1, unread: false });
    expect(after).not.toHaveBeenCalled();
    expect(written).toMatchObject({ rows: 0, alarms: 0 });
  });

  test("gets nothing that is for who is online; it says so, and is not taken for online any more", async () => {
    const user = aUser();
    await shardNamed(shardOf(user, everyoneLimits.defaultShards)).came(user, Date.now(), Date.now() - 1);
    const sent = [message({ onlineOnly: true }), message({ onlineOnly: true, live: true })];
    const { verdicts } = await hubOf(user).deliver(sent);
    expect(verdicts).toEqual([{ verdict: "offline" }, { verdict: "offline" }]);
    await unlisted(user);
    const device = await connect(user);
    expect((await hubOf(user).deliver(sent)).verdicts).toMatchObject([
      { verdict: "committed" },
      { verdict: "live" },
    ]);
    await device.until(() => device.all("live").length === 1, "the live one comes");
  });

  test("who is erased gets nothing that was accepted before, and is listed no more", async () => {
    const user = aUser();
    const sent = message();
    await sendToAll(sent);
    const device = await connect(user);
    await gets(device, sent);
    await hubOf(user).erase();
    await unlisted(user);
    const later = message({ at: Date.now() + 1 });
    await sendToAll(later);
    const again = await connect(user, { token: { issued: Date.now() + 10 } });
    await gets(again, later);
    expect(await copies(user, sent)).toBe(0);
  });
});

describe("a user's shard", () => {
  test("is told of the first device and of the end of the last, and of nothing in between", async () => {
    const user = aUser();
    const calls = callsToShards();
    const laptop = await connect(user);
    await listed(user);
    const phone = await connect(user, { device: "phone" });
    // A device that comes back takes its own place.
    const same = await connect(user);
    await hubOf(user).deliver(messages(10));
    phone.ack(1);
    await phone.settled();
    await same.settled();
    expect(laptop.closed?.code).toBe(4007);
    expect(calls()).toEqual(["came"]);
    await leave(phone);
    await leave(same);
    await unlisted(user);
    expect(calls()).toEqual(["came", "went"]);
  });

  test("is told nothing while the user idles or the object sleeps; traffic renews the lease, once in five minutes", async () => {
    const now = Date.now();
    vi.setSystemTime(now);
    const user = aUser();
    const calls = callsToShards();
    const device = await connect(user);
    await listed(user);
    await evictDurableObject(hubOf(user));
    device.send("ping");
    await device.until(() => device.pongs === 1);
    vi.setSystemTime(now + everyoneLimits.renewAfterMs - 1);
    await device.settled();
    expect(calls()).toEqual(["came"]);
    vi.setSystemTime(now + everyoneLimits.renewAfterMs);
    await evictDurableObject(hubOf(user));
    for (let frame = 0; frame < 5; frame += 1) await device.settled();
    await eventually(() => calls().length === 2);
    await hubOf(user).deliver(messages(2));
    expect(calls()).toEqual(["came", "came"]);
    vi.setSystemTime(now + 2 * everyoneLimits.renewAfterMs);
    await hubOf(user).deliver([message()]);
    await eventually(() => calls().length === 3);
  });

  test("is told when the last device goes while the object sleeps", async () => {
    const user = aUser();
    const device = await connect(user);
    await listed(user);
    await evictDurableObject(hubOf(user));
    await leave(device);
    await unlisted(user);
  });

  test("learns of a connection from before there were leases by its next frame", async () => {
    const user = aUser();
    const device = await connect(user);
    await listed(user);
    await inside(user, (_, state) => {
      for (const socket of state.getWebSockets()) {
        const { lease: _lease, ...attached } = socket.deserializeAttachment();
        socket.serializeAttachment(attached);
      }
    });
    await shardNamed(shardOf(user, everyoneLimits.defaultShards)).went(user, Date.now() + 60_000);
    await evictDurableObject(hubOf(user));
    await device.settled();
    await listed(user);
  });

  test("that does not answer breaks neither connect nor delivery nor inbox, and hears of the user at the next connect", async () => {
    const user = aUser();
    const down = [
      vi.spyOn(EveryoneShard.prototype, "came").mockRejectedValue(new Error("the shard is down")),
      vi.spyOn(EveryoneShard.prototype, "head").mockRejectedValue(new Error("the shard is down")),
    ];
    const sent = message();
    await sendToAll(sent);
    await quietly(async () => {
      expect((await hubOf(user).inbox({ limit: 10, unread: false })).messages).toEqual([]);
      const device = await connect(user);
      expect((await hubOf(user).deliver([message()])).verdicts).toMatchObject([{ verdict: "committed" }]);
      await device.until(() => device.all("messages").length > 0, "the delivery comes");
      expect((await hubOf(user).inbox({ limit: 10, unread: false })).messages).toHaveLength(1);
    });
    for (const spy of down) spy.mockRestore();
    await gets(await connect(user, { device: "phone" }), sent);
    expect(await isListed(user)).toBe(true);
  });

  test("is found by the default count while the deployment is not configured, so that nothing fails for that", async () => {
    const user = aUser();
    await shardNamed(shardOf(user, everyoneLimits.defaultShards)).came(user, Date.now(), Date.now() - 1);
    await inside(user, async (hub, state) => {
      const sockets = new Sockets(state);
      const unsafe = { ...Reflect.get(hub, "env"), TOKEN_SECRET: "" };
      const attendee = { user, sockets, now: Date.now, inbox: () => undefined };
      attendanceOf(state, unsafe, { ...attendee, deliver: (list) => hub.deliver(list) }).left();
    });
    await unlisted(user);
  });

  test("under a new count takes over, while the old one is still asked: nobody is missed by the change", async () => {
    const stays = aUser();
    const device = await connect(stays);
    await listed(stays);
    const settings = await inside(stays, (hub) => settingsOf(Reflect.get(hub, "env")));
    const before = settings.everyoneShards;
    Object.assign(settings, { everyoneShards: 3 });
    try {
      // Nothing has told the user's object yet: it is found under the old count.
      const first = message();
      await sendToAll(first);
      await gets(device, first);
      // Somebody comes under the new one. The other user's object moves with its next traffic.
      const comes = aUser();
      const other = await connect(comes);
      const under = (user: UserId, shards: number) => isListed(user, shardNamed(shardOf(user, shards)));
      await eventually(() => under(comes, 3));
      expect((await begin(message())).shards).toEqual([3, before]);
      const second = message();
      await sendToAll(second);
      await gets(other, second);
      await gets(device, second);
      await eventually(() => under(stays, 3));
      // For a message that is on its way to the shards of the old count only.
      expect(await under(stays, before)).toBe(true);
      const third = message();
      await sendToAll(third);
      await gets(device, third);
      await gets(other, third);
    } finally {
      Object.assign(settings, { everyoneShards: before });
    }
  });
});

describe("an object that dies", () => {
  beforeEach(() => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
  });

  test("leaves an entry behind, under which the user misses nothing, until it comes again or the lease ends", async () => {
    const user = aUser();
    const device = await connect(user);
    await listed(user);
    await abortAllDurableObjects();
    expect(await isListed(user)).toBe(true);
    const sent = message();
    await sendToAll(sent);
    expect(await copies(user, sent)).toBe(1);
    const again = await connect(user, { resume: device.resume });
    await gets(again, sent);
  });
});

describe("a user who was away for long", () => {
  test("gets what was sent to all meanwhile, in order and once, and reads it from where it was next time", async () => {
    const user = aUser();
    const missed = messages(2 * everyoneLimits.maxPageEntries + 10);
    const last = missed.at(-1) ?? message();
    for (const one of missed) await begin(one);
    await sendToAll(last);
    expect(await tablesOf(user)).toEqual([]);
    const device = await connect(user);
    await gets(device, last);
    const wanted = new Set(ids(missed));
    expect(device.arrivals.map(({ what }) => what).filter((what) => wanted.has(what))).toEqual(ids(missed));

    await leave(device);
    await unlisted(user);
    const after = vi.spyOn(Everyone.prototype, "after");
    const again = await connect(user, { resume: device.resume });
    await listed(user);
    await again.settled();
    expect(again.arrivals).toEqual([]);
    expect(after).not.toHaveBeenCalled();
  });
});
