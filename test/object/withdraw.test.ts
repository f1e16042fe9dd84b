/** Second thoughts: what is retracted, replaced, or handled on one device goes from all of them, and what comes late does not come at all. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Inbox } from "../../src/hub/inbox.ts";
import { withdrawal } from "../../src/lanes/withdrawal.ts";
import { inboxLimits, messageLimits } from "../../src/limits.ts";
import type { MessageId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { accepted, api, inboxOf, problem, publish } from "../support/api.ts";
import { apiKeys } from "../support/credentials.ts";
import { aUser, caughtUp, connect, type Device, hubOf, leave } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { idOf, message, messages, progress } from "../support/messages.ts";
import { breakStatements, fates, faultOf, inside, pass, query } from "../support/storage.ts";
import { committed } from "../support/stream.ts";

const day = 24 * 3_600_000;

afterEach(() => {
  vi.useRealTimers();
});

/** The word that goes to who is not sent what replaces it. */
function replacement(of: MessageId): AcceptedMessage {
  return withdrawal(of, "replaced", { now: Date.now(), audience: '{"topic":"news"}' });
}

function retraction(of: MessageId, changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  return { ...withdrawal(of, "retracted", { now: Date.now(), audience: "" }), ...changes };
}

/** What a device was told to take down. */
function withdrawn(device: Device): unknown[] {
  return device
    .all("messages")
    .flatMap((frame) => frame.messages)
    .flatMap(({ type, data }) => (type === "hubbub.withdrawn" ? [data] : []));
}

describe("a retraction", () => {
  test("takes the message from every device: a word to those that may have it, a gap for those that don't", async () => {
    const user = aUser();
    const sent = messages(3);
    const away = await connect(user, { device: "away" });
    const laptop = await connect(user);
    await hubOf(user).deliver(sent);
    await Promise.all([caughtUp(laptop, 3), caughtUp(away, 3)]);
    await leave(away);
    const { id } = sent[1] ?? message();
    expect((await hubOf(user).deliver([retraction(id)])).verdicts).toEqual(committed([4]));
    await laptop.until(() => laptop.cursor === 4);
    const again = await connect(user, { device: "away", resume: away.resume });
    await again.until(() => again.cursor === 4);
    expect([withdrawn(laptop), withdrawn(again)]).toEqual([
      [{ id, reason: "retracted" }],
      [{ id, reason: "retracted" }],
    ]);
    const fresh = await connect(user, { device: "new" });
    await fresh.until(() => fresh.cursor === 4);
    expect(fresh.arrivals.map(({ what }) => what)).toEqual([
      sent[0]?.id,
      "retracted",
      sent[2]?.id,
      retraction(id).id,
    ]);
    expect(await hubOf(user).messageState(id)).toMatchObject({ state: "retracted", seq: 2 });
    expect(await query(user, "SELECT body FROM messages WHERE seq = 2")).toEqual([{ body: "" }]);
  });

  test("is nothing to read: not unread, not in the inbox, and not to be marked", async () => {
    const user = aUser();
    const device = await connect(user);
    const [kept, wrong] = [message(), message()];
    await hubOf(user).deliver([kept, wrong]);
    const word = retraction(wrong.id);
    await hubOf(user).deliver([word]);
    await caughtUp(device, 3);
    expect(device.last("messages").unread).toBe(1);
    const page = await hubOf(user).inbox({ limit: 10, unread: false });
    expect(page).toMatchObject({ messages: [{ id: kept.id }], state: { unread: 1, rev: 0 } });
    expect(await hubOf(user).read({ ids: [word.id] })).toMatchObject({ unread: 1, rev: 0 });
    expect(await hubOf(user).messageState(word.id)).toMatchObject({
      state: "acknowledged",
      devices: [{ device: "laptop", state: "acknowledged" }],
    });
    // By what is stored, too, and not only as it is remembered.
    await evictDurableObject(hubOf(user));
    expect((await hubOf(user).presence()).unread).toBe(1);
  });

  test("that arrives twice is a duplicate, and one under another id changes nothing", async () => {
    const user = aUser();
    const sent = message();
    await hubOf(user).deliver([sent]);
    const word = retraction(sent.id);
    const { verdicts } = await hubOf(user).deliver([word, word, { ...word, id: idOf("another-word") }]);
    expect(verdicts).toEqual([
      { verdict: "committed", seq: 2 },
      { verdict: "duplicate", seq: 2 },
      { verdict: "withdrawn" },
    ]);
    expect((await hubOf(user).presence()).head).toBe(2);
  });

  test("that comes first bars the message, through sleep, until no copy can come any more", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const [late, live] = [message(), message({ live: true })];
    const { verdicts } = await hubOf(user).deliver([retraction(late.id), retraction(live.id)]);
    expect(verdicts).toEqual([{ verdict: "withdrawn" }, { verdict: "withdrawn" }]);
    await evictDurableObject(hubOf(user));
    expect((await hubOf(user).deliver([late, live])).verdicts).toEqual([
      { verdict: "withdrawn" },
      { verdict: "withdrawn" },
    ]);
    const presence = await hubOf(user).presence();
    expect(presence).toMatchObject({ head: 0, unread: 0 });
    const begin = Date.now();
    expect(await hubOf(user).messageState(late.id)).toEqual({
      id: late.id,
      state: "retracted",
      at: expect.any(Number),
      delivered: [],
      devices: [],
    });
    await pass(user, inboxLimits.dedupeHorizonMs - 60_000);
    expect(await query(user, "SELECT id FROM withdrawn")).toHaveLength(2);
    await pass(user, 180_000);
    expect(await hubOf(user).messageState(late.id)).toBeUndefined();
    expect(Date.now() - begin).toBeLessThan(inboxLimits.dedupeHorizonMs + day);
  });

  test("of what is collapsed, evicted or expired tells devices, which may show it; one of a word, or of what is retracted already, does not", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const [old, brief] = [progress(1), message({ expires: Date.now() + 1_000 })];
    const gone = message();
    await hubOf(user).deliver([old, progress(2), brief, gone]);
    const word = retraction(gone.id);
    await hubOf(user).deliver([word]);
    vi.setSystemTime(Date.now() + 1_000);
    const ended = [old.id, brief.id].map((id) => retraction(id));
    expect((await hubOf(user).deliver(ended)).verdicts).toEqual(committed([6, 7]));
    const again = withdrawal(gone.id, "retracted", { now: Date.now(), audience: "another" });
    const others = [retraction(word.id), again];
    const { verdicts } = await hubOf(user).deliver(others);
    expect(verdicts).toEqual(others.map(() => ({ verdict: "withdrawn" })));
    expect(await hubOf(user).presence()).toMatchObject({ head: 7, unread: 1 });
  });

  test("takes no place in a full inbox, and gives up the place of the message", async () => {
    const user = aUser();
    await hubOf(user).presence();
    await inside(user, (_, { storage }) => {
      const inbox = new Inbox(storage, 3);
      const now = Date.now();
      const sent = messages(3, { priority: "critical" });
      inbox.commit(sent, now);
      for (const { id } of sent) inbox.commit([retraction(id)], now);
      // The words are three rows by now, and none of them is in the way of the next three, or goes for the fourth.
      const next = [...messages(3), message({ priority: "high" })];
      const { verdicts, withdrawn: evicted } = inbox.commit(next, now);
      expect(verdicts).toEqual(committed([7, 8, 9, 10]));
      expect(evicted).toEqual([{ seq: 7, reason: "evicted" }]);
      // As it is found out from the rows.
      expect(new Inbox(storage, 3).commit([message()], now).withdrawn).toEqual([
        { seq: 8, reason: "evicted" },
      ]);
    });
  });

  test("of a message of before the user was erased is gone with it", async () => {
    const user = aUser();
    const sent = message();
    await hubOf(user).deliver([sent]);
    const word = retraction(sent.id);
    await hubOf(user).erase();
    expect((await hubOf(user).deliver([word])).verdicts).toEqual([{ verdict: "gone" }]);
    expect(await query(user, "SELECT * FROM withdrawn")).toEqual([]);
  });
});

describe("a replacement", () => {
  test("and the word of it leave the new message alone, whichever comes first, and whether the old one has come", async () => {
    for (const wordFirst of [true, false]) {
      for (const came of [true, false]) {
        const user = aUser();
        const device = await connect(user);
        const first = message();
        const second = message({ replaces: first.id });
        if (came) await hubOf(user).deliver([first]);
        const both = [second, replacement(first.id)];
        for (const one of wordFirst ? both.toReversed() : both) await hubOf(user).deliver([one]);
        await hubOf(user).deliver(both);
        if (!came) await hubOf(user).deliver([first]);
        const page = await hubOf(user).inbox({ limit: 10, unread: false });
        expect(page).toMatchObject({ messages: [{ id: second.id }], state: { unread: 1 } });
        expect(await hubOf(user).messageState(first.id)).toMatchObject({ state: "replaced" });
        await caughtUp(device, wordFirst && came ? 3 : came ? 2 : 1);
        const told = withdrawn(device);
        expect(told).toEqual(wordFirst && came ? [{ id: first.id, reason: "replaced" }] : []);
      }
    }
  });

  test("comes in the place of the other message, and says so", async () => {
    const user = aUser();
    const device = await connect(user);
    const first = message();
    await hubOf(user).deliver([first]);
    await device.until(() => device.cursor === 1);
    const second = message({ replaces: first.id });
    await hubOf(user).deliver([second]);
    await device.until(() => device.cursor === 2);
    expect(device.last("messages").messages[0]).toMatchObject({ id: second.id, replaces: first.id });
    const page = await hubOf(user).inbox({ limit: 10, unread: true });
    expect(page).toMatchObject({ messages: [{ id: second.id, replaces: first.id }], state: { unread: 1 } });
    expect(await hubOf(user).messageState(first.id)).toMatchObject({ state: "replaced" });
  });

  test("that overtakes the other message keeps that one from coming", async () => {
    const user = aUser();
    const first = message();
    await hubOf(user).deliver([message({ replaces: first.id })]);
    expect((await hubOf(user).deliver([first])).verdicts).toEqual([{ verdict: "withdrawn" }]);
    expect(await hubOf(user).messageState(first.id)).toMatchObject({ state: "replaced" });
  });

  test("that is retracted before it comes takes the other message with it", async () => {
    const user = aUser();
    const device = await connect(user);
    const first = message();
    const second = message({ replaces: first.id });
    await hubOf(user).deliver([first, retraction(second.id)]);
    expect((await hubOf(user).deliver([second])).verdicts).toEqual([{ verdict: "withdrawn" }]);
    await device.until(() => device.cursor === 2);
    expect(withdrawn(device)).toEqual([{ id: first.id, reason: "replaced" }]);
  });
});

describe("a message that one device settles for all", () => {
  test("is withdrawn from the others with the first acknowledgement, offline ones included", async () => {
    const user = aUser();
    const [laptop, phone] = [await connect(user), await connect(user, { device: "phone" })];
    const sent = message({ cancelOn: "ack" });
    await hubOf(user).deliver([sent]);
    await Promise.all([laptop.until(() => laptop.cursor === 1), phone.until(() => phone.cursor === 1)]);
    await leave(phone);
    await laptop.ask({ type: "ack", epoch: laptop.resume.epoch, seq: 1 });
    await laptop.until(() => laptop.cursor === 2);
    const back = await connect(user, { device: "phone", resume: phone.resume });
    await back.until(() => back.cursor === 2);
    // Both hear of it; the laptop by its name that it was the one.
    const word = { id: sent.id, reason: "handled", device: "laptop" };
    expect([withdrawn(laptop), withdrawn(back)]).toEqual([[word], [word]]);
    const late = await connect(user, { device: "late" });
    await late.until(() => late.cursor === 2);
    expect(late.arrivals[0]).toEqual({ seq: 1, what: "handled" });
    expect(await hubOf(user).messageState(sent.id)).toMatchObject({
      state: "handled",
      delivered: [{ device: "laptop" }],
    });
    expect((await hubOf(user).presence()).unread).toBe(0);
    expect(await query(user, "SELECT * FROM watched")).toEqual([]);
  });

  test("is settled once, however many acknowledge it at the same time", async () => {
    const user = aUser();
    const devices = [await connect(user), await connect(user, { device: "phone" })];
    await hubOf(user).deliver([message({ cancelOn: "ack" })]);
    await Promise.all(devices.map((device) => device.until(() => device.cursor === 1)));
    for (const device of devices) device.ack(1);
    await Promise.all(devices.map((device) => device.settled()));
    expect((await hubOf(user).presence()).head).toBe(2);
  });

  test("is not settled by an acknowledgement of what came before it, nor by its copy ahead of its turn", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(70));
    await device.until(() => device.cursor === 64);
    await hubOf(user).deliver([message({ cancelOn: "ack", priority: "critical" })]);
    await device.until(() => device.all("express").length === 1);
    await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 64 });
    // It has the copy and says so; what counts is where it is in the stream.
    await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 70 });
    expect((await hubOf(user).presence()).head).toBe(71);
    await caughtUp(device, 71);
    await device.until(() => device.cursor === 72);
    expect(withdrawn(device)).toHaveLength(1);
  });

  test("is settled by a device that comes back and has it, though its acknowledgement was lost; past sleep as well", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message({ cancelOn: "ack" })]);
    await device.until(() => device.cursor === 1);
    await leave(device);
    await evictDurableObject(hubOf(user));
    const again = await connect(user, { resume: device.resume });
    await again.until(() => again.cursor === 2);
    expect(withdrawn(again)).toHaveLength(1);
  });

  test("is withdrawn when it is read: by a frame, over HTTP, or all up to a number", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = messages(3, { cancelOn: "read" });
    await hubOf(user).deliver([...sent, message(), message({ cancelOn: "ack" })]);
    await device.until(() => device.cursor === 5);
    const [first, second, third] = sent.map(({ id }) => id);
    await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 4 });
    expect((await hubOf(user).presence()).head).toBe(5);
    await device.ask({ type: "read", ids: [third] });
    await device.until(() => device.cursor === 6);
    await api("POST", `/v1/users/${user}/read`, { json: { ids: [first] } });
    await device.until(() => device.cursor === 7);
    expect(await hubOf(user).read({ upTo: 4 })).toMatchObject({ unread: 1, readUpTo: 4 });
    await device.until(() => device.cursor === 8);
    expect(withdrawn(device)).toEqual([third, first, second].map((id) => ({ id, reason: "handled" })));
    // A plain one that is read stays, and so does one that waits for an acknowledgement.
    expect((await inboxOf(user)).map(({ seq }) => seq)).toEqual([5, 4]);
  });

  test("that has expired is not settled any more", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message({ cancelOn: "ack", expires: Date.now() + 1_000 })]);
    await device.until(() => device.cursor === 1);
    vi.setSystemTime(Date.now() + 1_000);
    await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 1 });
    expect((await hubOf(user).presence()).head).toBe(1);
    await pass(user, 120_000);
    expect(await query(user, "SELECT * FROM watched")).toEqual([]);
    expect([...(await fates(user))]).toEqual([[1, "expired"]]);
  });

  test("that can't be marked as settled stays what it was, and the next acknowledgement does it", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message({ cancelOn: "ack" })]);
    await device.until(() => device.cursor === 1);
    const repair = await breakStatements(user, /^\s*INSERT INTO messages/);
    const spy = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 1 });
    expect(answer).toMatchObject({ type: "error", code: "internal" });
    spy.mockRestore();
    repair();
    expect([...(await fates(user))]).toEqual([[1, null]]);
    expect(await hubOf(user).presence()).toMatchObject({ head: 1, unread: 1 });
    await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 1 });
    await device.until(() => device.cursor === 2);
  });
});

test("a commit that fails bars and retracts nothing", async () => {
  const user = aUser();
  const [sent, late] = [message(), message()];
  await hubOf(user).deliver([sent]);
  const repair = await breakStatements(user, /^\s*UPDATE messages SET gone/);
  expect(await faultOf(user, (hub) => hub.deliver([retraction(late.id), retraction(sent.id)]))).toContain(
    "SQLITE_FULL",
  );
  repair();
  expect((await hubOf(user).deliver([late])).verdicts).toEqual(committed([2]));
  expect((await hubOf(user).presence()).unread).toBe(2);
});

describe("POST /v1/messages/:id/retract", () => {
  test("reaches a few named users at once, and says what came of it", async () => {
    const [one, other] = [aUser(), aUser()];
    const { id } = await accepted(
      publish({ to: { users: [one, other] }, type: "order.shipped", priority: "critical" }),
    );
    const retract = () =>
      api("POST", `/v1/messages/${id}/retract`, { json: { to: { users: [one, other] } } });
    const receipt = await accepted(retract());
    expect(receipt).toMatchObject({
      recipients: 2,
      state: "settled",
      results: [
        { user: one, state: "delivered", seq: 2 },
        { user: other, state: "delivered", seq: 2 },
      ],
    });
    expect(await accepted(retract())).toMatchObject({
      id: receipt.id,
      results: [{ state: "duplicate" }, { state: "duplicate" }],
    });
    expect(await inboxOf(one)).toEqual([]);
    const early = await accepted(
      api("POST", "/v1/messages/never-seen/retract", { json: { to: { user: one }, priority: "low" } }),
    );
    expect(early).toMatchObject({ results: [{ user: one, state: "withdrawn" }] });
    expect(early.expires).toBeGreaterThan(Date.now() + (messageLimits.maxTtlSeconds - 60) * 1_000);
  });

  test("reaches many users by their lane", async () => {
    const users = Array.from({ length: 11 }, aUser);
    const { id } = await accepted(publish({ to: { users }, type: "order.shipped" }));
    await eventually(async () => (await inboxOf(users[10] ?? "")).length === 1);
    const receipt = await accepted(api("POST", `/v1/messages/${id}/retract`, { json: { to: { users } } }));
    expect(receipt).toMatchObject({ recipients: 11, state: "queued" });
    await eventually(async () => (await inboxOf(users[10] ?? "")).length === 0);
  });

  test("takes a good id and audience, from who may publish to it", async () => {
    const call = (path: string, json: unknown, credential?: string) =>
      problem(api("POST", path, { json, ...(credential === undefined ? {} : { credential }) }));
    const path = "/v1/messages/message-1/retract";
    expect(await call("/v1/messages/short/retract", { to: { user: "a" } })).toMatchObject({
      code: "invalid_request",
    });
    expect(await call(path, { to: { user: "a" }, urgent: true })).toMatchObject({ code: "invalid_body" });
    expect(await call(path, {})).toMatchObject({ code: "invalid_body" });
    expect(await call(path, { to: { user: "a" } }, apiKeys.reader)).toMatchObject({
      code: "insufficient_scope",
    });
    expect(await call(path, { to: { everyone: true } }, apiKeys.publish)).toMatchObject({
      code: "insufficient_scope",
    });
  });
});
