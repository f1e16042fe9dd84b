/** The console's calls against answers made by hand: what is asked for, and what is made of each kind of answer. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { UnreadableAnswer } from "../../../../src/pages/console/answers.ts";
import { apiWith } from "../../../../src/pages/console/api.ts";
import { HubError } from "../../../../src/publisher/hub-error.ts";

afterEach(() => vi.unstubAllGlobals());

interface Asked {
  readonly path: string;
  readonly init: RequestInit;
}

/** The API with a hub that gives this answer, and what it was asked. */
function hubAnswering(
  status: number,
  body?: unknown,
  text = body === undefined ? null : JSON.stringify(body),
) {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push({ path, init });
    const type = status < 400 ? "application/json" : "application/problem+json";
    return new Response(text, {
      status,
      headers: { "Content-Type": type },
    });
  });
  const refused = vi.fn();
  return { api: apiWith("hub_key", refused), asked, refused };
}

const problem = (code: string) => ({ code, detail: "no" });

const inbox = { messages: [], state: { unread: 0, readUpTo: 0, rev: 0 } };

describe("what is asked for", () => {
  test("is asked for with the key, and a body is JSON with the name of the attempt", async () => {
    const { api, asked } = hubAnswering(202, { id: "m", recipients: 1, state: "queued" });
    const body = { to: { user: "alice" }, type: "t", priority: "low", data: null };
    expect(await api.send(body, "attempt-1")).toEqual({ id: "m", recipients: 1, state: "queued" });
    expect(asked[0]?.path).toBe("/v1/messages");
    expect(asked[0]?.init).toMatchObject({
      method: "POST",
      headers: {
        Authorization: "Bearer hub_key",
        "Content-Type": "application/json",
        "Idempotency-Key": "attempt-1",
      },
      body: JSON.stringify(body),
    });
  });

  test("names users and ids so that none of them leads to another path", async () => {
    const { api, asked } = hubAnswering(200, { id: "m", state: "stored", at: 1 });
    await api.messageState("a/b?c", "d#e");
    expect(asked[0]?.path).toBe("/v1/users/a%2Fb%3Fc/messages/d%23e");
    expect(asked[0]?.init.headers).toEqual({ Authorization: "Bearer hub_key" });
  });

  test("leaves out what is not asked for", async () => {
    const { api, asked } = hubAnswering(200, inbox);
    await api.inbox("alice", { unread: false });
    await api.inbox("alice", { cursor: 7, unread: true });
    expect(asked.map(({ path }) => path)).toEqual([
      "/v1/users/alice/messages?unread=false&limit=10",
      "/v1/users/alice/messages?cursor=7&unread=true&limit=10",
    ]);
    const dead = hubAnswering(200, { letters: [] });
    await dead.api.letters({ user: "", reason: "poison" });
    expect(dead.asked[0]?.path).toBe("/v1/dead-letters?reason=poison&limit=20");
  });
});

describe("an answer", () => {
  test("is handed on, with what a newer hub adds to it", async () => {
    const { api } = hubAnswering(200, { id: "k", scopes: ["publish", "some-day"], more: 1 });
    expect(await api.key()).toEqual({ id: "k", scopes: ["publish", "some-day"], more: 1 });
  });

  test("of presence has its devices, with their connections where there are some", async () => {
    const connection = { connection: "c", since: 1, state: "live", sent: 4, inFlight: 0 };
    const devices = [
      { device: "phone", online: true, lastSeen: 2, cursor: 4, connection },
      { device: "laptop", online: false, lastSeen: 1, cursor: 3 },
    ];
    const presence = { online: true, since: 1, head: 4, unread: 1, devices };
    expect(await hubAnswering(200, presence).api.presence("alice")).toEqual(presence);
    const broken = { ...presence, devices: [{ ...devices[0], connection: { state: "live" } }] };
    await expect(hubAnswering(200, broken).api.presence("alice")).rejects.toThrow(UnreadableAnswer);
  });

  test("of the lanes has all four, and a queue that gave no answer", async () => {
    const total = {
      accepted: 1,
      committed: 1,
      duplicate: 0,
      live: 0,
      expired: 0,
      gone: 0,
      dead: 0,
      retried: 0,
    };
    const lane = { backlog: null, total, recent: [] };
    const busy = { backlog: { envelopes: 2, bytes: 9, oldest: 5 }, total, recent: [] };
    const lanes = { at: 2, since: 1, lanes: { critical: lane, high: busy, normal: lane, low: lane } };
    expect(await hubAnswering(200, lanes).api.lanes()).toEqual(lanes);
    const three = { ...lanes, lanes: { critical: lane, high: lane, normal: lane } };
    await expect(hubAnswering(200, three).api.lanes()).rejects.toThrow(UnreadableAnswer);
  });

  test.each([
    [null],
    [[]],
    ["text"],
    [{ letters: {} }],
    [{ letters: [{ key: 1 }] }],
    [{ letters: [], next: null }],
  ])("of %j is no page of dead letters", async (body) => {
    const { api } = hubAnswering(200, body);
    await expect(api.letters({ user: "", reason: "" })).rejects.toThrow(UnreadableAnswer);
  });

  test("without a body says that it is done, and another says how much", async () => {
    const gone = hubAnswering(204);
    expect(await gone.api.discard("letter")).toBeUndefined();
    expect(gone.asked[0]).toMatchObject({ path: "/v1/dead-letters/letter", init: { method: "DELETE" } });
    const again = hubAnswering(202, { key: "letter", redrives: 1 });
    expect(await again.api.redrive("letter")).toBeUndefined();
    expect(again.asked[0]?.path).toBe("/v1/dead-letters/letter/redrive");
    const closed = hubAnswering(200, { closed: 2 });
    expect(await closed.api.disconnect("alice", true)).toBe(2);
    expect(closed.asked[0]?.path).toBe("/v1/users/alice/connections?revoke=true");
  });
});

describe("about audiences", () => {
  const receipt = { id: "m-0000001", state: "queued", expires: 9 };

  test("a message is taken back from those that it is for", async () => {
    const { api, asked } = hubAnswering(202, receipt);
    expect(await api.retract("m/1", { topic: "news" })).toEqual(receipt);
    expect(asked[0]).toMatchObject({
      path: "/v1/messages/m%2F1/retract",
      init: { method: "POST", body: '{"to":{"topic":"news"}}' },
    });
  });

  test("receipts are numbers by state, once there are some", async () => {
    const counted = { id: "m", at: 1, type: "t", recipients: 2, counts: { stored: 2, read: 1 } };
    const { api, asked } = hubAnswering(200, counted);
    expect(await api.receipts("m")).toEqual(counted);
    expect(asked[0]?.path).toBe("/v1/messages/m");
    expect(await hubAnswering(404, problem("not_found")).api.receipts("m")).toBeUndefined();
    const broken = hubAnswering(200, { ...counted, counts: { stored: "two" } });
    await expect(broken.api.receipts("m")).rejects.toThrow(UnreadableAnswer);
  });

  test("a topic tells how many members it has, and who they are, page by page", async () => {
    const counted = hubAnswering(200, { topic: "a b", members: 3 });
    expect(await counted.api.topic("a b")).toBe(3);
    expect(counted.asked[0]?.path).toBe("/v1/topics/a%20b");
    const page = { members: [{ user: "alice", presence: true }], next: "alice" };
    const { api, asked } = hubAnswering(200, page);
    expect(await api.members("news", undefined)).toEqual(page);
    await api.members("news", "alice");
    expect(asked.map(({ path }) => path)).toEqual([
      "/v1/topics/news/members?limit=10",
      "/v1/topics/news/members?cursor=alice&limit=10",
    ]);
  });

  test("members are added and removed, many at once", async () => {
    const answer = { done: 1, pending: ["bob"], failed: [{ user: "carol", reason: "limit" }] };
    const { api, asked } = hubAnswering(202, answer);
    expect(await api.changeMembers("news", { add: ["alice", "bob"] })).toEqual(answer);
    expect(asked[0]).toMatchObject({
      path: "/v1/topics/news/members",
      init: { method: "POST", body: '{"add":["alice","bob"]}' },
    });
  });

  test("users are online, offline, or not known", async () => {
    const presence = [
      { user: "alice", online: true, since: 1, asOf: 2 },
      { user: "bob", online: false },
      { user: "carol", unknown: true },
    ];
    const { api, asked } = hubAnswering(200, { presence });
    expect(await api.presenceOf(["alice", "bob", "carol"])).toEqual(presence);
    expect(asked[0]?.path).toBe("/v1/presence");
  });

  test("a user is in topics, and leaves one", async () => {
    const view = { topic: "news", member: true, presence: false, pending: false };
    expect(await hubAnswering(200, { topics: [view] }).api.topics("alice")).toEqual([view]);
    const { api, asked } = hubAnswering(202, { ...view, member: false, pending: true });
    expect(await api.leave("alice", "news")).toMatchObject({ pending: true });
    expect(asked[0]).toMatchObject({ path: "/v1/users/alice/topics/news", init: { method: "DELETE" } });
  });

  test("a user wants not to be disturbed, until that is forgotten", async () => {
    const preferences = {
      muted: ["news"],
      minPriority: "high",
      quietHours: { timeZone: "Europe/Berlin", from: "22:00", to: "07:00", days: [0] },
    };
    expect(await hubAnswering(200, preferences).api.preferences("alice")).toEqual(preferences);
    const { api, asked } = hubAnswering(200, { muted: [] });
    await api.forgetPreferences("alice");
    expect(asked[0]).toMatchObject({ path: "/v1/users/alice/preferences", init: { method: "DELETE" } });
  });

  test("an export is a file, and said to be cut off where it is", async () => {
    const whole = '{"kind":"user","user":"alice"}\n{"kind":"end","records":0}\n';
    const { api, asked } = hubAnswering(200, undefined, whole);
    const { file, records } = await api.exported("alice");
    expect({ text: await file.text(), records }).toEqual({ text: whole, records: 0 });
    expect(asked[0]?.path).toBe("/v1/users/alice/export");
    const cut = hubAnswering(200, undefined, whole.slice(0, -5));
    await expect(cut.api.exported("alice")).rejects.toThrow("The export was cut off. Ask for it again.");
  });
});

describe("a refusal", () => {
  test("is the hub's problem", async () => {
    const { api, refused } = hubAnswering(403, problem("insufficient_scope"));
    await expect(api.lanes()).rejects.toMatchObject({ status: 403, code: "insufficient_scope" });
    expect(refused).not.toHaveBeenCalled();
  });

  test("of the key is told besides", async () => {
    const { api, refused } = hubAnswering(401, problem("api_key_invalid"));
    await expect(api.key()).rejects.toThrow(HubError);
    expect(refused).toHaveBeenCalledOnce();
  });

  test("of a message that is not there means that it is on its way, and any other is a refusal", async () => {
    const away = hubAnswering(404, problem("not_found"));
    expect(await away.api.messageState("alice", "id")).toBeUndefined();
    const broken = hubAnswering(503, problem("user_unavailable"));
    await expect(broken.api.messageState("alice", "id")).rejects.toMatchObject({ status: 503 });
  });
});
