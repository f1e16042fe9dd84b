/** What the objects cost: rows written, alarms set, wakes, calls. A count that rises is a bill that rises. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Inbox } from "../../src/hub/inbox.ts";
import { withdrawal } from "../../src/lanes/withdrawal.ts";
import { inboxLimits, observeLimits, socketLimits } from "../../src/limits.ts";
import { countsOf } from "../../src/observe/counts.ts";
import { Meter, meterName } from "../../src/observe/meter.ts";
import { publish, to } from "../support/api.ts";
import { aUser, connect, hubOf } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { message, messages, progress } from "../support/messages.ts";
import { alarmOf, inside, meter, pass } from "../support/storage.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("rows written", () => {
  test("a stored message costs two rows, whoever is connected", async () => {
    const user = aUser();
    await connect(user);
    await connect(user, { device: "phone" });
    await hubOf(user).deliver([message()]);
    const written = await meter(user);
    for (const priority of ["critical", "high", "normal", "low"] as const) {
      await hubOf(user).deliver([message({ priority })]);
    }
    await hubOf(user).deliver(messages(96));
    expect(written.rows).toBe(200);
  });

  test("a batch of 100 is one transaction and one alarm at most", async () => {
    const user = aUser();
    const written = await meter(user);
    await hubOf(user).deliver([]);
    expect(written).toMatchObject({ rows: 0, alarms: 0, transactions: 0 });
    await hubOf(user).deliver([message()]);
    written.reset();
    await hubOf(user).deliver(messages(100));
    expect(written).toMatchObject({ rows: 200, alarms: 0, transactions: 1 });
  });

  test("a duplicate, an expired and a live-only message cost none", async () => {
    const user = aUser();
    const known = message();
    await hubOf(user).deliver([known]);
    const written = await meter(user);
    await hubOf(user).deliver([known, message({ live: true }), message({ expires: Date.now() })]);
    expect(written).toMatchObject({ rows: 0, alarms: 0 });
  });

  test("a message that collapses another one costs one row more", async () => {
    const user = aUser();
    await hubOf(user).deliver([progress(1)]);
    const written = await meter(user);
    await hubOf(user).deliver([progress(2)]);
    expect(written.rows).toBe(3);
  });

  test("a message that one device is to settle costs a row more, and two, one and one to be settled", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message()]);
    const written = await meter(user);
    await hubOf(user).deliver([message({ cancelOn: "ack" }), message({ cancelOn: "read" })]);
    expect(written.rows).toBe(6);
    await device.until(() => device.cursor === 3);
    written.reset();
    await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 3 });
    // The word to the devices, the message that goes, and what was watched.
    expect(written).toMatchObject({ rows: 4, alarms: 0, transactions: 1 });
    written.reset();
    await hubOf(user).read({ upTo: 3 });
    expect(written).toMatchObject({ rows: 5, alarms: 0, transactions: 1 });
  });

  test("a retraction costs the word to the devices and the message that goes; before the message came, one row", async () => {
    const user = aUser();
    const [sent, never] = [message(), message()];
    await hubOf(user).deliver([sent]);
    const written = await meter(user);
    const word = withdrawal(sent.id, "retracted", { now: Date.now(), audience: "" });
    await hubOf(user).deliver([word]);
    expect(written).toMatchObject({ rows: 3, alarms: 0 });
    written.reset();
    await hubOf(user).deliver([word]);
    expect(written.rows).toBe(0);
    await hubOf(user).deliver([withdrawal(never.id, "retracted", { now: Date.now(), audience: "" })]);
    expect(written).toMatchObject({ rows: 1, alarms: 0 });
    await hubOf(user).deliver([message()]);
    expect(written.rows).toBe(3);
  });

  test("acknowledging plain messages reads nothing but, once, that there is nothing to look for", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(60));
    await device.until(() => device.cursor === 60);
    await evictDurableObject(hubOf(user));
    await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 1 });
    await device.settled();
    const asked = await inside(user, (_, { storage: { sql } }) => vi.spyOn(sql, "exec"));
    for (let seq = 2; seq <= 60; seq += 1) device.ack(seq);
    await device.settled();
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
  });

  test("a cursor that moves costs none, and neither does a bad or a repeated ack", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(60));
    await device.until(() => device.cursor === 60);
    const written = await meter(user);
    for (let seq = 1; seq <= 60; seq += 1) device.ack(seq);
    device.ack(60);
    device.ack(61);
    await device.settled();
    expect(await hubOf(user).presence()).toMatchObject({ devices: [{ cursor: 60 }] });
    expect(written).toMatchObject({ rows: 0, alarms: 0 });
  });

  test("what is only asked costs none", async () => {
    const user = aUser();
    const sent = message();
    await hubOf(user).deliver([sent]);
    const written = await meter(user);
    await hubOf(user).presence();
    await hubOf(user).inbox({ limit: 50, unread: true });
    await hubOf(user).messageState(sent.id);
    expect(written).toMatchObject({ rows: 0, alarms: 0 });
  });

  test("a connection costs one row when it opens, one when it ends, and an alarm only where none is early enough", async () => {
    const user = aUser();
    await connect(user);
    const written = await meter(user);
    const phone = await connect(user, { device: "phone" });
    expect(written).toMatchObject({ rows: 1, alarms: 0 });
    written.reset();
    phone.close(1000);
    await phone.closing();
    await hubOf(user).presence();
    expect(written).toMatchObject({ rows: 1, alarms: 0 });
  });

  test("reading costs a row for each message and one for the state; reading up to a number only that one", async () => {
    const user = aUser();
    const sent = messages(10);
    await hubOf(user).deliver(sent);
    const written = await meter(user);
    await hubOf(user).read({ ids: sent.slice(0, 3).map(({ id }) => id) });
    expect(written.rows).toBe(4);
    written.reset();
    await hubOf(user).read({ upTo: 10 });
    expect(written.rows).toBe(1);
    written.reset();
    await hubOf(user).read({ upTo: 10 });
    await hubOf(user).read({ ids: sent.map(({ id }) => id) });
    expect(written.rows).toBe(0);
  });
});

describe("the alarm", () => {
  test("is set by the first message, and by a later one only if it expires earlier", async () => {
    const user = aUser();
    const written = await meter(user);
    await hubOf(user).deliver([message()]);
    expect(written.alarms).toBe(1);
    await hubOf(user).deliver(messages(10));
    expect(written.alarms).toBe(1);
    const expires = Date.now() + 3_600_000;
    await hubOf(user).deliver([message({ expires })]);
    expect(written.alarms).toBe(2);
    const at = await alarmOf(user);
    expect(at).toBeGreaterThanOrEqual(expires);
    expect(at).toBeLessThan(expires + inboxLimits.sweepGrainMs);
    await hubOf(user).deliver([message({ expires: expires + 2 * inboxLimits.sweepGrainMs })]);
    expect(written.alarms).toBe(2);
  });

  test("is set by the first connection, and not by further ones", async () => {
    const user = aUser();
    const written = await meter(user);
    await connect(user);
    expect(written.alarms).toBe(1);
    await connect(user, { device: "phone" });
    await connect(user, { device: "tablet" });
    expect(written.alarms).toBe(1);
  });

  test("is not set again by frames, reading or leaving", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(3));
    await device.until(() => device.cursor === 3);
    const written = await meter(user);
    device.ack();
    device.send({ type: "read", upTo: 3 });
    device.send("{");
    await device.settled();
    device.close(1000);
    await device.closing();
    await hubOf(user).disconnect(false);
    expect(written.alarms).toBe(0);
  });

  test("is set once for a run of messages that expire one after the other within a minute", async () => {
    const user = aUser();
    const minute = Math.ceil(Date.now() / inboxLimits.sweepGrainMs + 5) * inboxLimits.sweepGrainMs;
    const written = await meter(user);
    for (let step = 0; step < 10; step += 1) {
      await hubOf(user).deliver([message({ expires: minute - step * 1_000 })]);
    }
    expect(written.alarms).toBe(1);
  });
});

describe("sleep", () => {
  test("a ping is answered while the object sleeps, and does not wake it", async () => {
    const user = aUser();
    const device = await connect(user);
    await evictDurableObject(hubOf(user));
    for (let round = 1; round <= 1_000; round += 1) device.send("ping");
    await device.until(() => device.pongs === 1_000);
    // Only a running object can be put to sleep.
    await expect(evictDurableObject(hubOf(user))).rejects.toThrow("not currently running");
  });

  test("a ping to a running object writes nothing either", async () => {
    const user = aUser();
    const device = await connect(user);
    const written = await meter(user);
    device.send("ping");
    await device.until(() => device.pongs === 1);
    expect(written).toMatchObject({ rows: 0, alarms: 0, transactions: 0 });
  });

  test("waking costs no row and no alarm", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(5));
    await device.until(() => device.cursor === 5);
    await evictDurableObject(hubOf(user));
    const written = await meter(user);
    device.ack();
    await device.settled();
    expect(await hubOf(user).presence()).toMatchObject({ online: true, devices: [{ cursor: 5 }] });
    expect(written).toMatchObject({ rows: 0, alarms: 0 });
  });

  test("a client that never pings is looked at every four minutes, one alarm each, until it counts as idle", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    const written = await meter(user);
    const looks = Math.ceil(socketLimits.idleTimeoutMs / socketLimits.silentTimeoutMs);
    for (let look = 1; look < looks; look += 1) await pass(user, socketLimits.silentTimeoutMs);
    expect(written.alarms).toBe(looks - 1);
    expect(device.closed).toBeUndefined();
    await pass(user, socketLimits.silentTimeoutMs);
    expect(await device.closing()).toBe(4200);
    expect(await inside(user, (_, state) => state.getWebSockets().length)).toBe(0);
  });
});

test("a full inbox is looked through once, however many keyed messages push others out", async () => {
  const user = aUser();
  const scans = await inside(user, (_, { storage }) => {
    let count = 0;
    const exec = storage.sql.exec.bind(storage.sql);
    const inbox = new Inbox(storage, 5);
    Object.defineProperty(storage.sql, "exec", {
      configurable: true,
      value: (sql: string, ...bindings: SqlStorageValue[]) => {
        if (/count\(\*\)|collapse_key IS NOT NULL/.test(sql)) count += 1;
        return exec(sql, ...bindings);
      },
    });
    const keyed = Array.from({ length: 50 }, (_, index) => progress(index, `build-${index}`));
    for (const each of keyed) inbox.commit([each], Date.now());
    return count;
  });
  // The keys, and how many are stored.
  expect(scans).toBe(2);
});

describe("counting", () => {
  const { gatherMs } = observeLimits;
  afterEach(() => {
    Object.assign(observeLimits, { gatherMs });
    vi.restoreAllMocks();
  });

  test("costs the meter one row for all that it is told at once, and none for what it is asked", async () => {
    const counting = env.METER.getByName(crypto.randomUUID());
    const writes: string[] = [];
    await runInDurableObject(counting, (_, { storage }) => {
      const put = storage.kv.put.bind(storage.kv);
      Object.defineProperty(storage.kv, "put", {
        configurable: true,
        value: (key: string, value: unknown) => {
          writes.push(key);
          put(key, value);
        },
      });
    });
    for (const lane of ["critical", "normal"] as const) {
      await counting.add(countsOf("accepted", [{ lane, recipients: 500 }]));
    }
    await counting.read();
    expect(writes).toHaveLength(2);
    const others = await runInDurableObject(counting, async (_, { storage }) => ({
      alarm: await storage.getAlarm(),
      tables: storage.sql
        .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    }));
    expect(others).toEqual({ alarm: null, tables: [] });
  });

  test("costs a call for a request and one for each batch at most, however many messages they hold", async () => {
    // Less than any of them takes, so that none shares a call with another.
    Object.assign(observeLimits, { gatherMs: 0 });
    const add = vi.spyOn(Meter.prototype, "add");
    const info = vi.spyOn(console, "info").mockImplementation(() => {});
    const user = aUser();
    const sent = Array.from({ length: 300 }, () => to(user));
    await publish({ messages: sent });
    await eventually(async () => {
      const { totals } = await env.METER.getByName(meterName).read();
      return totals.normal?.recipients.committed === sent.length;
    });
    const batches = info.mock.calls.filter(([line]) => String(line).includes("batch_consumed")).length;
    expect(batches).toBeLessThan(10);
    expect(add.mock.calls.length).toBeGreaterThan(0);
    expect(add.mock.calls.length).toBeLessThanOrEqual(1 + batches);
  });
});
