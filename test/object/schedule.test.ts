/** Messages that wait for their time in the object of their user: never early, never twice, and never lost. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { UserHub } from "../../src/hub/user-hub.ts";
import { parseDead } from "../../src/lanes/dead-record.ts";
import { withdrawal } from "../../src/lanes/withdrawal.ts";
import { inboxLimits, messageLimits } from "../../src/limits.ts";
import type { UserId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { accepted, inboxOf, problem, publish, quietly } from "../support/api.ts";
import { aUser, connect, hubOf } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { recordedQueue } from "../support/lanes.ts";
import { message, messages } from "../support/messages.ts";
import { alarmOf, breakStatements, inside, meter, pass, query } from "../support/storage.ts";
import { committed } from "../support/stream.ts";

const minute = 60_000;
const hour = 60 * minute;

beforeEach(() => {
  vi.setSystemTime(Date.now());
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A message for later, in so many milliseconds. */
function later(inMs: number, changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  const deliverAt = Date.now() + inMs;
  return message({ deliverAt, expires: deliverAt + inboxLimits.retentionMs, ...changes });
}

const scheduled = { verdict: "scheduled" };
const waiting = (user: UserId) => query(user, "SELECT id FROM scheduled");

describe("a message with a time", () => {
  test("waits for it, is delivered then, and not a moment before", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = later(hour);
    expect(await hubOf(user).deliver([sent])).toEqual({ verdicts: [scheduled], devices: [0] });
    expect(await hubOf(user).messageState(sent.id)).toEqual({
      id: sent.id,
      state: "scheduled",
      at: sent.at,
      expires: sent.expires,
      deliverAt: sent.deliverAt,
      delivered: [],
      devices: [],
    });
    await evictDurableObject(hubOf(user));
    await pass(user, hour - 1);
    expect(await alarmOf(user)).toBeLessThanOrEqual(sent.deliverAt ?? 0);
    await inside(user, (hub) => hub.alarm());
    expect(await hubOf(user).presence()).toMatchObject({ head: 0, unread: 0 });
    await pass(user, 1);
    const late = await connect(user, { device: "late" });
    await late.until(() => late.cursor === 1);
    expect(late.arrivals).toEqual([{ seq: 1, what: sent.id }]);
    expect(await waiting(user)).toEqual([]);
    expect(await hubOf(user).messageState(sent.id)).toMatchObject({ seq: 1, state: "sent" });
    device.close(1000);
  });

  test("reaches the devices that are connected by then", async () => {
    const user = aUser();
    const sent = [later(minute), later(2 * minute)];
    await hubOf(user).deliver(sent);
    const device = await connect(user);
    await pass(user, minute);
    await device.until(() => device.cursor === 1);
    await pass(user, minute);
    await device.until(() => device.cursor === 2);
    expect(device.arrivals.map(({ what }) => what)).toEqual(sent.map(({ id }) => id));
  });

  test("whose time has come is delivered at once", async () => {
    const user = aUser();
    expect((await hubOf(user).deliver([later(0), later(-hour)])).verdicts).toEqual(committed([1, 2]));
  });

  test("for who is connected only is sent then, once, and kept for nobody", async () => {
    const user = aUser();
    const live = later(minute, { live: true, expires: Date.now() + 2 * minute });
    expect((await hubOf(user).deliver([live])).verdicts).toEqual([scheduled]);
    const device = await connect(user);
    expect((await hubOf(user).deliver([live])).verdicts).toEqual([scheduled]);
    vi.setSystemTime(Date.now() + minute);
    // Due by now, but only the alarm brings it.
    expect((await hubOf(user).deliver([live])).verdicts).toEqual([scheduled]);
    await device.settled();
    expect(device.all("live")).toEqual([]);
    await pass(user, 0);
    await device.until(() => device.all("live").length === 1);
    expect((await hubOf(user).deliver([live])).verdicts).toEqual([{ verdict: "live" }]);
    await device.settled();
    expect(device.all("live")).toHaveLength(1);
    expect(await hubOf(user).presence()).toMatchObject({ head: 0 });
    expect(await waiting(user)).toEqual([]);
  });

  test("is not early when the clock goes back, nor twice when it goes back after it", async () => {
    const user = aUser();
    const start = Date.now();
    const sent = later(hour);
    await hubOf(user).deliver([sent]);
    vi.setSystemTime(start - 24 * hour);
    await inside(user, (hub) => hub.alarm());
    expect((await hubOf(user).presence()).head).toBe(0);
    vi.setSystemTime(start + hour);
    await inside(user, (hub) => hub.alarm());
    expect((await hubOf(user).presence()).head).toBe(1);
    vi.setSystemTime(start);
    await inside(user, (hub) => hub.alarm());
    expect((await hubOf(user).deliver([sent])).verdicts).toEqual([{ verdict: "duplicate", seq: 1 }]);
    expect(await hubOf(user).presence()).toMatchObject({ head: 1, unread: 1 });
  });

  test("is delivered by a late alarm, and by the one that is set again for one that was lost", async () => {
    const user = aUser();
    const sent = later(minute);
    await hubOf(user).deliver([sent]);
    await inside(user, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(hubOf(user));
    vi.setSystemTime(Date.now() + 3 * hour);
    await hubOf(user).presence();
    expect(await runDurableObjectAlarm(hubOf(user))).toBe(true);
    expect((await hubOf(user).presence()).head).toBe(1);
  });

  test("keeps the storage of a user who has nothing else", async () => {
    const user = aUser();
    const sent = later(29 * 24 * hour);
    await hubOf(user).deliver([sent]);
    for (let days = 0; days < 28; days += 1) await pass(user, 24 * hour);
    expect(await waiting(user)).toEqual([{ id: sent.id }]);
    await pass(user, 24 * hour);
    expect((await hubOf(user).presence()).head).toBe(1);
  });
});

describe("a copy of a message that waits", () => {
  test("is scheduled again, whatever time it has, and one of other content is a conflict", async () => {
    const user = aUser();
    const sent = later(hour);
    const { deliverAt: _, ...now } = sent;
    const verdicts = [sent, { ...sent, deliverAt: Date.now() + 1 }, now, { ...sent, body: "1" }];
    expect((await hubOf(user).deliver([sent, ...verdicts])).verdicts).toEqual([
      scheduled,
      scheduled,
      scheduled,
      scheduled,
      { verdict: "id_conflict" },
    ]);
    expect(await waiting(user)).toHaveLength(1);
    expect((await hubOf(user).presence()).head).toBe(0);
  });

  test("that comes after its delivery is a duplicate, even if it would have to wait by its own account", async () => {
    const user = aUser();
    const sent = later(minute);
    await hubOf(user).deliver([sent]);
    await pass(user, minute);
    expect((await hubOf(user).deliver([sent, { ...sent, deliverAt: Date.now() + hour }])).verdicts).toEqual([
      { verdict: "duplicate", seq: 1 },
      { verdict: "duplicate", seq: 1 },
    ]);
  });
});

describe("a message that waits is taken back", () => {
  test("by its id: it never comes, nor does a copy, and devices hear nothing of it", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = later(minute);
    const word = withdrawal(sent.id, "retracted", { now: Date.now(), audience: "" });
    const { verdicts } = await hubOf(user).deliver([sent, word, sent]);
    expect(verdicts).toEqual([scheduled, { verdict: "withdrawn" }, { verdict: "withdrawn" }]);
    expect(await waiting(user)).toEqual([]);
    await pass(user, hour);
    await device.settled();
    expect(device.arrivals).toEqual([]);
    expect(await hubOf(user).messageState(sent.id)).toMatchObject({ state: "retracted" });
  });

  test("by a message that replaces it", async () => {
    const user = aUser();
    const sent = later(minute);
    const other = message({ replaces: sent.id });
    await hubOf(user).deliver([sent, other]);
    await pass(user, hour);
    expect((await inboxOf(user)).map(({ id }) => id)).toEqual([other.id]);
  });

  test("and what it was to replace stays", async () => {
    const user = aUser();
    const first = message();
    const sent = later(minute, { replaces: first.id });
    const word = withdrawal(sent.id, "retracted", { now: Date.now(), audience: "" });
    await hubOf(user).deliver([first, sent, word]);
    await pass(user, hour);
    expect((await inboxOf(user)).map(({ id }) => id)).toEqual([first.id]);
  });

  test("with its user", async () => {
    const user = aUser();
    const sent = later(minute);
    await hubOf(user).deliver([sent]);
    await hubOf(user).erase();
    expect(await waiting(user)).toEqual([]);
    expect((await hubOf(user).deliver([sent])).verdicts).toEqual([{ verdict: "gone" }]);
    await pass(user, hour);
    expect((await hubOf(user).presence()).head).toBe(0);
  });
});

describe("many that wait", () => {
  test("are delivered a bounded number at a time, in the order of their times", async () => {
    const user = aUser();
    const count = inboxLimits.scheduledAtOnce + 5;
    const sent = Array.from({ length: count }, (_, index) => later(minute + count - index));
    await hubOf(user).deliver(sent);
    vi.setSystemTime(Date.now() + hour);
    await inside(user, (hub) => hub.alarm());
    expect((await hubOf(user).presence()).head).toBe(inboxLimits.scheduledAtOnce);
    expect(await alarmOf(user)).toBeLessThanOrEqual(Date.now());
    await pass(user, 0);
    const rows = await query(user, "SELECT id FROM messages ORDER BY seq");
    expect(rows.map(({ id }) => id)).toEqual(sent.map(({ id }) => id).reverse());
  });

  test("beyond the limit there is a dead letter in place of each", async () => {
    const user = aUser();
    const most = messages(inboxLimits.maxScheduled, { deliverAt: Date.now() + hour, body: "1" });
    const { verdicts } = await hubOf(user).deliver([...most, later(minute), message()]);
    expect(verdicts.filter(({ verdict }) => verdict === "scheduled")).toHaveLength(most.length);
    expect(verdicts.slice(-2)).toEqual([{ verdict: "inbox_full" }, { verdict: "committed", seq: 1 }]);
  });
});

describe("a message whose time has come and that can't be delivered", () => {
  /** The id is taken by another content, by a way past the check. */
  async function conflicting(user: UserId): Promise<AcceptedMessage> {
    const sent = later(minute);
    await hubOf(user).deliver([sent]);
    await inside(user, (_, { storage: { sql } }) => {
      sql.exec(
        `INSERT INTO messages (seq, id, type, priority, at, committed, expires, bytes, body)
         VALUES (1, ?1, 'other', 'low', ?2, ?2, ?3, 1, '1')`,
        ...[sent.id, sent.at, sent.expires],
      );
    });
    await evictDurableObject(hubOf(user));
    return sent;
  }

  /** The object, started anew with a dead lane that keeps what it gets; its alarm has rung by then. */
  function ring(user: UserId, lane: Queue): Promise<void> {
    return inside(user, (_, state) => new UserHub(state, { ...env, LANE_DEAD: lane }).alarm());
  }

  test("is a dead letter before its row goes", async () => {
    const user = aUser();
    const sent = await conflicting(user);
    const lane = recordedQueue();
    vi.setSystemTime(Date.now() + minute);
    await ring(user, lane);
    expect(lane.texts.map((text) => parseDead(String(text)))).toEqual([
      { message: sent, users: [user], reason: "id_conflict", attempts: 1, error: "", at: Date.now() },
    ]);
    expect(await waiting(user)).toEqual([]);
  });

  test("waits on where the dead lane refuses, and goes there later", async () => {
    const user = aUser();
    const sent = await conflicting(user);
    const lane = recordedQueue();
    const refusing = recordedQueue(() => true);
    vi.setSystemTime(Date.now() + minute);
    await quietly(async () => {
      await inside(user, async (_, state) => {
        const hub = new UserHub(state, { ...env, LANE_DEAD: refusing });
        await hub.alarm();
        expect(await state.storage.getAlarm()).toBe(Date.now() + inboxLimits.alarmRetryMs);
        expect(await hub.deliver([sent])).toMatchObject({ verdicts: [scheduled] });
      });
    });
    expect(await waiting(user)).toEqual([{ id: sent.id }]);
    vi.setSystemTime(Date.now() + inboxLimits.alarmRetryMs);
    await ring(user, lane);
    expect(lane.texts).toHaveLength(1);
    expect(await waiting(user)).toEqual([]);
  });

  test("for its text that can't be read is a dead letter, and holds up nothing else; a copy takes its place", async () => {
    const user = aUser();
    const [bad, healed, good] = [later(minute), later(minute), later(minute + 1)];
    await hubOf(user).deliver([bad, healed, good]);
    await query(user, "UPDATE scheduled SET message = '{}' WHERE id IN (?, ?)", bad.id, healed.id);
    await evictDurableObject(hubOf(user));
    expect(await hubOf(user).messageState(bad.id)).toBeUndefined();
    expect((await hubOf(user).export()).lines.filter((line) => line.includes('"scheduled"'))).toHaveLength(1);
    expect((await hubOf(user).deliver([healed])).verdicts).toEqual([scheduled]);
    const lane = recordedQueue();
    vi.setSystemTime(Date.now() + 2 * minute);
    await ring(user, lane);
    expect(lane.texts.map((text) => parseDead(String(text)))).toEqual([
      {
        lane: "normal",
        raw: "{}",
        reason: "poison",
        attempts: 1,
        error: "waited for its time",
        at: Date.now(),
      },
    ]);
    await evictDurableObject(hubOf(user));
    expect((await inboxOf(user)).map(({ id }) => id)).toEqual([good.id, healed.id]);
    expect(await waiting(user)).toEqual([]);
  });

  test("for a fault of the storage is tried again", async () => {
    const user = aUser();
    const sent = later(minute);
    await hubOf(user).deliver([sent]);
    const repair = await breakStatements(user, /DELETE FROM scheduled/);
    await quietly(() => pass(user, minute));
    expect(await hubOf(user).presence()).toMatchObject({ head: 0, unread: 0 });
    repair();
    expect(await waiting(user)).toEqual([{ id: sent.id }]);
    await pass(user, inboxLimits.alarmRetryMs);
    expect((await hubOf(user).presence()).head).toBe(1);
  });
});

describe("publishing for later", () => {
  test("goes to the object at once, which answers for it", async () => {
    const user = aUser();
    const deliverAt = Date.now() + hour;
    const receipt = await accepted(
      publish({ to: { user }, type: "order.shipped", priority: "critical", deliverAt, ttl: 60 }),
    );
    expect(receipt).toMatchObject({
      state: "settled",
      expires: deliverAt + minute,
      results: [{ user, state: "scheduled" }],
    });
    const queued = await accepted(publish({ to: { user }, type: "order.shipped", deliverAt }));
    await eventually(async () => (await hubOf(user).messageState(queued.id)) !== undefined);
    expect(await hubOf(user).messageState(queued.id)).toMatchObject({ state: "scheduled", deliverAt });
  });

  test("more than 30 days ahead is refused, with the place", async () => {
    const deliverAt = Date.now() + messageLimits.maxDeliverAheadMs + 1;
    const one = { to: { user: aUser() }, type: "order.shipped", deliverAt };
    expect(await problem(publish(one))).toMatchObject({
      code: "invalid_body",
      errors: [{ path: "deliverAt" }],
    });
    expect(await problem(publish({ messages: [{ ...one, deliverAt: 0 }, one] }))).toMatchObject({
      errors: [{ path: "messages[1].deliverAt" }],
    });
    expect((await publish({ ...one, deliverAt: deliverAt - 1 })).status).toBe(202);
  });
});

test("waiting costs a row and an alarm; delivery what any message costs, and that row", async () => {
  const user = aUser();
  await hubOf(user).deliver([message()]);
  const written = await meter(user);
  await hubOf(user).deliver([later(minute), later(minute)]);
  expect(written).toMatchObject({ rows: 2, alarms: 1, transactions: 1 });
  written.reset();
  await pass(user, minute);
  expect(written).toMatchObject({ rows: 6, alarms: 1 });
});
