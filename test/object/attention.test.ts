/** What a user's preferences do to the stream: which messages come silently, and the digest when quiet hours end. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Inbox } from "../../src/hub/inbox.ts";
import { withdrawal } from "../../src/lanes/withdrawal.ts";
import { attentionLimits } from "../../src/limits.ts";
import type { Digest, StreamMessage } from "../../src/protocol/frames.ts";
import { category, type MessageId, type UserId } from "../../src/protocol/ids.ts";
import { type AcceptedMessage, digestType } from "../../src/protocol/message.ts";
import { noPreferences, type SentPreferences, userPreferences } from "../../src/protocol/preferences.ts";
import { quietly } from "../support/api.ts";
import { aUser, connect, type Device, hubOf } from "../support/device.ts";
import { message, messages, progress } from "../support/messages.ts";
import { alarmOf, breakStatements, dump, inside, meter, pass, query, tablesOf } from "../support/storage.ts";
import { ids } from "../support/stream.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** An evening in Berlin; far ahead, so that no clock of the storage is later. */
const evening = Date.parse("2035-06-04T18:00:00Z");
const night = { timeZone: "Europe/Berlin", from: "22:00", to: "07:00" };
const begins = evening + 2 * hour;
const ends = evening + 11 * hour;

beforeEach(() => {
  vi.setSystemTime(evening);
});

afterEach(() => {
  vi.useRealTimers();
});

/** A user with these preferences, in the middle of the night where nothing else is said. */
async function aUserWith(preferences: SentPreferences, now = begins + hour): Promise<UserId> {
  const user = aUser();
  vi.setSystemTime(now);
  await hubOf(user).setPreferences(userPreferences.parse(preferences));
  return user;
}

function got(device: Device): StreamMessage[] {
  return device.all("messages").flatMap((frame) => frame.messages);
}

/** The digests that a device got. */
function digests(device: Device): unknown[] {
  return got(device)
    .filter(({ type }) => type === digestType)
    .map(({ data }) => data);
}

/** The digests that still stand in the stream. */
async function standing(user: UserId): Promise<Digest[]> {
  const rows = await query(
    user,
    "SELECT body FROM messages WHERE type = ? AND gone IS NULL ORDER BY seq",
    digestType,
  );
  return rows.map(({ body }) => JSON.parse(String(body)));
}

async function digestAt(user: UserId): Promise<unknown> {
  const [at] = (await query(user, "SELECT digest_at FROM meta")).map(({ digest_at }) => digest_at);
  return at;
}

describe("a message", () => {
  test("of a muted category, or not urgent enough, comes silently in frames and pages, and is unread like any other", async () => {
    const user = await aUserWith({ muted: ["billing"], minPriority: "normal" }, evening);
    const device = await connect(user);
    const about = category.parse("billing");
    await hubOf(user).deliver([
      message({ category: about }),
      message({ priority: "low" }),
      message(),
      message({ category: about, priority: "critical" }),
      message({ category: category.parse("security"), priority: "low" }),
    ]);
    await device.until(() => device.cursor === 5);
    const silent = [true, true, undefined, undefined, undefined];
    expect(got(device).map((each) => each.silent)).toEqual(silent);
    const { messages: page, state } = await hubOf(user).inbox({ limit: 10, unread: true });
    expect(page.map((each) => each.silent)).toEqual(silent.toReversed());
    expect(state.unread).toBe(5);
    expect((await hubOf(user).presence()).unread).toBe(5);
  });

  test("is silent by what held when it was committed, for devices that come later too", async () => {
    const user = await aUserWith({ muted: ["billing"] }, evening);
    await hubOf(user).deliver([message({ category: category.parse("billing") })]);
    await hubOf(user).setPreferences(undefined);
    await hubOf(user).deliver([message({ category: category.parse("billing") })]);
    await evictDurableObject(hubOf(user));
    const device = await connect(user);
    await device.until(() => device.cursor === 2);
    expect(got(device).map((each) => each.silent)).toEqual([true, undefined]);
  });

  test("that is muted is told by no digest", async () => {
    const user = await aUserWith({ quietHours: night, muted: ["billing"] });
    await hubOf(user).deliver([message({ category: category.parse("billing") })]);
    expect(await digestAt(user)).toBeNull();
    await pass(user, ends - Date.now());
    expect(await standing(user)).toEqual([]);
  });

  test("for a device that is connected is judged by the preferences of a running and of a woken object alike", async () => {
    const user = await aUserWith({ muted: ["billing"] }, evening);
    const device = await connect(user);
    await evictDurableObject(hubOf(user));
    await hubOf(user).deliver([message({ category: category.parse("billing") })]);
    await device.until(() => device.cursor === 1);
    expect(got(device)[0]?.silent).toBe(true);
  });
});

test("a scheduled message is judged when its time has come", async () => {
  const user = await aUserWith({ quietHours: night }, evening);
  const expires = evening + 8 * day;
  const inTheNight = message({ deliverAt: begins + hour, expires });
  const inTheMorning = message({ deliverAt: ends + hour, expires });
  await hubOf(user).deliver([inTheNight, inTheMorning]);
  await pass(user, begins + hour - evening);
  await pass(user, ends - Date.now());
  await pass(user, hour);
  expect(await query(user, "SELECT id, attention FROM messages WHERE type <> ?", digestType)).toEqual([
    { id: inTheNight.id, attention: "held" },
    { id: inTheMorning.id, attention: null },
  ]);
  expect(await standing(user)).toMatchObject([{ ids: [inTheNight.id] }]);
});

describe("when quiet hours end", () => {
  test("one digest tells of what was held, the newest first, and is no message of the inbox", async () => {
    const user = await aUserWith({ quietHours: night });
    const held = messages(3);
    const first = Date.now();
    await hubOf(user).deliver(held.slice(0, 2));
    await pass(user, hour);
    await hubOf(user).deliver([...held.slice(2), message({ priority: "critical" })]);
    expect(await alarmOf(user)).toBe(ends);
    await pass(user, ends - 1 - Date.now());
    const device = await connect(user);
    await device.until(() => device.cursor === 4);
    expect(got(device).map(({ silent }) => silent)).toEqual([true, true, true, undefined]);
    expect(await standing(user)).toEqual([]);
    await pass(user, 1);
    await device.until(() => device.cursor === 5);
    expect(digests(device)).toEqual([{ count: 3, ids: ids(held).reverse(), from: first, to: ends }]);
    expect(got(device).at(-1)?.silent).toBeUndefined();
    expect((await hubOf(user).inbox({ limit: 10, unread: false })).messages).toHaveLength(4);
    expect(await hubOf(user).presence()).toMatchObject({ unread: 4, head: 5 });
  });

  test("who is away gets the digest on coming back, within a day", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).deliver([message()]);
    await pass(user, ends - Date.now());
    await evictDurableObject(hubOf(user));
    const device = await connect(user);
    await device.until(() => device.cursor === 2);
    expect(digests(device)).toHaveLength(1);
    await pass(user, attentionLimits.digestMs + minute);
    const late = await connect(user, { device: "phone" });
    await late.until(() => late.cursor === 2);
    expect(late.arrivals).toMatchObject([{ seq: 1 }, { seq: 2, what: "expired" }]);
  });

  test("there is no digest where nothing was held, or nothing of it is left unread and there", async () => {
    const nothing = await aUserWith({ quietHours: night });
    await hubOf(nothing).deliver([message({ priority: "critical" })]);
    const read = await aUserWith({ quietHours: night });
    const [first, second] = messages(2);
    if (first === undefined || second === undefined) throw new Error("there are two");
    await hubOf(read).deliver([first, second]);
    await hubOf(read).read({ ids: [first.id] });
    await hubOf(read).read({ upTo: 2 });
    const expired = await aUserWith({ quietHours: night });
    await hubOf(expired).deliver([message({ expires: Date.now() + hour })]);
    await hubOf(expired).deliver([message()]);
    await hubOf(expired).read({ upTo: 2 });
    const left = ends - Date.now();
    for (const user of [nothing, read, expired]) {
      vi.setSystemTime(ends - left);
      await pass(user, left);
      expect(await standing(user)).toEqual([]);
      expect(await digestAt(user)).toBeNull();
    }
  });

  test("a digest tells nothing of what was retracted, replaced, collapsed, or expired in the meantime", async () => {
    const user = await aUserWith({ quietHours: night });
    const [retracted, replaced, kept] = [message(), message(), message()];
    const newer = message({ replaces: replaced.id });
    await hubOf(user).deliver([retracted, replaced, kept, message({ expires: Date.now() + hour })]);
    await hubOf(user).deliver([newer, progress(1), progress(2)]);
    await hubOf(user).deliver([withdrawal(retracted.id, "retracted", { now: Date.now(), audience: user })]);
    await pass(user, ends - Date.now());
    const [digest] = await standing(user);
    expect(digest?.count).toBe(3);
    expect(digest?.ids.slice(1)).toEqual([newer.id, kept.id]);
  });

  test("a digest names a hundred messages at most, and counts them all", async () => {
    const user = await aUserWith({ quietHours: night });
    const held = messages(attentionLimits.maxDigestIds + 20);
    await hubOf(user).deliver(held);
    await pass(user, ends - Date.now());
    const [digest] = await standing(user);
    expect(digest?.count).toBe(held.length);
    expect(digest?.ids).toEqual(ids(held).slice(20).reverse());
  });

  test("the next digest tells of the next night only, and takes the place of one that still stands", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).deliver([message()]);
    // A siesta on the same day, so that the digest of the night is not over yet.
    await pass(user, ends - Date.now());
    await hubOf(user).setPreferences(
      userPreferences.parse({ quietHours: { ...night, from: "13:00", to: "14:00" } }),
    );
    await pass(user, 6.5 * hour);
    const noon = messages(2);
    await hubOf(user).deliver(noon);
    await pass(user, hour);
    const [digest, ...others] = await standing(user);
    expect(others).toEqual([]);
    expect(digest).toMatchObject({ count: 2, ids: ids(noon).reverse() });
    const device = await connect(user);
    await device.until(() => device.cursor === 5);
    expect(digests(device)).toHaveLength(1);
    expect(device.arrivals[1]).toMatchObject({ seq: 2, what: "replaced" });
  });

  test("a digest takes no place of the inbox, whether it stands or was replaced, and nobody can take it down", async () => {
    const user = aUser();
    const digest = (replaces?: MessageId) =>
      message({ type: digestType, ...(replaces === undefined ? {} : { replaces }) });
    const first = digest();
    const second = digest(first.id);
    const gone = await inside(user, (_, { storage }) => {
      const inbox = new Inbox(storage, 3);
      const commit = (...committed: AcceptedMessage[]) => inbox.commit(committed, Date.now()).withdrawn;
      return [
        commit(...messages(3)).length,
        commit(first),
        commit(second),
        commit(withdrawal(second.id, "retracted", { now: Date.now(), audience: user })),
        commit(message({ replaces: second.id })),
        commit(message()),
      ];
    });
    const evicted = (seq: number) => [{ seq, reason: "evicted" }];
    expect(gone).toEqual([0, [], [{ seq: 4, reason: "replaced" }], [], evicted(1), evicted(2)]);
  });

  test("a device that was away for a week finds one digest", async () => {
    const user = await aUserWith({ quietHours: night });
    for (let nights = 0; nights < 7; nights += 1) {
      vi.setSystemTime(begins + hour + nights * day);
      await hubOf(user).deliver([message()]);
      await pass(user, ends - begins - hour);
    }
    const device = await connect(user);
    await device.until(() => device.cursor === 14);
    expect(digests(device)).toHaveLength(1);
    expect(digests(device)).toMatchObject([{ count: 1, to: ends + 6 * day }]);
  });
});

describe("one digest for a night, not two and not early", () => {
  test("when the alarm comes early, late, or more than once", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).deliver([message()]);
    await inside(user, (hub) => hub.alarm());
    expect(await standing(user)).toEqual([]);
    vi.setSystemTime(ends + 2 * hour);
    await inside(user, (hub) => hub.alarm());
    await inside(user, (hub) => hub.alarm());
    await hubOf(user).deliver([message()]);
    await pass(user, 4 * hour);
    expect(await standing(user)).toMatchObject([{ count: 1, to: ends }]);
  });

  test("when the alarm comes so late that it is quiet again: then with the next one", async () => {
    const user = await aUserWith({ quietHours: night });
    const [first, second] = [message(), message({ at: Date.now() + day, expires: Date.now() + 8 * day })];
    await hubOf(user).deliver([first]);
    vi.setSystemTime(begins + day + hour);
    await hubOf(user).deliver([second]);
    await inside(user, (hub) => hub.alarm());
    expect(await standing(user)).toEqual([]);
    expect(await digestAt(user)).toBe(ends + day);
    await pass(user, ends + day - Date.now());
    expect(await standing(user)).toMatchObject([{ count: 2, ids: ids([second, first]), to: ends + day }]);
  });

  test("when the clock steps back behind the end, or behind the beginning", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).deliver([message()]);
    await pass(user, ends - Date.now());
    for (const back of [ends - hour, begins - hour]) {
      vi.setSystemTime(back);
      await evictDurableObject(hubOf(user));
      await hubOf(user).deliver([message()]);
      await inside(user, (hub) => hub.alarm());
    }
    await pass(user, ends + hour - Date.now());
    expect(await standing(user)).toHaveLength(1);
    expect(await query(user, "SELECT attention FROM messages ORDER BY seq")).toEqual(
      ["held", null, null, null].map((attention) => ({ attention })),
    );
  });

  test("when the storage fails in the middle: nothing of it happens, and the alarm comes again", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).deliver([message()]);
    vi.setSystemTime(ends);
    const repair = await breakStatements(user, /INSERT INTO messages/);
    await quietly(() => inside(user, (hub) => hub.alarm()));
    expect(await digestAt(user)).toBe(ends);
    expect(await standing(user)).toEqual([]);
    await inside(user, repair);
    await evictDurableObject(hubOf(user));
    await pass(user, minute);
    expect(await standing(user)).toHaveLength(1);
    expect(await digestAt(user)).toBeNull();
    expect((await hubOf(user).deliver([message()])).verdicts).toEqual([{ verdict: "committed", seq: 3 }]);
  });

  test("when the commit of a held message fails: nothing is due then", async () => {
    const user = await aUserWith({ quietHours: night });
    const repair = await breakStatements(user, /INSERT INTO messages/);
    const held = message();
    await inside(user, async (hub) => {
      await expect(hub.deliver([held])).rejects.toThrow("SQLITE_FULL");
    });
    expect(await digestAt(user)).toBeNull();
    await inside(user, repair);
    await hubOf(user).deliver([held]);
    expect(await digestAt(user)).toBe(ends);
  });
});

describe("preferences that change in the night", () => {
  test.each([
    ["are forgotten", undefined],
    ["have no quiet hours any more", { muted: ["billing"] }],
    ["have others, which are over", { quietHours: { ...night, to: "22:30" } }],
  ])("announce what was held at once where they %s", async (_, sent) => {
    const user = await aUserWith({ quietHours: night });
    const device = await connect(user);
    const held = message();
    await hubOf(user).deliver([held]);
    await hubOf(user).setPreferences(sent === undefined ? undefined : userPreferences.parse(sent));
    await device.until(() => device.cursor === 2);
    const now = Date.now();
    expect(digests(device)).toEqual([{ count: 1, ids: [held.id], from: now, to: now }]);
    await pass(user, ends - Date.now());
    expect(await standing(user)).toHaveLength(1);
  });

  test("move the digest where the night gets longer or shorter", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).deliver([message()]);
    await hubOf(user).setPreferences(userPreferences.parse({ quietHours: { ...night, to: "09:00" } }));
    expect(await digestAt(user)).toBe(ends + 2 * hour);
    await pass(user, ends + hour - Date.now());
    expect(await standing(user)).toEqual([]);
    vi.setSystemTime(begins + 2 * hour);
    await hubOf(user).setPreferences(userPreferences.parse({ quietHours: { ...night, to: "03:00" } }));
    expect(await digestAt(user)).toBe(ends - 4 * hour);
    expect(await alarmOf(user)).toBeLessThanOrEqual(ends - 4 * hour);
    await pass(user, ends - 4 * hour - Date.now());
    expect(await standing(user)).toHaveLength(1);
  });

  test("do nothing where nothing was held", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).setPreferences(undefined);
    expect(await tablesOf(user)).not.toHaveLength(0);
    expect(await digestAt(user)).toBeNull();
    expect((await hubOf(user).presence()).head).toBe(0);
  });

  test("are as they were where they can't be stored", async () => {
    const user = await aUserWith({ muted: ["billing"] }, evening);
    const repair = await breakStatements(user, /INSERT INTO preferences/);
    await inside(user, async (hub) => {
      await expect(hub.setPreferences(userPreferences.parse({ muted: [] }))).rejects.toThrow("SQLITE_FULL");
    });
    await inside(user, repair);
    expect(await hubOf(user).preferences()).toEqual({ muted: ["billing"] });
  });
});

describe("preferences are kept", () => {
  test("for as long as the user wants them, without a connection or a message, and without waking for it", async () => {
    const user = await aUserWith({ muted: ["billing"] }, evening);
    expect(await alarmOf(user)).toBeNull();
    const device = await connect(user);
    device.close(1000);
    await device.closing();
    await pass(user, 40 * day);
    await pass(user, 40 * day);
    expect(await hubOf(user).preferences()).toEqual({ muted: ["billing"] });
    await hubOf(user).setPreferences(undefined);
    await pass(user, 2 * day);
    expect(await tablesOf(user)).toEqual([]);
  });

  test("nowhere for a user who has none: asking and forgetting store nothing", async () => {
    const user = aUser();
    expect(await hubOf(user).preferences()).toEqual(noPreferences);
    expect(await hubOf(user).setPreferences(undefined)).toEqual(noPreferences);
    expect(await tablesOf(user)).toEqual([]);
    expect(await alarmOf(user)).toBeNull();
  });

  test("until the user is erased, with what was held", async () => {
    const user = await aUserWith({ quietHours: night, muted: ["billing"] });
    await hubOf(user).deliver([message()]);
    await hubOf(user).erase();
    expect(await hubOf(user).preferences()).toEqual(noPreferences);
    expect(await dump(user)).not.toContain("billing");
    expect(await digestAt(user)).toBeNull();
    await pass(user, ends - Date.now());
    expect(await standing(user)).toEqual([]);
  });

  test("and announce everything where they can't be read", async () => {
    const user = await aUserWith({ quietHours: night });
    await query(user, `UPDATE preferences SET value = '{"quietHours":{"timeZone":"Europe/Atlantis"}}'`);
    await evictDurableObject(hubOf(user));
    await quietly(() => hubOf(user).deliver([message()]));
    expect(await hubOf(user).preferences()).toEqual(noPreferences);
    expect(await query(user, "SELECT attention FROM messages")).toEqual([{ attention: null }]);
  });
});

describe("rows written", () => {
  test("a user without preferences pays nothing for them, and one with them nothing for what is announced or silent", async () => {
    const without = aUser();
    await hubOf(without).deliver([message()]);
    const plain = await meter(without);
    await hubOf(without).deliver(messages(10));
    expect(plain).toMatchObject({ rows: 20, alarms: 0, transactions: 1 });

    const user = await aUserWith({ quietHours: night, muted: ["billing"] }, evening);
    await hubOf(user).deliver([message()]);
    const written = await meter(user);
    await hubOf(user).deliver([...messages(5), ...messages(5, { category: category.parse("billing") })]);
    expect(written).toMatchObject({ rows: 20, alarms: 0, transactions: 1 });
  });

  test("the first message that is held in a night costs one more and an alarm, the others none", async () => {
    const user = await aUserWith({ quietHours: night });
    const written = await meter(user);
    await hubOf(user).deliver([message()]);
    expect(written).toMatchObject({ rows: 3, alarms: 1, transactions: 1 });
    written.reset();
    await hubOf(user).deliver(messages(20));
    await hubOf(user).deliver([message()]);
    expect(written).toMatchObject({ rows: 42, alarms: 0 });
  });

  test("a digest costs three, and one alarm", async () => {
    const user = await aUserWith({ quietHours: night });
    await hubOf(user).deliver(messages(20));
    const written = await meter(user);
    await pass(user, ends - Date.now());
    expect(written).toMatchObject({ rows: 3, alarms: 1 });
    expect(await standing(user)).toHaveLength(1);
  });
});
