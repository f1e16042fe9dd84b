/** `GET /v1/users/:user/export` and its counterpart, erasure: everything that is held of a user, told whole, and gone whole. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import { deadLettersName } from "../../src/lanes/dead-letter.ts";
import { withdrawal } from "../../src/lanes/withdrawal.ts";
import { exportLimits } from "../../src/limits.ts";
import { category, topic, type UserId } from "../../src/protocol/ids.ts";
import { api, broken, problem, quietly } from "../support/api.ts";
import { origin } from "../support/connect.ts";
import { apiKeys, withKey } from "../support/credentials.ts";
import { aUser, caughtUp, connect, hubOf, leave } from "../support/device.ts";
import { message, messageOf, progress } from "../support/messages.ts";
import { breakStatements, faultOf, query, tablesOf } from "../support/storage.ts";
import { committed } from "../support/stream.ts";

interface Line {
  readonly kind: string;
  readonly id?: string;
  readonly seq?: number;
  readonly key?: string;
}

afterEach(() => {
  vi.restoreAllMocks();
});

async function exported(user: UserId): Promise<Line[]> {
  const answer = await api("GET", `/v1/users/${user}/export`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toBe("application/x-ndjson");
  const text = await answer.text();
  expect(text.endsWith("\n")).toBe(true);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function ofKind(lines: readonly Line[], kind: string): Line[] {
  return lines.filter((line) => line.kind === kind);
}

describe("an export", () => {
  test("of a user whom nobody knows has a beginning and an end, and leaves no storage", async () => {
    const user = aUser();
    expect(await exported(user)).toEqual([
      { kind: "user", user, exported: expect.any(Number) },
      { kind: "end", records: 0 },
    ]);
    expect(await tablesOf(user)).toEqual([]);
  });

  test("tells everything: the stream with what is gone of it, devices, what is kept beside, dead letters", async () => {
    const user = aUser();
    const device = await connect(user, { device: "phone", token: { singleUse: true } });
    const [old, latest] = [progress(1), progress(2)];
    const read = message({ cancelOn: "ack", category: category.parse("billing") });
    const wrong = message();
    const never = withdrawal(message().id, "retracted", { now: Date.now(), audience: "" });
    const word = withdrawal(wrong.id, "retracted", { now: Date.now(), audience: "" });
    const deliverAt = Date.now() + 3_600_000;
    const later = message({ deliverAt, expires: deliverAt + 1, body: '{"title":"later"}' });
    await hubOf(user).deliver([old, latest, read, wrong, never, word, later]);
    await caughtUp(device, 1);
    await hubOf(user).read({ ids: [read.id] });
    const replacing = message({ replaces: latest.id });
    await hubOf(user).deliver([replacing]);
    const dead = {
      message: message(),
      users: [user],
      reason: "inbox_full",
      attempts: 1,
      error: "",
      at: Date.now(),
    } as const;
    await env.DEAD_LETTERS.getByName(deadLettersName).store([dead]);

    const lines = await exported(user);
    expect(lines[0]).toMatchObject({ kind: "user", user });
    expect(lines.at(-1)).toEqual({ kind: "end", records: lines.length - 2 });
    expect(ofKind(lines, "inbox")).toEqual([
      {
        ...{ kind: "inbox", epoch: device.resume.epoch, head: 6, floor: 0, readUpTo: 0, rev: 1 },
        ...{ erasedAt: 0, revokedBefore: 0, logSeen: 0 },
      },
    ]);
    expect(ofKind(lines, "device")).toMatchObject([
      { device: "phone", online: true, cursor: 1, acknowledged: [[1, expect.any(Number)]] },
    ]);
    expect(ofKind(lines, "used_token")).toMatchObject([
      { id: expect.any(String), expires: expect.any(Number) },
    ]);
    expect(ofKind(lines, "withdrawn")).toEqual([
      { kind: "withdrawn", id: never.retracts, at: expect.any(Number), reason: "retracted" },
    ]);
    const { body: _, ...facts } = later;
    expect(ofKind(lines, "scheduled")).toEqual([
      { kind: "scheduled", due: deliverAt, message: { ...facts, data: { title: "later" } } },
    ]);
    expect(ofKind(lines, "dead_letter")).toMatchObject([
      { user, reason: "inbox_full", message: { id: dead.message.id, data: "hello" } },
    ]);
    const stream = ofKind(lines, "message");
    expect(stream).toMatchObject([
      { seq: 1, id: old.id, gone: "collapsed", collapseKey: "build-7", read: false },
      { seq: 2, id: latest.id, gone: "replaced", goneAt: expect.any(Number) },
      { seq: 3, id: read.id, category: "billing", cancelOn: "ack", read: true, readAt: expect.any(Number) },
      { seq: 4, id: wrong.id, gone: "retracted" },
      { seq: 5, id: word.id, type: "hubbub.withdrawn", data: { id: wrong.id, reason: "retracted" } },
      { seq: 6, id: replacing.id, replaces: latest.id, data: "hello", read: false },
    ]);
    expect(stream.filter((line) => "data" in line).map((line) => line.seq)).toEqual([3, 5, 6]);
  });

  test("of what would be too much at once comes in pages, whole", async () => {
    const user = aUser();
    const count = 40;
    const bytes = 60_000;
    const sent = Array.from({ length: count }, () => messageOf(bytes));
    await hubOf(user).deliver(sent);
    const deliverAt = Date.now() + 3_600_000;
    const later = Array.from({ length: count }, () =>
      messageOf(bytes, { deliverAt, expires: deliverAt + 1 }),
    );
    await hubOf(user).deliver(later);
    const letters = env.DEAD_LETTERS.getByName(deadLettersName);
    const death = { users: [user], reason: "inbox_full", attempts: 1, error: "", at: Date.now() } as const;
    const dead = Array.from({ length: exportLimits.pageLetters + 1 }, () => ({
      ...death,
      message: message(),
    }));
    await letters.store(dead);

    const page = await hubOf(user).export();
    expect(page.lines.join("").length).toBeLessThan(exportLimits.pageLength + 2 * bytes);
    expect(page.next).toBeDefined();
    const lines = await exported(user);
    expect(ofKind(lines, "message").map((line) => line.id)).toEqual(sent.map(({ id }) => id));
    expect(ofKind(lines, "scheduled")).toHaveLength(count);
    expect(new Set(ofKind(lines, "dead_letter").map((line) => line.key)).size).toBe(dead.length);
  });

  test("asks for a page only when what was read before has been taken", async () => {
    const user = aUser();
    await hubOf(user).deliver(Array.from({ length: 60 }, () => messageOf(60_000)));
    let pages = 0;
    const counting = new Proxy(env.USER_HUB, {
      get: (hubs, name) =>
        name !== "getByName"
          ? Reflect.get(hubs, name)
          : (of: string) => {
              pages += 1;
              return hubs.getByName(of);
            },
    });
    // Past the support for calls, which reads every answer to hold it against its description.
    const request = new Request(`${origin}/v1/users/${user}/export`, { headers: withKey() });
    const answer = await app.fetch(request, { ...env, USER_HUB: counting });
    const reader = answer.body?.getReader();
    expect(pages).toBe(1);
    await reader?.read();
    expect(pages).toBe(1);
    await reader?.read();
    expect(pages).toBe(2);
    await reader?.cancel();
    expect(pages).toBe(2);
  });

  test("is for keys that may read users, and says so when the object fails", async () => {
    const path = `/v1/users/${aUser()}/export`;
    expect(await problem(api("GET", path, { credential: apiKeys.publish }))).toMatchObject({
      code: "insufficient_scope",
    });
    expect((await api("GET", path, { credential: apiKeys.reader })).status).toBe(200);
    expect(await problem(api("GET", "/v1/users/a%2fb/export"))).toMatchObject({ code: "invalid_request" });
    const bindings = { USER_HUB: broken(env.USER_HUB, new Error("down")) };
    expect(await quietly(() => problem(api("GET", path, { bindings })))).toMatchObject({ code: "internal" });
  });
});

describe("erasure", () => {
  test("leaves nothing of what an export tells, but that it was done", async () => {
    const user = aUser();
    const device = await connect(user, { token: { singleUse: true } });
    const deliverAt = Date.now() + 3_600_000;
    const never = withdrawal(message().id, "retracted", { now: Date.now(), audience: "" });
    const later = message({ deliverAt, expires: deliverAt + 1 });
    await hubOf(user).deliver([message({ cancelOn: "read" }), never, later]);
    await device.until(() => device.cursor === 1);
    expect((await api("DELETE", `/v1/users/${user}`)).status).toBe(200);
    expect((await exported(user)).map((line) => line.kind)).toEqual(["user", "inbox", "end"]);
  });

  test("that fails half way changes nothing, on disk or in memory", async () => {
    const user = aUser();
    const device = await connect(user);
    const deliverAt = Date.now() + 3_600_000;
    const later = message({ deliverAt, expires: deliverAt + 1 });
    const sent = message({ cancelOn: "ack", topic: topic.parse("news") });
    await hubOf(user).changeTopics([{ topic: topic.parse("news"), member: true }], 10);
    await hubOf(user).deliver([sent, later]);
    await leave(device);
    // The last thing that is done, inside both transactions.
    const repair = await breakStatements(user, /UPDATE meta SET epoch/);
    expect(await faultOf(user, (hub) => hub.erase())).toContain("SQLITE_FULL");
    repair();
    expect(await query(user, "SELECT id FROM scheduled")).toEqual([{ id: later.id }]);
    expect((await hubOf(user).deliver([later])).verdicts).toEqual([{ verdict: "scheduled" }]);
    expect(await hubOf(user).topics()).toMatchObject([{ topic: "news", member: true }]);
    expect((await hubOf(user).deliver([message({ topic: topic.parse("news") })])).verdicts).toEqual(
      committed([2]),
    );
    expect(await hubOf(user).presence()).toMatchObject({ head: 2, unread: 2 });
    const again = await connect(user, { resume: { ...device.resume, seq: 1 } });
    await again.until(() => again.cursor === 3);
    expect(again.arrivals.at(-1)).toMatchObject({ seq: 3 });
  });
});
