import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { Presence } from "../../../src/hub/views.ts";
import { deadLettersName } from "../../../src/lanes/dead-letter.ts";
import { accepted, api, broken, problem, publish, quietly, to } from "../../support/api.ts";
import { connect, offering, open, tryConnect } from "../../support/connect.ts";
import { apiKeys, tokenFor } from "../../support/credentials.ts";
import { eventually } from "../../support/eventually.ts";
import { aMessage, users } from "../../support/lanes.ts";

/** Puts critical messages into a user's inbox, where they are when this returns. */
async function fill(user: string, data: readonly unknown[]): Promise<string[]> {
  const ids: string[] = [];
  for (const one of data) {
    ids.push((await accepted(publish({ ...to(user), priority: "critical", data: one }))).id);
  }
  return ids;
}

async function get(path: string, credential?: string): Promise<unknown> {
  const response = await api("GET", path, credential === undefined ? {} : { credential });
  expect(response.status).toBe(200);
  return response.json();
}

async function presenceOf(user: string): Promise<Presence> {
  return (await api("GET", `/v1/users/${user}`)).json<Presence>();
}

describe("presence", () => {
  test("of a user whom nobody has heard of is that of one who is offline", async () => {
    expect(await get("/v1/users/nobody")).toEqual({ online: false, head: 0, unread: 0, devices: [] });
  });

  test("tells who is online, since when and on which devices", async () => {
    const before = Date.now();
    const device = await connect("present");
    expect(await get("/v1/users/present", apiKeys.reader)).toMatchObject({
      online: true,
      devices: [{ device: "phone", online: true, connection: { state: "live" } }],
    });
    const { since } = await presenceOf("present");
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(Date.now());
    device.close();
    await eventually(async () => !(await presenceOf("present")).online);
    expect(await presenceOf("present")).toMatchObject({ devices: [{ device: "phone", online: false }] });
  });

  test.each(["a%20b", "%2F", "%zz", "%F0%9F%91%A9", "a%00b", "u".repeat(129)])(
    "of %s is refused",
    async (user) => {
      expect(await problem(api("GET", `/v1/users/${user}`))).toMatchObject({
        status: 400,
        code: "invalid_request",
        errors: [{ path: "user" }],
      });
    },
  );
});

describe("the inbox", () => {
  test("is read in pages, newest first, with the data as it was published", async () => {
    const data = [{ 'a"b': [1, null, "x\u2028"] }, "text", 3, null];
    const ids = await fill("pages", data);
    const first = await get("/v1/users/pages/messages?limit=3");
    expect(first).toMatchObject({
      messages: [
        { seq: 4, data: null },
        { seq: 3, data: 3 },
        { seq: 2, data: "text" },
      ],
      next: 2,
      state: { unread: 4 },
    });
    const last = await get("/v1/users/pages/messages?limit=3&cursor=2");
    expect(last).toEqual({
      messages: [
        {
          seq: 1,
          id: ids[0],
          type: "note",
          priority: "critical",
          at: expect.any(Number),
          expires: expect.any(Number),
          read: false,
          data: data[0],
        },
      ],
      state: expect.objectContaining({ unread: 4 }),
    });
  });

  test("of a user who never got anything is empty", async () => {
    expect(await get("/v1/users/empty/messages")).toEqual({
      messages: [],
      state: { unread: 0, readUpTo: 0, rev: 0 },
    });
  });

  test("shows what is unread only, where that is asked for", async () => {
    const [first] = await fill("unread", [1, 2]);
    const answer = await api("POST", "/v1/users/unread/read", { json: { ids: [first] } });
    expect(await answer.json()).toMatchObject({ unread: 1 });
    expect(await get("/v1/users/unread/messages?unread=true")).toMatchObject({
      messages: [{ seq: 2, read: false }],
    });
    expect(await get("/v1/users/unread/messages?unread=false")).toMatchObject({
      messages: [{ seq: 2 }, { seq: 1, read: true }],
    });
    const all = await api("POST", "/v1/users/unread/read", { json: { upTo: 2 } });
    expect(await all.json()).toMatchObject({ unread: 0, readUpTo: 2 });
  });

  test.each(["limit=0", "limit=101", "limit=x", "cursor=-1", "cursor=1.5", "unread=yes"])(
    "with %s is refused",
    async (query) => {
      const [path] = query.split("=");
      expect(await problem(api("GET", `/v1/users/alice/messages?${query}`))).toMatchObject({
        status: 400,
        code: "invalid_request",
        errors: [{ path }],
      });
    },
  );

  test.each([{}, { ids: [] }, { ids: ["short"] }, { upTo: -1 }, { ids: ["message-1"], upTo: 1 }, []])(
    "is marked as read by no %j",
    async (json) => {
      expect(await problem(api("POST", "/v1/users/alice/read", { json }))).toMatchObject({
        status: 400,
        code: "invalid_body",
      });
    },
  );

  test("opens to the user's own token, and to nobody else's", async () => {
    const [id] = await fill("own", [1]);
    const own = await tokenFor("own");
    expect(await get("/v1/users/own/messages", own)).toMatchObject({ messages: [{ id }] });
    expect(await get(`/v1/users/own/messages/${id}`, own)).toMatchObject({ state: "stored" });
    expect((await api("POST", "/v1/users/own/read", { credential: own, json: { upTo: 1 } })).status).toBe(
      200,
    );
    const other = await tokenFor("other");
    for (const [method, path] of [
      ["GET", "/v1/users/own/messages"],
      ["GET", `/v1/users/own/messages/${id}`],
      ["POST", "/v1/users/own/read"],
    ] as const) {
      const refused = await problem(api(method, path, { credential: other }));
      expect(refused).toMatchObject({ status: 403, code: "forbidden" });
    }
    const expired = await tokenFor("own", { now: Date.now() - 7_200_000 });
    expect(await problem(api("GET", "/v1/users/own/messages", { credential: expired }))).toMatchObject({
      status: 401,
      code: "token_expired",
    });
    const long = "x".repeat(4_097);
    expect(await problem(api("GET", "/v1/users/own/messages", { credential: long }))).toMatchObject({
      status: 400,
      code: "token_too_long",
    });
  });
});

describe("the state of a message", () => {
  test("tells where it is, who has acknowledged it, and that it was read", async () => {
    const device = await connect("states");
    const [id] = await fill("states", ["hello"]);
    await device.until(() => device.arrivals.length === 1);
    device.ack();
    await device.settled();
    expect(await get(`/v1/users/states/messages/${id}`)).toEqual({
      id,
      seq: 1,
      state: "acknowledged",
      at: expect.any(Number),
      expires: expect.any(Number),
      devices: [{ device: "phone", state: "acknowledged", at: expect.any(Number) }],
      delivered: [{ device: "phone", at: expect.any(Number) }],
    });
    await api("POST", "/v1/users/states/read", { json: { upTo: 1 } });
    expect(await get(`/v1/users/states/messages/${id}`)).toMatchObject({ state: "read" });
    device.close();
  });

  test("that is unknown is not found", async () => {
    expect(await problem(api("GET", "/v1/users/states/messages/never-published"))).toMatchObject({
      status: 404,
      code: "not_found",
    });
    expect(await problem(api("GET", "/v1/users/states/messages/short"))).toMatchObject({
      status: 400,
      code: "invalid_request",
      errors: [{ path: "id" }],
    });
  });
});

describe("a user's connections", () => {
  test("are closed, and may come back", async () => {
    const device = await connect("closed");
    const answer = await api("DELETE", "/v1/users/closed/connections");
    expect(await answer.json()).toEqual({ closed: 1 });
    expect(await device.closing()).toBe(4200);
    (await connect("closed")).close();
  });

  test("are closed for the tokens issued so far, where these are revoked", async () => {
    const token = await tokenFor("revoked");
    const device = await connect("revoked", { token });
    const answer = await api("DELETE", "/v1/users/revoked/connections?revoke=true");
    expect(await answer.json()).toEqual({ closed: 1 });
    expect(await device.closing()).toBe(4005);
    const again = open(await tryConnect("device=phone", offering(token)), "revoked");
    expect(await again.closing()).toBe(4005);
  });

  test("revoked tokens open the inbox no more, fresh ones do", async () => {
    const token = await tokenFor("revoked-reader", { now: Date.now() - 1_000 });
    await get("/v1/users/revoked-reader/messages", token);
    await api("DELETE", "/v1/users/revoked-reader/connections?revoke=true");
    expect(
      await problem(api("GET", "/v1/users/revoked-reader/messages", { credential: token })),
    ).toMatchObject({
      status: 401,
      code: "token_invalid",
    });
    const fresh = await tokenFor("revoked-reader", { now: Date.now() + 1_000 });
    await get("/v1/users/revoked-reader/messages", fresh);
  });
});

describe("erasing a user", () => {
  test("ends the connections and removes the inbox", async () => {
    await fill("erased", [1, 2]);
    const device = await connect("erased");
    const answer = await api("DELETE", "/v1/users/erased");
    expect(await answer.json()).toEqual({ erased: 2 });
    expect(await device.closing()).toBe(4005);
    expect(await get("/v1/users/erased/messages")).toMatchObject({ messages: [] });
  });

  test("removes the dead letters of the user, and nobody else's", async () => {
    const store = env.DEAD_LETTERS.getByName(deadLettersName);
    const message = aMessage(1, { at: Date.now() });
    const death = { reason: "inbox_full", attempts: 1, error: "", at: message.at } as const;
    await store.store([{ message, users: users("erased-letters", "kept-letters"), ...death }]);
    expect(await (await api("DELETE", "/v1/users/erased-letters")).json()).toEqual({ erased: 0 });
    const listOf = (user: string) => get(`/v1/dead-letters?user=${user}`);
    expect(await listOf("erased-letters")).toEqual({ letters: [] });
    expect(await listOf("kept-letters")).toMatchObject({ letters: [{ user: "kept-letters" }] });
  });

  test("that fails half way is done to the end when it is asked for again", async () => {
    const store = env.DEAD_LETTERS.getByName(deadLettersName);
    const message = aMessage(2, { at: Date.now() });
    const death = { reason: "inbox_full", attempts: 1, error: "", at: message.at } as const;
    await store.store([{ message, users: users("half-erased"), ...death }]);
    await fill("half-erased", [1]);
    const bindings = { DEAD_LETTERS: broken(env.DEAD_LETTERS, new Error("restarted")) };
    const failed = await quietly(() => api("DELETE", "/v1/users/half-erased", { bindings }));
    expect(failed.status).toBe(500);
    expect((await api("DELETE", "/v1/users/half-erased")).status).toBe(200);
    expect(await get("/v1/dead-letters?user=half-erased")).toEqual({ letters: [] });
    expect(await get("/v1/users/half-erased/messages")).toMatchObject({ messages: [] });
  });

  test("takes a key that may write", async () => {
    expect(await problem(api("DELETE", "/v1/users/alice", { credential: apiKeys.reader }))).toMatchObject({
      status: 403,
      code: "insufficient_scope",
    });
  });
});
