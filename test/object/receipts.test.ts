/** What the object of a user tells of messages whose publishers asked for receipts, and how that gets into the queue. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Inbox } from "../../src/hub/inbox.ts";
import type { Step } from "../../src/hub/receipt-steps.ts";
import { inboxLimits, receiptLimits, socketLimits } from "../../src/limits.ts";
import type { UserId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { parseBundle } from "../../src/receipts/event.ts";
import { quietly } from "../support/api.ts";
import { aUser, caughtUp, connect, hubOf, leave } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { idOf, message, messages, progress } from "../support/messages.ts";
import { watchReceipts } from "../support/receipts.ts";
import {
  alarmOf,
  breakStatements,
  faultOf,
  inside,
  meter,
  pass,
  query,
  tablesOf,
} from "../support/storage.ts";
import { aTopic } from "../support/topics.ts";

beforeEach(() => {
  vi.setSystemTime(Date.now());
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const wanted = (changes: Partial<AcceptedMessage> = {}) => message({ receipts: true, ...changes });
const retracting = ({ id }: AcceptedMessage) => message({ retracts: id, priority: "high" });
const waiting = (user: UserId) => query(user, "SELECT n, event FROM receipts ORDER BY n");
const watched = (user: UserId) => query(user, "SELECT seq, receipts FROM watched ORDER BY seq");

/** Waits until the object has nothing more to tell. */
const quiet = (user: UserId) => eventually(async () => (await waiting(user)).length === 0);

describe("of a message with receipts is told", () => {
  test("that it is stored, sent to the first device, acknowledged by each one, and read once", async () => {
    const told = watchReceipts();
    const user = aUser();
    const sent = wanted();
    await hubOf(user).deliver([sent]);
    vi.setSystemTime(Date.now() + 1_000);
    const laptop = await connect(user, { device: "laptop" });
    const phone = await connect(user, { device: "phone" });
    await caughtUp(laptop, 1);
    vi.setSystemTime(Date.now() + 1_000);
    await caughtUp(phone, 1);
    await hubOf(user).read({ ids: [sent.id] });
    await hubOf(user).read({ upTo: 1 });
    await quiet(user);
    const expected = ["stored", "sent laptop", "acknowledged laptop", "acknowledged phone", "read"];
    expect(told.of(sent.id)).toEqual(expected);
    expect(told.events.map(({ at }) => at - sent.at)).toEqual([0, 1_000, 1_000, 2_000, 2_000]);
    expect(new Set(told.events.map(({ user }) => user))).toEqual(new Set([user]));
    expect(new Set(told.events.map(({ id }) => id)).size).toBe(expected.length);
  });

  test("that it was sent, where only a copy has overtaken what waits", async () => {
    const told = watchReceipts();
    const user = aUser();
    await connect(user);
    await hubOf(user).deliver(messages(socketLimits.windowMessages + 1));
    const urgent = wanted({ priority: "critical" });
    await hubOf(user).deliver([urgent]);
    const later = wanted();
    await hubOf(user).deliver([later]);
    await quiet(user);
    expect(told.of(urgent.id)).toEqual(["stored", "sent laptop"]);
    expect(told.of(later.id)).toEqual(["stored"]);
  });

  test("an acknowledgement that was lost with the connection, and none twice", async () => {
    const told = watchReceipts();
    const user = aUser();
    const device = await connect(user);
    const sent = wanted();
    await hubOf(user).deliver([sent]);
    await device.until(() => device.cursor === 1);
    await leave(device);
    for (let round = 0; round < 2; round += 1) await leave(await connect(user, { resume: device.resume }));
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored", "sent laptop", "acknowledged laptop"]);
  });

  test("that everything was read up to it, but for what had been read before", async () => {
    const told = watchReceipts();
    const user = aUser();
    const sent = [wanted(), wanted(), wanted()];
    await hubOf(user).deliver(sent);
    await hubOf(user).read({ ids: sent.slice(1, 2).map(({ id }) => id) });
    await hubOf(user).read({ upTo: 2 });
    await quiet(user);
    expect(sent.map(({ id }) => told.of(id))).toEqual([["stored", "read"], ["stored", "read"], ["stored"]]);
    expect(told.events.filter(({ state }) => state === "read").map(({ message }) => message)).toEqual([
      sent[1]?.id,
      sent[0]?.id,
    ]);
  });

  test("that it waits for its time, and then that it is stored", async () => {
    const told = watchReceipts();
    const user = aUser();
    const deliverAt = Date.now() + 60_000;
    const later = wanted({ deliverAt, expires: deliverAt + 60_000 });
    await hubOf(user).deliver([later]);
    await quiet(user);
    expect(told.of(later.id)).toEqual(["scheduled"]);
    await pass(user, 60_000);
    await quiet(user);
    expect(told.of(later.id)).toEqual(["scheduled", "stored"]);
  });

  test("that it was taken back while it waited", async () => {
    const told = watchReceipts();
    const user = aUser();
    const deliverAt = Date.now() + 60_000;
    const later = wanted({ deliverAt, expires: deliverAt + 60_000 });
    await hubOf(user).deliver([later]);
    await hubOf(user).deliver([retracting(later)]);
    await pass(user, 60_000);
    await quiet(user);
    expect(told.of(later.id)).toEqual(["scheduled", "withdrawn"]);
  });

  test("its end, as long as no device had it", async () => {
    const told = watchReceipts();
    const user = aUser();
    const expires = Date.now() + 60_000;
    const [unseen, seen] = [wanted({ expires }), wanted({ expires })];
    await hubOf(user).deliver([seen]);
    await caughtUp(await connect(user), 1);
    await hubOf(user).deliver([unseen]);
    await pass(user, 2 * inboxLimits.sweepGrainMs);
    await quiet(user);
    expect(told.of(unseen.id)).toEqual(["stored", "sent laptop", "expired"]);
    expect(told.events.find(({ state }) => state === "expired")?.at).toBe(expires);
    expect(told.of(seen.id)).toEqual(["stored", "sent laptop", "acknowledged laptop"]);
    expect(await watched(user)).toEqual([]);
  });

  test("that it gave way to a newer one of its key", async () => {
    const told = watchReceipts();
    const user = aUser();
    const steps = [1, 2, 3].map((percent) => ({ ...progress(percent), receipts: true }));
    await hubOf(user).deliver(steps);
    await quiet(user);
    expect(steps.map(({ id }) => told.of(id))).toEqual([
      ["stored", "collapsed"],
      ["stored", "collapsed"],
      ["stored"],
    ]);
  });

  test("that it was evicted, be it by its own arrival", async () => {
    const told = await inside(aUser(), (_, { storage }) => {
      const steps: Step[] = [];
      const inbox = new Inbox(storage, 2, (these) => void steps.push(...these));
      inbox.commit([wanted({ priority: "high" }), wanted({ priority: "high" })], Date.now());
      inbox.commit([wanted({ priority: "critical" })], Date.now());
      inbox.commit([wanted({ priority: "low" })], Date.now());
      return steps.map(({ state }) => state);
    });
    expect(told).toEqual(["stored", "stored", "stored", "evicted", "stored", "evicted"]);
  });

  test("that it was taken back, whoever had it, or that it was before it came", async () => {
    const told = watchReceipts();
    const user = aUser();
    const [kept, replaced, early] = [wanted(), wanted(), wanted()];
    await hubOf(user).deliver([kept, replaced]);
    await caughtUp(await connect(user), 2);
    await hubOf(user).deliver([retracting(kept), message({ replaces: replaced.id }), retracting(early)]);
    await hubOf(user).deliver([early]);
    await quiet(user);
    const had = ["stored", "sent laptop", "acknowledged laptop"];
    expect(told.of(kept.id)).toEqual([...had, "retracted"]);
    expect(told.of(replaced.id)).toEqual([...had, "replaced"]);
    expect(told.of(early.id)).toEqual(["withdrawn"]);
  });

  test("that one device has handled it for all", async () => {
    const told = watchReceipts();
    const user = aUser();
    const [onAck, onRead] = [wanted({ cancelOn: "ack" }), wanted({ cancelOn: "read" })];
    await hubOf(user).deliver([onAck, onRead]);
    await caughtUp(await connect(user), 2);
    await hubOf(user).read({ upTo: 2 });
    await quiet(user);
    const had = ["stored", "sent laptop", "acknowledged laptop"];
    expect(told.of(onAck.id)).toEqual([...had, "handled"]);
    expect(told.of(onRead.id)).toEqual([...had, "read", "handled"]);
  });

  test("why it did not come at all", async () => {
    const told = watchReceipts();
    const user = aUser();
    const strangers = wanted({ topic: aTopic() });
    const late = wanted({ expires: Date.now() });
    await hubOf(user).deliver([strangers, late]);
    await hubOf(user).erase();
    const erased = wanted({ at: Date.now() - 1 });
    await hubOf(user).deliver([erased]);
    await quiet(user);
    expect([strangers, late, erased].map(({ id }) => told.of(id))).toEqual([["left"], ["expired"], ["gone"]]);
  });

  test("nothing twice when it comes again", async () => {
    const told = watchReceipts();
    const user = aUser();
    const sent = wanted();
    await hubOf(user).deliver([sent, sent]);
    await hubOf(user).deliver([sent]);
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored"]);
  });
});

test("of a message without receipts nothing is told", async () => {
  const told = watchReceipts();
  const user = aUser();
  const device = await connect(user);
  await hubOf(user).deliver([message(), message({ cancelOn: "ack" }), message({ expires: Date.now() })]);
  await caughtUp(device, 2);
  await hubOf(user).read({ upTo: 2 });
  await hubOf(user).deliver([retracting(wanted())]);
  expect(await waiting(user)).toEqual([]);
  expect(told.sends).toBe(0);
});

describe("what is to be told", () => {
  test("is written in the transaction of the change: without it there is no change", async () => {
    const told = watchReceipts();
    const user = aUser();
    const sent = wanted();
    await hubOf(user).deliver([message()]);
    const repair = await breakStatements(user, /^INSERT INTO receipts/);
    expect(await faultOf(user, (hub) => hub.deliver([sent]))).toContain("SQLITE_FULL");
    expect(await hubOf(user).messageState(sent.id)).toBeUndefined();
    expect(await watched(user)).toEqual([]);
    await repair();
    await hubOf(user).deliver([sent]);
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored"]);
  });

  test("does not hold up a delivery", async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const told = watchReceipts(async () => {
      await opened;
      return false;
    });
    const user = aUser();
    const device = await connect(user);
    const sent = wanted();
    await hubOf(user).deliver([sent]);
    await device.until(() => device.cursor === 1);
    expect(told.texts).toEqual([]);
    open();
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored", "sent laptop"]);
  });

  test("goes into the queue in one send, many events to a message", async () => {
    const told = watchReceipts();
    const user = aUser();
    await connect(user);
    await hubOf(user).deliver(Array.from({ length: 60 }, () => wanted()));
    await quiet(user);
    expect(told.events).toHaveLength(120);
    expect(told.texts).toHaveLength(4);
    expect(told.sends).toBe(1);
  });

  test("outlives the object that dies between its commit and the send", async () => {
    let refuses = true;
    const told = watchReceipts(() => refuses);
    const user = aUser();
    const sent = wanted();
    await quietly(async () => {
      await hubOf(user).deliver([sent]);
      await eventually(() => told.sends === 1);
    });
    expect(await waiting(user)).toHaveLength(1);
    refuses = false;
    await evictDurableObject(hubOf(user));
    expect(await alarmOf(user)).toBeLessThanOrEqual(Date.now() + receiptLimits.rescueMs);
    await pass(user, receiptLimits.rescueMs);
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored"]);
  });

  test("is sent again, as the same events, after a crash before it was deleted", async () => {
    const told = watchReceipts();
    const user = aUser();
    await hubOf(user).deliver([message()]);
    const repair = await breakStatements(user, /^DELETE FROM receipts/);
    const sent = wanted();
    await quietly(async () => {
      await hubOf(user).deliver([sent]);
      await eventually(() => told.sends === 1);
    });
    await repair();
    await evictDurableObject(hubOf(user));
    await pass(user, receiptLimits.rescueMs);
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored", "stored"]);
    expect(new Set(told.events.map(({ id }) => id)).size).toBe(1);
  });

  test("waits where the queue refuses it, together with what comes meanwhile, and is tried by the alarm", async () => {
    let refuses = true;
    const told = watchReceipts(() => refuses);
    const user = aUser();
    const sent = [wanted(), wanted()];
    await quietly(async () => {
      await hubOf(user).deliver(sent.slice(0, 1));
      await eventually(() => told.sends === 1);
      await hubOf(user).deliver(sent.slice(1));
      expect(told.sends).toBe(1);
      for (let round = 0; round < 3; round += 1) await pass(user, 16_000 + receiptLimits.rescueMs);
    });
    expect(told.sends).toBeGreaterThan(1);
    expect(
      (await waiting(user)).flatMap(({ event }) => parseBundle(String(event))?.events ?? []),
    ).toHaveLength(2);
    refuses = false;
    await pass(user, 600_000);
    await quiet(user);
    expect(sent.map(({ id }) => told.of(id))).toEqual([["stored"], ["stored"]]);
    // And the next goes at once again.
    const next = wanted();
    await hubOf(user).deliver([next]);
    await quiet(user);
    expect(told.of(next.id)).toEqual(["stored"]);
  });

  test("is tried again when the alarm could not be set", async () => {
    const told = watchReceipts();
    const user = aUser();
    const sent = wanted();
    await hubOf(user).deliver([message()]);
    await inside(user, async (hub, { storage }) => {
      const setAlarm = storage.setAlarm.bind(storage);
      vi.spyOn(storage, "setAlarm").mockRejectedValueOnce(new Error("the alarm can't be set"));
      await quietly(() => hub.deliver([sent]));
      vi.mocked(storage.setAlarm).mockImplementation(setAlarm);
    });
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored"]);
  });

  test("keeps the object, and is exported with it", async () => {
    watchReceipts(() => true);
    const user = aUser();
    const sent = wanted({ expires: Date.now() + 60_000 });
    await quietly(async () => {
      await hubOf(user).deliver([sent]);
      await eventually(async () => (await waiting(user)).length === 1);
      await pass(user, inboxLimits.dedupeHorizonMs + 60_000);
      await pass(user, inboxLimits.lingerMs);
    });
    expect(await tablesOf(user)).toContain("receipts");
    const { lines } = await hubOf(user).export();
    const held = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === "receipt");
    expect(held).toMatchObject([
      { message: sent.id, user, state: "stored" },
      { message: sent.id, user, state: "expired" },
    ]);
  });

  test("is told of nobody who has been erased", async () => {
    let refuses = true;
    const told = watchReceipts(() => refuses);
    const user = aUser();
    await quietly(async () => {
      await hubOf(user).deliver([wanted({ id: idOf("canary-id") })]);
      await eventually(() => told.sends === 1);
    });
    await hubOf(user).erase();
    expect(await waiting(user)).toEqual([]);
    expect(await watched(user)).toEqual([]);
    refuses = false;
    await pass(user, receiptLimits.rescueMs);
    expect(told.events).toEqual([]);
  });

  test("is not lost to an erasure that fails", async () => {
    let refuses = true;
    const told = watchReceipts(() => refuses);
    const user = aUser();
    const sent = wanted();
    await quietly(async () => {
      await hubOf(user).deliver([sent]);
      await eventually(() => told.sends === 1);
      await eventually(async () => (await alarmOf(user)) !== null);
    });
    const repair = await breakStatements(user, /UPDATE meta SET epoch/);
    expect(await faultOf(user, (hub) => hub.erase())).toContain("SQLITE_FULL");
    repair();
    refuses = false;
    await pass(user, receiptLimits.rescueMs);
    await quiet(user);
    expect(told.of(sent.id)).toEqual(["stored"]);
  });

  test("is not lost to an erasure that comes while older ones are sent", async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const told = watchReceipts(async () => {
      if (told.sends === 1) await opened;
      return false;
    });
    const user = aUser();
    const [before, after] = [wanted({ at: Date.now() - 1 }), wanted({ at: Date.now() + 1 })];
    await hubOf(user).deliver([before]);
    await eventually(() => told.sends === 1);
    await hubOf(user).erase();
    vi.setSystemTime(Date.now() + 1);
    await hubOf(user).deliver([after]);
    open();
    await quiet(user);
    expect(told.of(after.id)).toEqual(["stored"]);
  });

  test("is sent in as many sends as it needs", async () => {
    let refuses = true;
    const told = watchReceipts(() => refuses);
    const user = aUser();
    await quietly(async () => {
      for (let round = 0; round < 3; round += 1) {
        await hubOf(user).deliver(
          Array.from({ length: 40 * receiptLimits.maxBundle }, () => wanted({ body: "1" })),
        );
      }
    });
    refuses = false;
    const sends = told.sends;
    await pass(user, receiptLimits.rescueMs);
    await quiet(user);
    expect(told.events).toHaveLength(120 * receiptLimits.maxBundle);
    expect(told.sends - sends).toBeGreaterThan(1);
  });
});

describe("costs", () => {
  test("no row, no send and no transaction for a message without receipts, and nothing for its acknowledgement", async () => {
    const told = watchReceipts();
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message()]);
    const written = await meter(user);
    await hubOf(user).deliver([message()]);
    await caughtUp(device, 2);
    expect(written).toMatchObject({ rows: 2, alarms: 0, transactions: 1 });
    expect(told.sends).toBe(0);
  });

  test("two rows for each send, and three of its own for the whole way of a message", async () => {
    const told = watchReceipts();
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message(), wanted()]);
    await caughtUp(device, 2);
    await quiet(user);
    const written = await meter(user);
    const sends = told.sends;
    await hubOf(user).deliver([wanted()]);
    await quiet(user);
    // The message and its id; that it is watched, and that it was sent; stored and sent to be told, and told.
    expect(written.rows).toBe(2 + 2 + 4);
    expect(told.sends - sends).toBe(1);
    written.reset();
    await caughtUp(device, 3);
    await quiet(user);
    expect(written.rows).toBe(1 + 2);
    written.reset();
    await hubOf(user).read({ upTo: 3 });
    await quiet(user);
    // Two messages are read.
    expect(written.rows).toBe(1 + 2 + 2);
    expect(written.alarms).toBe(0);
  });

  test("a hundred messages in one call as many sends and waits as one", async () => {
    const told = watchReceipts();
    const user = aUser();
    await hubOf(user).deliver([message()]);
    const written = await meter(user);
    await hubOf(user).deliver(Array.from({ length: 100 }, () => wanted()));
    await quiet(user);
    expect(written).toMatchObject({ rows: 100 * 3 + 2 * 2, alarms: 1, transactions: 1 });
    expect(told.sends).toBe(1);
  });
});
