/** What the object tells about its user and their messages, and what is read. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Inbox } from "../../src/hub/inbox.ts";
import { inboxLimits } from "../../src/limits.ts";
import { aUser, caughtUp, connect, hubOf, leave } from "../support/device.ts";
import { idOf, message, messages, progress } from "../support/messages.ts";
import { alarmOf, inside, pass, tablesOf } from "../support/storage.ts";

const minute = 60_000;
const hour = 60 * minute;

beforeEach(() => {
  vi.setSystemTime(Date.now());
});

afterEach(() => {
  vi.useRealTimers();
});

const wait = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

describe("presence", () => {
  test("of a user whom nobody knows is empty, and asking costs no storage", async () => {
    const user = aUser();
    const hub = hubOf(user);
    expect(await hub.presence()).toEqual({ online: false, head: 0, unread: 0, devices: [] });
    expect(await hub.inbox({ limit: 10, unread: false })).toEqual({
      messages: [],
      state: { unread: 0, readUpTo: 0, rev: 0 },
    });
    expect(await hub.messageState(idOf("message-1"))).toBeUndefined();
    expect(await hub.read({ upTo: 10 })).toEqual({ unread: 0, readUpTo: 0, rev: 0 });
    expect(await hub.disconnect(false)).toEqual({ closed: 0 });
    await inside(user, (object) => object.alarm());
    expect(await tablesOf(user)).toEqual([]);
    expect(await alarmOf(user)).toBeNull();
  });

  test("tells since when, how many devices, and how each connection stands", async () => {
    const user = aUser();
    const start = Date.now();
    await connect(user, { device: "laptop" });
    wait(minute);
    const phone = await connect(user, { device: "phone" });
    await hubOf(user).deliver(messages(70));
    await phone.until(() => phone.cursor === 64);
    wait(1_000);
    phone.ack();
    await phone.until(() => phone.cursor === 70);
    const presence = await hubOf(user).presence();
    expect(presence).toMatchObject({ online: true, since: start, head: 70, unread: 70 });
    expect(presence.devices).toEqual([
      {
        device: "phone",
        online: true,
        lastSeen: Date.now(),
        cursor: 64,
        connection: {
          connection: phone.last("welcome").connection,
          since: start + minute,
          state: "syncing",
          sent: 70,
          inFlight: 6,
        },
      },
      {
        device: "laptop",
        online: true,
        lastSeen: start,
        cursor: 0,
        connection: {
          connection: expect.any(String),
          since: start,
          state: "stalled",
          sent: 64,
          inFlight: 64,
        },
      },
    ]);
    phone.ack();
    await phone.settled();
    expect(await hubOf(user).presence()).toMatchObject({ devices: [{ connection: { state: "live" } }, {}] });
  });

  test("a ping counts as being seen", async () => {
    // The runtime's own clock stamps the ping; to the object it comes a minute later.
    wait(-minute);
    const user = aUser();
    const device = await connect(user);
    expect(await hubOf(user).presence()).toMatchObject({ devices: [{ lastSeen: Date.now() }] });
    device.send("ping");
    await device.until(() => device.pongs === 1);
    expect((await hubOf(user).presence()).devices[0]?.lastSeen).toBeGreaterThan(Date.now());
  });

  test("a device that left is remembered with the time and its cursor, past sleep as well", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(3));
    await caughtUp(device, 3);
    wait(hour / 4);
    await leave(device);
    const left = Date.now();
    wait(hour);
    await evictDurableObject(hubOf(user));
    expect(await hubOf(user).presence()).toEqual({
      online: false,
      head: 3,
      unread: 3,
      devices: [{ device: "laptop", online: false, lastSeen: left, cursor: 3 }],
    });
  });

  test("past the limit the device not seen for longest is forgotten", async () => {
    const user = aUser();
    await leave(await connect(user, { device: "oldest" }));
    await inside(user, (_, { storage: { sql } }) => {
      for (let device = 1; device < inboxLimits.maxDevices; device += 1) {
        sql.exec("INSERT INTO devices VALUES (?, 0, ?, '[]')", `device-${device}`, Date.now() + device);
      }
    });
    wait(hour);
    await connect(user, { device: "newest" });
    const { devices } = await hubOf(user).presence();
    expect(devices).toHaveLength(inboxLimits.maxDevices);
    expect(devices[0]?.device).toBe("newest");
    expect(devices.map(({ device }) => device)).not.toContain("oldest");
  });
});

test("a connected device is told of even where it is not remembered any more", async () => {
  const user = aUser();
  const device = await connect(user);
  await inside(user, (_, { storage }) => storage.sql.exec("DELETE FROM devices").toArray());
  expect(await hubOf(user).presence()).toMatchObject({ online: true, devices: [{ online: true }] });
  await leave(device);
});

describe("the inbox", () => {
  test("is listed newest first, page by page", async () => {
    const user = aUser();
    const sent = messages(25);
    await hubOf(user).deliver(sent);
    const listed: string[] = [];
    let before: number | undefined;
    const sizes: number[] = [];
    do {
      const page = await hubOf(user).inbox({
        limit: 10,
        unread: false,
        ...(before === undefined ? {} : { before }),
      });
      listed.push(...page.messages.map(({ id }) => id));
      sizes.push(page.messages.length);
      before = page.next;
    } while (before !== undefined);
    expect(sizes).toEqual([10, 10, 5]);
    expect(listed).toEqual(sent.map(({ id }) => id).reverse());
  });

  test("a page that holds exactly the rest is the last", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(10));
    expect(await hubOf(user).inbox({ limit: 10, unread: false })).not.toHaveProperty("next");
    expect(await hubOf(user).inbox({ limit: 9, unread: false })).toMatchObject({ next: 2 });
    expect(await hubOf(user).inbox({ limit: 9, unread: false, before: 1 })).toMatchObject({ messages: [] });
  });

  test("shows what a message is and whether it is read, and can leave out what is", async () => {
    const user = aUser();
    const sent = messages(4, { priority: "high" });
    await hubOf(user).deliver(sent);
    await hubOf(user).read({ upTo: 1 });
    await hubOf(user).read({ ids: sent.slice(2, 3).map(({ id }) => id) });
    const all = await hubOf(user).inbox({ limit: 10, unread: false });
    expect(all.state).toEqual({ unread: 2, readUpTo: 1, rev: 2 });
    expect(all.messages.map(({ read }) => read)).toEqual([false, true, false, true]);
    const { id, type, at, expires } = sent[3] ?? message();
    expect(all.messages[0]).toEqual({
      seq: 4,
      id,
      type,
      priority: "high",
      at,
      expires,
      body: "4",
      read: false,
    });
    const unread = await hubOf(user).inbox({ limit: 10, unread: true });
    expect(unread.messages.map(({ seq }) => seq)).toEqual([4, 2]);
  });
});

describe("reading", () => {
  test("on one device shows on all others, once for each change, with a rising revision", async () => {
    const user = aUser();
    const [laptop, phone] = [await connect(user), await connect(user, { device: "phone" })];
    const sent = messages(5);
    await hubOf(user).deliver(sent);
    await Promise.all([laptop.until(() => laptop.cursor === 5), phone.until(() => phone.cursor === 5)]);
    await laptop.ask({ type: "read", ids: sent.slice(3, 5).map(({ id }) => id) });
    await laptop.ask({ type: "read", upTo: 2 });
    await laptop.ask({ type: "read", upTo: 1 });
    await laptop.ask({ type: "read", ids: sent.slice(0, 1).map(({ id }) => id) });
    await laptop.ask({ type: "read", ids: ["never-seen"] });
    await phone.settled();
    const states = [
      { type: "state", unread: 3, readUpTo: 0, rev: 1, ids: sent.slice(3, 5).map(({ id }) => id) },
      { type: "state", unread: 1, readUpTo: 2, rev: 2 },
    ];
    expect(phone.all("state")).toEqual(states);
    expect(laptop.all("state")).toEqual(states);
    expect((await connect(user, { device: "tablet" })).last("welcome")).toMatchObject({
      unread: 1,
      readUpTo: 2,
      rev: 2,
    });
  });

  test("every frame of messages says how much is unread, whatever collapsed or was read before", async () => {
    const user = aUser();
    const device = await connect(user);
    const counts = () => device.all("messages").map(({ unread }) => unread);
    await hubOf(user).deliver(messages(3));
    await device.until(() => device.cursor === 3);
    await hubOf(user).deliver([progress(1)]);
    await hubOf(user).deliver([progress(2)]);
    await device.until(() => device.cursor === 5);
    expect(counts()).toEqual([3, 4, 4]);
    await hubOf(user).read({ upTo: 2 });
    await hubOf(user).deliver(messages(1));
    await device.until(() => device.cursor === 6);
    expect(counts().at(-1)).toBe(3);
    expect((await hubOf(user).presence()).unread).toBe(3);
  });

  test("how much is unread is known without reading rows, also while messages expire one by one", async () => {
    const user = aUser();
    await hubOf(user).presence();
    await inside(user, (_, { storage }) => {
      const inbox = new Inbox(storage);
      const begin = Date.now();
      const lifetime = 1_000_000;
      const sent = (at: number) => message({ at, expires: at + lifetime });
      for (let index = 0; index < 1_000; index += 1) inbox.commit([sent(begin + index)], begin + index);
      expect(inbox.readState(begin + 1_000).unread).toBe(1_000);
      const read = vi.spyOn(storage.sql, "exec");
      for (let index = 0; index < 100; index += 1) {
        expect(inbox.readState(begin + lifetime + index).unread).toBe(999 - index);
      }
      expect(read).not.toHaveBeenCalled();
    });
  });

  test("how much is unread is right after the clock went back", async () => {
    const user = aUser();
    await hubOf(user).presence();
    await inside(user, (_, { storage }) => {
      const inbox = new Inbox(storage, 3);
      const begin = Date.now();
      const kept = { expires: begin + 9_000_000 };
      inbox.commit([message({ priority: "low", expires: begin + 950 }), message(kept), message(kept)], begin);
      expect(inbox.readState(begin + 1_000).unread).toBe(2);
      // Full, so the one that has expired by the clock of before is evicted.
      inbox.commit([message(kept)], begin + 900);
      expect(inbox.readState(begin + 1_001).unread).toBe(3);
    });
  });

  test("by the API shows on devices as well; up to beyond the head means the head", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(2));
    expect(await hubOf(user).read({ upTo: 99 })).toEqual({ unread: 0, readUpTo: 2, rev: 1 });
    await device.until(() => device.all("state").length === 1);
    await hubOf(user).deliver(messages(1));
    expect((await hubOf(user).presence()).unread).toBe(1);
  });
});

describe("the state of a message", () => {
  test("is stored until a device is connected, then sent, though only as a copy ahead of its turn", async () => {
    const user = aUser();
    const [waits, urgent] = [message(), message({ priority: "critical" })];
    await hubOf(user).deliver([waits, ...messages(69)]);
    const state = async ({ id }: typeof waits) => (await hubOf(user).messageState(id))?.state;
    expect(await state(waits)).toBe("stored");
    const device = await connect(user);
    await device.until(() => device.cursor === 64);
    await hubOf(user).deliver([urgent]);
    await device.until(() => device.all("express").length === 1);
    const last = message();
    await hubOf(user).deliver([last]);
    expect([await state(waits), await state(urgent), await state(last)]).toEqual(["sent", "sent", "stored"]);
    await leave(device);
    // Of who is away it is not known whether it was.
    expect(await state(waits)).toBe("stored");
  });

  test("is sent, then acknowledged, then read, and tells which device had it when", async () => {
    const user = aUser();
    const [laptop, phone] = [await connect(user), await connect(user, { device: "phone" })];
    const [first, second] = [message(), message()];
    await hubOf(user).deliver([first]);
    const { at, expires } = first;
    const state = () => hubOf(user).messageState(first.id);
    const sentTo = ["laptop", "phone"].map((device) => ({ device, state: "sent" }));
    expect(await state()).toEqual({
      ...{ id: first.id, seq: 1, state: "sent", at, expires, delivered: [] },
      devices: expect.arrayContaining(sentTo),
    });
    wait(1_000);
    const firstAck = Date.now();
    await caughtUp(laptop, 1);
    wait(1_000);
    await hubOf(user).deliver([second]);
    await caughtUp(laptop, 2);
    const secondAck = Date.now();
    expect(await state()).toMatchObject({
      state: "acknowledged",
      delivered: [{ device: "laptop", at: firstAck }],
      devices: expect.arrayContaining([
        { device: "laptop", state: "acknowledged", at: firstAck },
        { device: "phone", state: "sent" },
      ]),
    });
    expect((await hubOf(user).messageState(second.id))?.delivered).toEqual([
      { device: "laptop", at: secondAck },
    ]);

    wait(1_000);
    await caughtUp(phone, 2);
    await leave(laptop);
    await evictDurableObject(hubOf(user));
    expect((await state())?.delivered).toEqual(
      expect.arrayContaining([
        { device: "laptop", at: firstAck },
        { device: "phone", at: Date.now() },
      ]),
    );
    await hubOf(user).read({ ids: [first.id] });
    expect((await state())?.state).toBe("read");
    await hubOf(user).read({ upTo: 2 });
    expect((await hubOf(user).messageState(second.id))?.state).toBe("read");
  });

  test("where the ack was lost with the connection, the next one tells; and the time stays", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = message();
    await hubOf(user).deliver([sent]);
    await device.until(() => device.cursor === 1);
    await leave(device);
    wait(minute);
    const resumed = Date.now();
    const again = await connect(user, { resume: device.resume });
    wait(minute);
    await again.settled();
    expect((await hubOf(user).messageState(sent.id))?.delivered).toEqual([{ device: "laptop", at: resumed }]);
  });

  test("acknowledgements past those kept make times coarser, never too early", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = messages(60);
    await hubOf(user).deliver(sent);
    await device.until(() => device.cursor === 60);
    const acked: number[] = [];
    for (let seq = 1; seq <= 60; seq += 1) {
      wait(1_000);
      await device.ask({ type: "ack", epoch: device.resume.epoch, seq });
      acked.push(Date.now());
    }
    for (const [index, { id }] of sent.entries()) {
      const [delivered] = (await hubOf(user).messageState(id))?.delivered ?? [];
      expect(delivered?.at).toBeGreaterThanOrEqual(acked[index] ?? Number.NaN);
      expect(delivered?.at).toBeLessThanOrEqual(Date.now());
    }
    const last = await hubOf(user).messageState(sent[59]?.id ?? idOf("none-such"));
    expect(last?.delivered).toEqual([{ device: "laptop", at: acked[59] }]);
  });

  test("is not delivered to a device that only got the gap", async () => {
    const user = aUser();
    const early = await connect(user, { device: "early" });
    const [first, second] = [progress(1), progress(2)];
    await hubOf(user).deliver([first]);
    await caughtUp(early, 1);
    wait(1);
    await hubOf(user).deliver([second]);
    wait(1);
    const late = await connect(user, { device: "late" });
    await caughtUp(late, 2);
    await caughtUp(early, 2);
    const devicesOf = async (id: typeof first.id) =>
      (await hubOf(user).messageState(id))?.delivered.map(({ device }) => device).sort();
    expect(await devicesOf(first.id)).toEqual(["early"]);
    expect(await devicesOf(second.id)).toEqual(["early", "late"]);
  });

  test("is collapsed, evicted or expired once it is gone", async () => {
    const user = aUser();
    const [collapsed, evicted, brief] = [progress(1), message(), message({ expires: Date.now() + hour })];
    await hubOf(user).deliver([collapsed, progress(2), evicted, brief]);
    await inside(user, (_, { storage: { sql } }) =>
      sql.exec("UPDATE messages SET gone = 'evicted' WHERE seq = 3"),
    );
    const state = async ({ id }: typeof brief) => (await hubOf(user).messageState(id))?.state;
    expect([await state(collapsed), await state(evicted), await state(brief)]).toEqual([
      "collapsed",
      "evicted",
      "stored",
    ]);
    wait(hour);
    expect(await state(brief)).toBe("expired");
    await pass(user, minute);
    expect(await state(brief)).toBe("expired");
  });
});
