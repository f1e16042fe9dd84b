/** The inbox and what of it is read, over HTTP, as the app asks for them. */
import { describe, expect, test, vi } from "vitest";
import * as clientLimits from "../../../src/client/limits.ts";
import { connected, device, inFakeTime, pass } from "../../support/client-app.ts";
import { welcome } from "../../support/client-driver.ts";
import { readableToken } from "../../support/connect-token.ts";
import { FakeSocket } from "../../support/fake-socket.ts";
import { httpHub, live, outcome, token, tokenOf } from "../../support/http-hub.ts";

inFakeTime();

const state = { unread: 1, readUpTo: 4, rev: 2 };
const page = {
  messages: [
    {
      seq: 5,
      id: "message-5",
      type: "note",
      priority: "high",
      at: 1,
      expires: 2,
      data: { any: ["thing"] },
      read: false,
    },
  ],
  next: 5,
  state,
};

const hub = httpHub(() => Response.json(state));

describe("a page of the inbox", () => {
  test("is asked for without a connection, for the user of the token", async () => {
    hub.answers = [Response.json(page)];
    const { client } = device({ token });
    expect(await client.inbox()).toEqual(page);
    expect(hub.asked).toMatchObject([
      { url: "http://hub.test:8787/v1/users/alice/messages?", method: "GET" },
    ]);
    expect(FakeSocket.opened).toEqual([]);
  });

  test("is asked for with what the app wants of it, under the path of the hub", async () => {
    hub.answers = [Response.json(page), Response.json({ messages: [], state })];
    const { client } = device({ token, url: "https://example.com/hub" });
    await client.inbox({ cursor: 12, limit: 20, unread: true });
    expect(hub.asked[0]?.url).toBe(
      "https://example.com/hub/v1/users/alice/messages?cursor=12&limit=20&unread=true",
    );
    expect(await client.inbox({ limit: 1 })).toEqual({ messages: [], state });
    expect(hub.asked[1]?.url).toBe("https://example.com/hub/v1/users/alice/messages?limit=1");
  });

  test.each([
    ["a refusal", new Response('{"code":"not_found"}', { status: 404 }), 'refused: 404 {"code":"not_found"}'],
    ["no JSON", new Response("<html>"), "no answer of a hub"],
    ["another thing", Response.json({ messages: "none" }), "gave no inbox"],
    [
      "a message that is none",
      Response.json({ ...page, messages: [{ ...page.messages[0], seq: "5" }] }),
      "gave no inbox",
    ],
    [
      "a message of which nobody knows whether it is read",
      Response.json({ ...page, messages: [{ ...page.messages[0], read: undefined }] }),
      "gave no inbox",
    ],
    ["no state", Response.json({ messages: [] }), "gave no inbox"],
    ["nothing, since the network fails", "network down", "network down"],
  ])("fails where the hub gives %s", async (_, answer, message) => {
    hub.answers = [answer];
    await expect(device({ token }).client.inbox()).rejects.toThrow(message);
  });
});

describe("the token of a request", () => {
  test("is the one that the connection has, while it is good for another minute", async () => {
    hub.answers = [Response.json(page), Response.json(page)];
    let made = 0;
    const { client } = await live({
      token: async () => {
        made += 1;
        return tokenOf("alice", 300_000);
      },
    });
    await client.inbox();
    expect(made).toBe(1);
    vi.setSystemTime(Date.now() + 300_000 - clientLimits.tokenSpareMs);
    await client.inbox();
    expect(made).toBe(2);
    client.close();
  });

  test("is kept for the next one, and for a connection that follows at once", async () => {
    hub.answers = [Response.json(page), Response.json(page)];
    let made = 0;
    const { client } = device({
      token: async () => {
        made += 1;
        return tokenOf("alice");
      },
    });
    await client.inbox();
    await client.inbox();
    await client.start();
    await pass();
    expect(FakeSocket.opened).toHaveLength(1);
    expect(made).toBe(1);
    client.close();
  });

  test("is none that the hub refused", async () => {
    const stale = tokenOf("alice");
    const { client, socket } = await connected({ token: async () => stale });
    socket.end(4004);
    await pass(1_000);
    await expect(client.inbox()).rejects.toThrow("this token was refused before");
    expect(hub.asked).toEqual([]);
  });

  test.each([
    ["no token at all", "opaque"],
    ["not base64", "a.b.c"],
    ["no JSON", `a.${btoa("hello!")}.c`],
    ["without a user", readableToken({ exp: 4_000_000_000 })],
    ["without an end", readableToken({ sub: "alice" })],
  ])("must name the user: %s", async (_, text) => {
    await expect(device({ token: async () => text }).client.inbox()).rejects.toThrow("names no user");
    expect(hub.asked).toEqual([]);
  });

  test("that can't be had is the app's own error", async () => {
    const failing = () => Promise.reject(new Error("signed out"));
    await expect(device({ token: failing }).client.inbox()).rejects.toThrow("signed out");
  });
});

describe("a token that the hub does not take", () => {
  test("is replaced by a fresh one, once for each request", async () => {
    let given = 0;
    const token = async () => {
      given += 1;
      return tokenOf(`user-${given}`);
    };
    const { client } = device({ token });
    hub.answers = [Response.json(page), new Response("{}", { status: 401 }), Response.json(page)];
    await client.inbox();
    await client.inbox();
    expect(hub.asked.map(({ url }) => new URL(url).pathname.split("/")[3])).toEqual([
      "user-1",
      "user-1",
      "user-2",
    ]);
    hub.answers = [new Response("{}", { status: 401 }), new Response("no", { status: 401 })];
    await expect(client.inbox()).rejects.toThrow("the hub refused: 401 no");
    expect(given).toBe(3);
  });
});

describe("marking as read", () => {
  test("tells the hub the ids, or the number up to which all is read", async () => {
    const { client } = await live();
    await client.read({ ids: ["message-1", "message-2"] });
    await client.read({ upTo: 7 });
    const url = "http://hub.test:8787/v1/users/alice/read";
    expect(hub.asked).toMatchObject([
      { url, method: "POST", body: { ids: ["message-1", "message-2"] } },
      { url, method: "POST", body: { upTo: 7 } },
    ]);
    client.close();
  });

  test("needs no request for no message", async () => {
    await device({ token }).client.read({ ids: [] });
    expect(hub.asked).toEqual([]);
  });

  test("of very many goes in parts that the hub takes, one after the other", async () => {
    const ids = Array.from({ length: 2 * clientLimits.markedIds + 1 }, (_, index) => `message-${index}`);
    const { client } = await live();
    await client.read({ ids });
    const parts = hub.asked.map(({ body }) => (body instanceof Object && "ids" in body ? body.ids : []));
    expect(parts).toEqual([ids.slice(0, 1_000), ids.slice(1_000, 2_000), ids.slice(2_000)]);
    client.close();
  });

  test("is rejected when the hub refuses, and what was to follow is not sent", async () => {
    hub.answers = [new Response('{"code":"forbidden"}', { status: 403 })];
    const { client } = await live();
    const ids = Array.from({ length: clientLimits.markedIds + 1 }, (_, index) => `message-${index}`);
    await expect(client.read({ ids })).rejects.toThrow('the hub refused: 403 {"code":"forbidden"}');
    expect(hub.asked).toHaveLength(1);
    client.close();
  });

  test("waits for the connection where the network fails, however often it is cut, and is done with it", async () => {
    const { client, socket } = await live();
    socket.end(1006);
    hub.answers = ["down", "down again"];
    const marking = outcome(client.read({ upTo: 7 }));
    await pass(5_000);
    FakeSocket.latest().receive(welcome({ from: 0, head: 0 }));
    // Back, and gone before the request got through.
    FakeSocket.latest().end(1006);
    await pass(5_000);
    expect(hub.asked).toHaveLength(2);
    expect(marking.is).toBe("waiting");
    FakeSocket.latest().receive(welcome({ from: 0, head: 0 }));
    await pass();
    expect(marking.is).toBe("done");
    expect(hub.asked.map(({ body }) => body)).toEqual([{ upTo: 7 }, { upTo: 7 }, { upTo: 7 }]);
    client.close();
  });

  test.each([429, 503])("is tried again where the hub answers %d", async (status) => {
    hub.answers = [new Response("busy", { status })];
    const { client } = await live();
    const marking = outcome(client.read({ upTo: 7 }));
    await pass(5_000);
    expect(marking.is).toBe("done");
    expect(hub.asked).toHaveLength(2);
    client.close();
  });

  test("does not wait until a device that is back has caught up, which may take long", async () => {
    const { client, socket } = await live();
    socket.end(1006);
    hub.answers = ["down"];
    const marking = outcome(client.read({ upTo: 7 }));
    await pass(5_000);
    expect(marking.is).toBe("waiting");
    FakeSocket.latest().receive(welcome({ from: 0, head: 1 }));
    await pass();
    expect([client.status.state, marking.is]).toEqual(["syncing", "done"]);
    hub.answers = ["down"];
    const again = outcome(client.read({ upTo: 8 }));
    await pass(1_000);
    expect([client.status.state, again.is]).toEqual(["syncing", "done"]);
    client.close();
  });

  test("of two at once is two requests, and each has its own end", async () => {
    const { client, socket } = await live();
    socket.end(1006);
    hub.answers = ["down", "down"];
    const first = outcome(client.read({ upTo: 7 }));
    const second = outcome(client.read({ ids: ["message-9"] }));
    await pass(5_000);
    hub.answers = [Response.json(state), new Response("no", { status: 400 })];
    FakeSocket.latest().receive(welcome({ from: 0, head: 0 }));
    await pass();
    expect([first.is, second.is]).toEqual(["done", "HubError: the hub refused: 400 no"]);
    client.close();
  });

  test("is rejected when the client stops before the connection is back", async () => {
    const { client, socket } = await live();
    socket.end(1006);
    hub.answers = ["down", "down"];
    const byApp = outcome(client.read({ upTo: 7 }));
    await pass();
    client.close();
    await pass();
    expect(byApp.is).toBe("Error: stopped by the client");
    await client.start();
    await pass();
    const byHub = outcome(client.read({ upTo: 7 }));
    await pass();
    FakeSocket.latest().end(4005, "revoked");
    await pass();
    expect(byHub.is).toBe("Error: revoked");
  });

  test("gives up after three tries where the connection is there and the request gets no answer", async () => {
    const { client } = await live();
    hub.answers = ["down", "down", "down"];
    const marking = outcome(client.read({ upTo: 7 }));
    await pass();
    expect(hub.asked).toHaveLength(1);
    await pass(1_000);
    expect(hub.asked).toHaveLength(2);
    await pass(2_000);
    expect(marking.is).toMatch(/^NoAnswerError: .*: TypeError: down$/);
    expect(hub.asked).toHaveLength(clientLimits.tries);
    client.close();
  });

  test("of a client that is not started works, and waits for nothing that will not come", async () => {
    const { client } = device({ token });
    await client.read({ upTo: 7 });
    expect(hub.asked).toHaveLength(1);
    hub.answers = ["down", "down", "down"];
    const marking = outcome(client.read({ upTo: 8 }));
    await pass(10_000);
    expect(marking.is).toMatch(/^NoAnswerError: .*: TypeError: down$/);
  });
});
