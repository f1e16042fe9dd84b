/** Section F of the test matrix: alarms, storage and time. The object converges, and deletes itself only when it may. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Inbox } from "../../src/hub/inbox.ts";
import { migrate, schemaVersion } from "../../src/hub/schema.ts";
import { inboxLimits, requestLimits, socketLimits } from "../../src/limits.ts";
import { messageId } from "../../src/protocol/ids.ts";
import { aUser, connect, hubOf, upgrade } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { message, messages } from "../support/messages.ts";
import {
  alarmOf,
  breakAlarm,
  breakStatements,
  faultOf,
  inside,
  pass,
  query,
  tablesOf,
} from "../support/storage.ts";

const hour = 3_600_000;
const day = 24 * hour;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a failing alarm", () => {
  test.each([[1], [6], [7], [20]])(
    "F1 that fails %i times is set again each time, and then does its work",
    async (times) => {
      const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
      vi.setSystemTime(Date.now());
      const user = aUser();
      await hubOf(user).deliver([message({ expires: Date.now() + hour })]);
      vi.setSystemTime(Date.now() + 2 * hour);
      const repair = await breakStatements(user, /SET gone = 'expired'/);
      for (let time = 1; time <= times; time += 1) {
        expect(await runDurableObjectAlarm(hubOf(user))).toBe(true);
        expect(await alarmOf(user)).toBe(Date.now() + inboxLimits.alarmRetryMs);
        vi.setSystemTime(Date.now() + inboxLimits.alarmRetryMs);
      }
      expect(error).toHaveBeenCalledTimes(times);
      repair();
      await pass(user, 0);
      expect(await query(user, "SELECT gone FROM messages")).toEqual([{ gone: "expired" }]);
      expect(await alarmOf(user)).toBeGreaterThan(Date.now() + day);
    },
  );

  test("F1 in one of the things beside the inbox holds up no other, and is tried again as late as any", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.setSystemTime(Date.now());
    const user = aUser();
    await hubOf(user).setPreferences({ muted: [] });
    const deliverAt = Date.now() + hour;
    await hubOf(user).deliver([message({ deliverAt, expires: deliverAt + hour })]);
    await inside(user, (_, { storage }) => storage.sql.exec("UPDATE meta SET digest_at = ?", deliverAt));
    const repair = await breakStatements(user, /INSERT INTO messages/);
    vi.setSystemTime(deliverAt);
    await inside(user, (hub) => hub.alarm());
    expect(error).toHaveBeenCalledTimes(1);
    // The digest, of which nothing is left to tell, is settled after the schedule.
    expect(await query(user, "SELECT digest_at FROM meta")).toEqual([{ digest_at: null }]);
    expect(await alarmOf(user)).toBe(Date.now() + inboxLimits.alarmRetryMs);
    repair();
    await pass(user, inboxLimits.alarmRetryMs);
    expect(await query(user, "SELECT seq FROM messages")).toEqual([{ seq: 1 }]);
  });

  test("F1 that fails when it looks for the next deadline is set again as well", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.setSystemTime(Date.now());
    const user = aUser();
    await hubOf(user).deliver([message()]);
    const repair = await breakStatements(user, /SELECT min\(expires\)/);
    expect(await runDurableObjectAlarm(hubOf(user))).toBe(true);
    expect(await alarmOf(user)).toBe(Date.now() + inboxLimits.alarmRetryMs);
    repair();
  });

  test("F1 that was lost altogether is set by the next event, whatever it is", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const known = message();
    const events = [
      (user: typeof first) => hubOf(user).deliver([message()]),
      (user: typeof first) => hubOf(user).deliver([known]),
      (user: typeof first) => connect(user, { device: "phone" }),
      (user: typeof first) => hubOf(user).disconnect(false),
      (user: typeof first) => hubOf(user).erase(),
    ];
    const first = aUser();
    for (const event of events) {
      const user = aUser();
      await hubOf(user).deliver([known]);
      const repair = await breakAlarm(user);
      const thrown = await inside(user, (hub) => hub.alarm().then(() => "nothing", String));
      expect(thrown).toContain("the alarm can't be set");
      repair();
      await inside(user, (_, { storage }) => storage.deleteAlarm());
      await event(user);
      expect(await alarmOf(user)).not.toBeNull();
    }
  });

  test("F1 that was lost while the object slept is set by what wakes it", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(1));
    await device.settled();
    await inside(user, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(hubOf(user));
    device.ack();
    await device.settled();
    expect(await alarmOf(user)).not.toBeNull();
  });
});

/** Somebody whose storage may go: the only device left two days ago, and nothing is kept. */
async function aUserLongGone() {
  vi.setSystemTime(Date.now());
  const user = aUser();
  const gone = await connect(user);
  gone.close(1000);
  await gone.closing();
  vi.setSystemTime(Date.now() + 2 * day);
  return user;
}

describe("cleanup", () => {
  test("F3 a connection that comes while the storage is being deleted is not deleted with it", async () => {
    const user = await aUserLongGone();
    // Both start in the same turn, the alarm first.
    const [, device] = await Promise.all([inside(user, (hub) => hub.alarm()), connect(user)]);
    await hubOf(user).deliver(messages(2));
    await device.until(() => device.cursor === 2);
    expect(await query(user, "SELECT seq FROM messages")).toHaveLength(2);
    expect(await alarmOf(user)).not.toBeNull();
    expect(device.last("welcome").head).toBe(0);
  });

  test("F3 nor is a message that comes then", async () => {
    const user = await aUserLongGone();
    const result = await inside(user, async (hub) => {
      const alarm = hub.alarm();
      const delivered = hub.deliver([message()]);
      await alarm;
      return delivered;
    });
    expect(result.verdicts).toEqual([{ verdict: "committed", seq: 1 }]);
    expect(await query(user, "SELECT seq FROM messages")).toEqual([{ seq: 1 }]);
    expect(await alarmOf(user)).not.toBeNull();
    await evictDurableObject(hubOf(user));
    expect(await hubOf(user).presence()).toMatchObject({ head: 1, unread: 1 });
  });

  test("F4 an object is not deleted while a connection is open", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user, { token: { expires: Date.now() + 40 * day } });
    for (let round = 0; round < 80; round += 1) {
      await pass(user, 20 * 60_000);
      await device.settled();
    }
    expect(await tablesOf(user)).not.toEqual([]);
    expect(device.closed).toBeUndefined();
  });

  test.each([
    ["a message is unread", 6 * day],
    ["an id is inside its horizon", 29 * day],
  ])("F4 nor while %s", async (_, age) => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    await hubOf(user).deliver([message()]);
    await pass(user, age);
    await inside(user, (hub) => hub.alarm());
    expect(await query(user, "SELECT seq FROM messages")).toEqual([{ seq: 1 }]);
  });

  test("F5 when nothing is left to keep it goes: no table, no alarm, and a new epoch for who comes then", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    const sent = message();
    await hubOf(user).deliver([sent]);
    await device.until(() => device.cursor === 1);
    device.close(1000);
    await device.closing();
    await pass(user, 7 * day + inboxLimits.sweepGrainMs);
    expect(await tablesOf(user)).not.toEqual([]);
    await pass(user, 23 * day);
    expect(await tablesOf(user)).toEqual([]);
    expect(await alarmOf(user)).toBeNull();

    const again = await connect(user, { resume: device.resume });
    expect(again.last("welcome")).toMatchObject({ resumed: false, reason: "epoch", head: 0 });
    // Past the horizon the copy of a message is a new message.
    expect((await hubOf(user).deliver([{ ...sent, expires: Date.now() + hour }])).verdicts).toEqual([
      { verdict: "committed", seq: 1 },
    ]);
  });

  test("F5 what was never worth storing does not stay stored", async () => {
    const user = aUser();
    await hubOf(user).deliver([message({ expires: 1 })]);
    // Its alarm is due at once, and comes by itself.
    await eventually(async () => (await tablesOf(user)).length === 0 && (await alarmOf(user)) === null);
  });
});

describe("storage", () => {
  test("F8 an object whose storage is full refuses the delivery whole, tells no device, and takes it later", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = messages(10);
    const repair = await breakStatements(user, /INSERT INTO messages/, 9);
    expect(await faultOf(user, (hub) => hub.deliver(sent))).toContain("SQLITE_FULL");
    await device.settled();
    expect(device.arrivals).toEqual([]);
    repair();
    await hubOf(user).deliver(sent);
    await device.until(() => device.cursor === 10);
  });

  test("F8 a connection that can't be served fails as a whole, and leaves no ghost", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(3));
    for (const statement of [/INSERT INTO devices/, /WHERE seq > \? ORDER BY seq$/]) {
      const repair = await breakStatements(user, statement);
      const failed = await upgrade(user).catch(String);
      repair();
      expect(String(failed)).toContain("SQLITE_FULL");
      expect((await hubOf(user).presence()).online).toBe(false);
    }
    const device = await connect(user);
    await device.until(() => device.cursor === 3);
  });

  test("F8 a connection is closed even where the device can't be remembered", async () => {
    const user = aUser();
    const device = await connect(user);
    const repair = await breakStatements(user, /INSERT INTO devices/);
    expect(await faultOf(user, (hub) => hub.disconnect(true))).toContain("SQLITE_FULL");
    expect(await device.closing()).toBe(4005);
    const other = await connect(user, { device: "other", token: { issued: Date.now() + 1_000 } }).catch(
      String,
    );
    expect(String(other)).toContain("SQLITE_FULL");
    repair();
    expect((await hubOf(user).presence()).online).toBe(false);
  });

  test("F9 an attachment with everything at its maximum is far below 16,384 bytes", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const name = "d".repeat(128);
    const device = await connect(user, { device: name });
    await hubOf(user).deliver(messages(1_000));
    await device.until(() => device.cursor === 64);
    for (let seq = 1; seq <= 40; seq += 1) device.ack(seq);
    await device.until(() => device.cursor === 104);
    await hubOf(user).deliver(messages(100, { priority: "critical" }));
    await device.settled();
    expect(device.all("express")).toHaveLength(socketLimits.maxExpress);
    const bytes = await inside(user, (_, state) => {
      const attached: unknown = state.getWebSockets()[0]?.deserializeAttachment();
      expect(attached).toMatchObject({ device: name });
      return JSON.stringify(attached).length;
    });
    // As JSON it is longer than as the structured clone that counts.
    expect(bytes).toBeGreaterThan(2_000);
    expect(bytes).toBeLessThan(16_384 / 2);
    await evictDurableObject(hubOf(user));
    device.ack(104);
    await device.until(() => device.cursor === 168);
  });

  test("F10 as many ids as a read may name are read, in one transaction", async () => {
    const user = aUser();
    const sent = messages(requestLimits.maxReadIds);
    await hubOf(user).deliver(sent);
    expect(await hubOf(user).read({ ids: sent.map(({ id }) => id) })).toMatchObject({ unread: 0, rev: 1 });
  });

  test("F10 a fault in the middle of a read takes all of it back", async () => {
    const user = aUser();
    const sent = messages(3);
    await hubOf(user).deliver(sent);
    const repair = await breakStatements(user, /UPDATE meta SET read_up_to/);
    expect(await faultOf(user, (hub) => hub.read({ upTo: 2 }))).toContain("SQLITE_FULL");
    expect(await faultOf(user, (hub) => hub.read({ ids: sent.map(({ id }) => id) }))).toContain(
      "SQLITE_FULL",
    );
    repair();
    expect(await hubOf(user).inbox({ limit: 10, unread: true })).toMatchObject({
      state: { unread: 3, readUpTo: 0, rev: 0 },
    });
  });

  test.each([["CREATE TABLE schema"], ["CREATE TABLE meta"], ["UPDATE schema"], ["INSERT INTO meta"]])(
    "F11 a crash at %s leaves no half of a schema, and the next start makes it whole",
    async (statement) => {
      const user = aUser();
      const repair = await breakStatements(user, new RegExp(statement));
      const failed = await inside(user, (_, { storage }) => {
        try {
          return `opened: ${new Inbox(storage).epoch}`;
        } catch (error) {
          return String(error);
        }
      });
      repair();
      expect(failed).toContain("SQLITE_FULL");
      expect(await tablesOf(user)).toEqual([]);
      await hubOf(user).deliver([message()]);
      const whole = aUser();
      await hubOf(whole).deliver([message()]);
      expect(await tablesOf(user)).toEqual(await tablesOf(whole));
    },
  );

  test("F11 migrating what is current does nothing, and an epoch stays", async () => {
    const user = aUser();
    const device = await connect(user);
    const { before, after, epochs } = await inside(user, (_, { storage }) => {
      const before = schemaVersion(storage.sql);
      migrate(storage.sql);
      return {
        before,
        after: schemaVersion(storage.sql),
        epochs: [new Inbox(storage).epoch, new Inbox(storage).epoch],
      };
    });
    expect(after).toBe(before);
    expect(epochs).toEqual([device.resume.epoch, device.resume.epoch]);
  });

  test("F11 what a newer hub left behind that was rolled back stays, and so does its version", async () => {
    const user = aUser();
    await hubOf(user).deliver([message()]);
    const version = await inside(user, (_, { storage }) => {
      storage.sql.exec("UPDATE schema SET version = 1000; ALTER TABLE messages ADD COLUMN later TEXT;");
      storage.transactionSync(() => migrate(storage.sql));
      return schemaVersion(storage.sql);
    });
    expect(version).toBe(1000);
    await evictDurableObject(hubOf(user));
    expect((await hubOf(user).deliver([message()])).verdicts).toEqual([{ verdict: "committed", seq: 2 }]);
  });
});

describe("versions", () => {
  test("F12 fields of a newer Worker are ignored by the object", async () => {
    const user = aUser();
    const { verdicts } = await hubOf(user).deliver([{ ...message(), ...{ hue: "blue" } }]);
    expect(verdicts).toEqual([{ verdict: "committed", seq: 1 }]);
    expect(await hubOf(user).inbox({ limit: 10, unread: false, ...{ hue: "blue" } })).toMatchObject({
      messages: [{ seq: 1 }],
    });
    expect(await hubOf(user).messageState(messageId.parse("never-seen-1"))).toBeUndefined();
  });

  test("the clock of an object never goes back, whatever the machine's does", async () => {
    const now = Date.now();
    vi.setSystemTime(now + hour);
    const user = aUser();
    await hubOf(user).deliver([message()]);
    await evictDurableObject(hubOf(user)).catch(() => undefined);
    vi.setSystemTime(now);
    await hubOf(user).deliver([message()]);
    const rows = await query(user, "SELECT committed FROM messages ORDER BY seq");
    expect(rows).toEqual([{ committed: now + hour }, { committed: now + hour }]);
  });
});
