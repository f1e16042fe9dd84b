/** Section D of the test matrix, D23 to D30: how messages end, be it by time, by newer ones, by the cap or with their user; and copies of them. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Inbox } from "../../src/hub/inbox.ts";
import { inboxLimits } from "../../src/limits.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { aUser, connect, hubOf } from "../support/device.ts";
import { message, messages, progress } from "../support/messages.ts";
import { alarmOf, dump, fates, inside, pass, query, tablesOf } from "../support/storage.ts";
import { committed, deliverAll, duplicate } from "../support/stream.ts";

const day = 24 * 3_600_000;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The fields of the log lines of an event. */
function logged(spy: { readonly mock: { readonly calls: unknown[][] } }, event: string): unknown[] {
  return spy.mock.calls.map(([line]) => JSON.parse(String(line))).filter((line) => line.event === event);
}

describe("the end of messages", () => {
  test("D23 expired before it arrived: not committed, no number taken", async () => {
    const user = aUser();
    const now = Date.now();
    vi.setSystemTime(now);
    const { verdicts } = await hubOf(user).deliver([
      message({ expires: now }),
      message({ expires: now + 1 }),
    ]);
    expect(verdicts).toEqual([{ verdict: "expired" }, { verdict: "committed", seq: 1 }]);
  });

  test("D23 expired in the inbox: a gap, counted by the sweep; not a moment early", async () => {
    const info = vi.spyOn(console, "info").mockImplementation(() => undefined);
    const now = Math.floor(Date.now() / inboxLimits.sweepGrainMs) * inboxLimits.sweepGrainMs;
    vi.setSystemTime(now);
    const user = aUser();
    const [brief, lasting] = [message({ expires: now + 120_000 }), message()];
    await hubOf(user).deliver([brief, lasting]);

    vi.setSystemTime(now + 119_999);
    const early = await connect(user, { device: "early" });
    await early.until(() => early.cursor === 2);
    expect(early.arrivals.map(({ what }) => what)).toEqual([brief.id, lasting.id]);
    expect((await hubOf(user).presence()).unread).toBe(2);

    vi.setSystemTime(now + 120_000);
    const late = await connect(user, { device: "late" });
    await late.until(() => late.cursor === 2);
    expect(late.arrivals).toEqual([
      { seq: 1, what: "expired" },
      { seq: 2, what: lasting.id },
    ]);
    expect(await hubOf(user).messageState(brief.id)).toMatchObject({ state: "expired" });
    expect((await hubOf(user).presence()).unread).toBe(1);
    expect((await hubOf(user).inbox({ limit: 10, unread: false })).messages.map(({ id }) => id)).toEqual([
      lasting.id,
    ]);

    await pass(user, 0);
    expect([...(await fates(user))]).toEqual([
      [1, "expired"],
      [2, null],
    ]);
    expect(await query(user, "SELECT body FROM messages")).toEqual([{ body: "" }, { body: lasting.body }]);
    expect(logged(info, "swept")).toMatchObject([{ expired: 1 }]);
  });

  test("D23 expired while in flight: it was delivered", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message({ expires: Date.now() + 60_000 })]);
    await device.until(() => device.cursor === 1);
    await pass(user, 180_000);
    device.ack();
    await device.settled();
    expect(device.all("gap")).toEqual([]);
    expect(await hubOf(user).presence()).toMatchObject({ devices: [{ cursor: 1 }] });
  });

  test("D23 expired while it waited behind a full window: a gap", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([...messages(64), message({ expires: Date.now() + 1_000 }), message()]);
    await device.until(() => device.cursor === 64);
    vi.setSystemTime(Date.now() + 1_000);
    device.ack();
    await device.until(() => device.cursor === 66);
    expect(device.arrivals[64]).toEqual({ seq: 65, what: "expired" });
  });

  test("D24 of 50 updates of the same thing, a device that was away gets the last", async () => {
    const info = vi.spyOn(console, "info").mockImplementation(() => undefined);
    const user = aUser();
    for (let step = 1; step <= 50; step += 1) await hubOf(user).deliver([progress(2 * step)]);
    const device = await connect(user);
    await device.until(() => device.cursor === 50);
    expect(device.all("gap")).toEqual([{ type: "gap", from: 1, to: 49, reason: "collapsed" }]);
    expect(device.all("messages").flatMap((frame) => frame.messages.map(({ data }) => data))).toEqual([
      { workflow: "build-7", stage: "build", status: "running", progress: 1 },
    ]);
    expect(logged(info, "withdrawn")).toHaveLength(49);
    expect((await hubOf(user).presence()).unread).toBe(1);
  });

  test("D24 only unread ones of the same key collapse, also after the object slept", async () => {
    const user = aUser();
    const [read, unread, other] = [progress(1), progress(2), progress(1, "build-8")];
    await hubOf(user).deliver([read]);
    await hubOf(user).read({ ids: [read.id] });
    await hubOf(user).deliver([unread, other]);
    await evictDurableObject(hubOf(user));
    await hubOf(user).deliver([progress(3)]);
    expect([...(await fates(user))]).toEqual([
      [1, null],
      [2, "collapsed"],
      [3, null],
      [4, null],
    ]);
    await hubOf(user).read({ upTo: 3 });
    await hubOf(user).deliver([progress(2, "build-8")]);
    expect((await fates(user)).get(3)).toBeNull();
  });

  test("D25 past the cap the least urgent, oldest goes; critical ones never; when only they are left, it is full", async () => {
    const info = vi.spyOn(console, "info").mockImplementation(() => undefined);
    const user = aUser();
    const cap = inboxLimits.maxStored;
    await deliverAll(user, [
      message({ priority: "normal" }),
      ...messages(2, { priority: "low" }),
      ...messages(cap - 3, { priority: "critical" }),
    ]);
    const stored = async () => [...(await fates(user))].filter(([, gone]) => gone === null).length;
    expect(await stored()).toBe(cap);

    const push = async (priority: AcceptedMessage["priority"]) =>
      (await hubOf(user).deliver([message({ priority })])).verdicts[0];
    expect(await push("high")).toEqual({ verdict: "committed", seq: cap + 1 });
    expect(await push("low")).toEqual({ verdict: "committed", seq: cap + 2 });
    expect(await push("critical")).toEqual({ verdict: "committed", seq: cap + 3 });
    expect(await push("critical")).toEqual({ verdict: "committed", seq: cap + 4 });
    expect(await push("critical")).toEqual({ verdict: "committed", seq: cap + 5 });
    expect(await push("critical")).toEqual({ verdict: "inbox_full" });
    const fate = await fates(user);
    const evicted = [...fate].filter(([, gone]) => gone === "evicted").map(([seq]) => seq);
    // The two low ones, oldest first, then normal, then high; each for the next one.
    expect(evicted).toEqual([1, 2, 3, cap + 1, cap + 2]);
    expect(await stored()).toBe(cap);
    expect(logged(info, "withdrawn")).toHaveLength(5);

    const device = await connect(user);
    await device.until(() => device.cursor === 3 + 64);
    expect(device.all("gap")).toEqual([{ type: "gap", from: 1, to: 3, reason: "evicted" }]);
    expect(await push("critical")).toEqual({ verdict: "inbox_full" });
    await hubOf(user).read({ upTo: cap });
    expect(await push("critical")).toEqual({ verdict: "inbox_full" });
  }, 30_000);

  test("D25 a new message that is the least urgent of a full inbox goes itself", async () => {
    const user = aUser();
    const commits = await inside(user, (_, { storage }) => {
      const inbox = new Inbox(storage, 2);
      const now = Date.now();
      const commit = (priority: AcceptedMessage["priority"]) =>
        inbox.commit([message({ priority })], now).withdrawn;
      return [
        commit("high"),
        commit("normal"),
        commit("low"),
        commit("normal"),
        commit("high"),
        commit("normal"),
      ];
    });
    expect(commits).toEqual([
      [],
      [],
      [{ seq: 3, reason: "evicted" }],
      [{ seq: 2, reason: "evicted" }],
      [{ seq: 4, reason: "evicted" }],
      [{ seq: 6, reason: "evicted" }],
    ]);
  });

  test("D25 what collapses makes room for itself", async () => {
    const user = aUser();
    const withdrawn = await inside(user, (_, { storage }) => {
      const inbox = new Inbox(storage, 2);
      return inbox.commit([message({ priority: "critical" }), progress(1), progress(2)], Date.now())
        .withdrawn;
    });
    expect(withdrawn).toEqual([{ seq: 2, reason: "collapsed" }]);
  });
});

describe("copies", () => {
  test("D27 a copy is known a day later, and for as long as one may still come", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const sent = [message(), message({ expires: Date.now() + 1_000 }), progress(1), progress(2)];
    const first = await hubOf(user).deliver(sent);
    expect(first.verdicts).toEqual(committed([1, 2, 3, 4]));
    for (const later of [day, 7 * day, 21 * day]) {
      await pass(user, later);
      const { verdicts } = await hubOf(user).deliver(sent);
      expect(verdicts).toEqual(duplicate([1, 2, 3, 4]));
    }
    expect((await hubOf(user).presence()).head).toBe(4);
  });

  test("D27 a copy within one batch is one as well", async () => {
    const sent = message();
    const { verdicts } = await hubOf(aUser()).deliver([sent, message(), sent]);
    expect(verdicts).toEqual([...committed([1, 2]), ...duplicate([1])]);
  });

  test("D27 another message under a known id is a conflict, and never replaces the first", async () => {
    const user = aUser();
    const sent = message();
    await hubOf(user).deliver([sent]);
    const others = [
      { ...sent, body: '"bye"' },
      { ...sent, priority: "high" as const },
      { ...sent, type: progress(1).type },
    ];
    const { verdicts } = await hubOf(user).deliver([
      ...others,
      { ...sent, at: sent.at + 1, expires: sent.expires + 1 },
    ]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual([...others.map(() => "id_conflict"), "duplicate"]);
    const { messages: kept } = await hubOf(user).inbox({ limit: 10, unread: false });
    expect(kept.map(({ body }) => body)).toEqual([sent.body]);
  });

  test("D27 a copy of what is gone is known by the length that is left of it", async () => {
    const user = aUser();
    const [first, second] = [progress(1), progress(2)];
    await hubOf(user).deliver([first, second]);
    const { verdicts } = await hubOf(user).deliver([first, { ...first, body: "1" }]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(["duplicate", "id_conflict"]);
  });

  test("D28 past the horizon an id is forgotten; which is why nothing is redriven so late", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const sent = message();
    await hubOf(user).deliver([sent]);
    await pass(user, inboxLimits.dedupeHorizonMs - 1_000);
    expect((await hubOf(user).deliver([sent])).verdicts).toEqual(duplicate([1]));
    await pass(user, inboxLimits.sweepGrainMs + 1_000);
    expect(await tablesOf(user)).toEqual([]);
  });
});

describe("live-only", () => {
  test("a message that lives only now reaches who is connected and keeps up, and is not stored", async () => {
    const user = aUser();
    const [device, slow] = [await connect(user), await connect(user, { device: "slow" })];
    await hubOf(user).deliver(messages(65));
    await device.until(() => device.cursor === 64);
    device.ack();
    await device.until(() => device.cursor === 65);
    const live = message({ live: true, body: '{"typing":true}' });
    const { verdicts, devices } = await hubOf(user).deliver([live, live]);
    expect(verdicts).toEqual([{ verdict: "live" }, { verdict: "live" }]);
    // Once, to the one that keeps up.
    expect(devices).toEqual([1, 0]);
    await Promise.all([device.settled(), slow.settled()]);
    expect(device.all("live").map((frame) => frame.message)).toEqual([
      { id: live.id, type: live.type, priority: "normal", at: live.at, data: { typing: true } },
    ]);
    expect(slow.all("live")).toEqual([]);
    expect(await dump(user)).not.toContain(live.id);
    const later = await connect(user, { device: "later" });
    await later.settled();
    expect(later.all("live")).toEqual([]);
  });

  test("a live-only message to nobody costs no storage", async () => {
    const user = aUser();
    const result = await hubOf(user).deliver([message({ live: true })]);
    expect(result).toEqual({ verdicts: [{ verdict: "live" }], devices: [0] });
    expect(await tablesOf(user)).toEqual([]);
  });

  test("a live-only message that was on its way for too long reaches nobody any more", async () => {
    const user = aUser();
    const device = await connect(user);
    const late = message({ live: true, expires: Date.now() - 1 });
    expect(await hubOf(user).deliver([late])).toEqual({ verdicts: [{ verdict: "expired" }], devices: [0] });
    await device.settled();
    expect(device.all("live")).toEqual([]);
  });

  test("the copies known of live-only messages are bounded", async () => {
    const user = aUser();
    const device = await connect(user);
    const first = message({ live: true });
    await hubOf(user).deliver([first, ...messages(inboxLimits.maxLiveIds, { live: true }), first]);
    await device.settled();
    expect(device.all("live").filter((frame) => frame.message.id === first.id)).toHaveLength(2);
  });

  test("verdicts stand in the order of the messages, stored and live mixed", async () => {
    const known = message();
    const user = aUser();
    await hubOf(user).deliver([known]);
    const mixed = [message({ live: true }), known, message({ live: true }), message()];
    const { verdicts } = await hubOf(user).deliver(mixed);
    expect(verdicts).toEqual([
      { verdict: "live" },
      { verdict: "duplicate", seq: 1 },
      { verdict: "live" },
      { verdict: "committed", seq: 2 },
    ]);
  });
});

describe("erased users", () => {
  test("D30 what was accepted before the user was erased is gone when it comes, and nothing comes back", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const [before, queued, live] = [message(), message(), message({ live: true })];
    await hubOf(user).deliver([before]);
    vi.setSystemTime(Date.now() + 1);
    expect(await hubOf(user).erase()).toEqual({ erased: 1 });
    const { verdicts } = await hubOf(user).deliver([before, queued, live]);
    expect(verdicts).toEqual([{ verdict: "gone" }, { verdict: "gone" }, { verdict: "gone" }]);
    expect(await query(user, "SELECT * FROM messages")).toEqual([]);
    vi.setSystemTime(Date.now() + 1);
    expect((await hubOf(user).deliver([message()])).verdicts).toEqual(committed([1]));
  });

  test("D30 the erasure is remembered until nothing from before can come, then the object goes", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const queued = message();
    await hubOf(user).erase();
    await pass(user, inboxLimits.dedupeHorizonMs - 1);
    expect((await hubOf(user).deliver([queued])).verdicts).toEqual([{ verdict: "gone" }]);
    await pass(user, 1);
    expect(await tablesOf(user)).toEqual([]);
    expect(await alarmOf(user)).toBeNull();
  });
});
