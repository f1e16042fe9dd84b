/** Rows of sections B, C and F of the test matrix that are about topics: who may join them, who gets what is published to them. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Grants } from "../../src/auth/grants.ts";
import type { Connection } from "../../src/hub/sockets.ts";
import { socketLimits, tokenLimits, topicLimits } from "../../src/limits.ts";
import { topicPattern } from "../../src/protocol/topic-pattern.ts";
import { Topic } from "../../src/topics/topic.ts";
import { api, inboxOf, problem, publish } from "../support/api.ts";
import * as edge from "../support/connect.ts";
import { apiKeys, tokenFor } from "../support/credentials.ts";
import { aUser, connect, hubOf } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { inside } from "../support/storage.ts";
import { aTopic, joinMany, membersOf } from "../support/topics.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function topics(...patterns: string[]): Pick<Grants, "topics"> {
  return { topics: patterns.map((pattern) => topicPattern.parse(pattern)) };
}

const subscribe = (topic: string, more = {}) => ({ type: "subscribe", topic, ...more });
const unsubscribe = (topic: string) => ({ type: "unsubscribe", topic });
const ok = { type: "ok" };
const error = (code: string) => ({ type: "error", code });

describe("C20 a device that subscribes", () => {
  test("to a topic that its token allows is a member, once, however often it asks, until it unsubscribes", async () => {
    const [user, topic] = [aUser(), aTopic()];
    const device = await connect(user, { grants: topics("topic.*") });
    expect(await device.ask(subscribe(topic))).toMatchObject(ok);
    expect(await device.ask(subscribe(topic))).toMatchObject(ok);
    expect(await membersOf(topic)).toEqual([user]);
    expect(await device.ask(unsubscribe(topic))).toMatchObject(ok);
    expect(await device.ask(unsubscribe(topic))).toMatchObject(ok);
    expect(await membersOf(topic)).toEqual([]);
  });

  test("to a topic that its token does not allow is told forbidden, and so is one that unsubscribes", async () => {
    const user = aUser();
    const [plain, some] = [
      await connect(user),
      await connect(user, { device: "phone", grants: topics("news", "team.7.*") }),
    ];
    expect(await plain.ask(subscribe("news"))).toMatchObject(error("forbidden"));
    expect(await some.ask(subscribe("team.8.builds"))).toMatchObject(error("forbidden"));
    expect(await some.ask(unsubscribe("team.8.builds"))).toMatchObject(error("forbidden"));
    expect(await some.ask(subscribe("news"))).toMatchObject(ok);
    expect(await plain.ask(unsubscribe("news"))).toMatchObject(error("forbidden"));
    expect((await hubOf(user).topics()).map(({ topic }) => topic)).toEqual(["news"]);
  });

  test("to one topic more than a user's devices may join is told the limit; the server may still add it", async () => {
    const user = aUser();
    await joinMany(user, topicLimits.maxByDevice - 1);
    const device = await connect(user, { grants: topics("**") });
    expect(await device.ask(subscribe("the.128th"))).toMatchObject(ok);
    expect(await device.ask(subscribe("the.129th"))).toMatchObject(error("limit"));
    expect(await device.ask(subscribe("the.128th"))).toMatchObject(ok);
    const added = await api("PUT", `/v1/topics/the.129th/members/${user}`);
    expect(added.status).toBe(200);
    expect(await hubOf(user).topics()).toHaveLength(topicLimits.maxByDevice + 1);
  });

  test("is answered although the topic can't be reached, and without a ref is not answered at all", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const [user, topic] = [aUser(), aTopic()];
    const device = await connect(user, { grants: topics("topic.*") });
    vi.spyOn(Topic.prototype, "apply").mockRejectedValue(new Error("the topic is not there"));
    expect(await device.ask(subscribe(topic, { presence: true }))).toMatchObject(ok);
    device.send(unsubscribe(topic));
    await device.settled();
    expect(device.all("ok").map(({ ref }) => ref)).toEqual(["asked-1", "asked-2"]);
    expect(await hubOf(user).topics()).toEqual([]);
  });

  test("may do with a fresh token what that one allows, and no more", async () => {
    const user = aUser();
    const device = await connect(user, { grants: topics("old") });
    const token = await tokenFor(user, topics("new"));
    expect(await device.ask({ type: "auth", token })).toMatchObject(ok);
    expect(await device.ask(subscribe("old"))).toMatchObject(error("forbidden"));
    expect(await device.ask(subscribe("new"))).toMatchObject(ok);
  });

  test("comes through the edge with what its token says", async () => {
    const [user, topic] = [aUser(), aTopic()];
    const device = await edge.connect(user, { token: await tokenFor(user, topics(topic)) });
    expect(await device.ask(subscribe(topic))).toMatchObject(ok);
    expect(await device.ask(subscribe(aTopic()))).toMatchObject(error("forbidden"));
    device.close();
  });

  test.each(["a.*", "a..b", "", "t".repeat(300), 7])(
    "B28 to the topic %j is told that there is none",
    async (topic) => {
      const device = await connect(aUser(), { grants: topics("**") });
      expect(await device.ask({ type: "subscribe", topic })).toMatchObject(error("bad_frame"));
    },
  );
});

describe("C21 a message", () => {
  test("to another topic whose name begins like it, or that lies below it, leaks to nobody", async () => {
    const [user, topic] = [aUser(), aTopic()];
    const device = await connect(user, { grants: topics(topic) });
    expect(await device.ask(subscribe(topic))).toMatchObject(ok);
    for (const to of [`${topic}b`, `${topic}.b`, topic.slice(0, -1)]) {
      expect((await publish({ to: { topic: to }, type: "note", data: to })).status).toBe(202);
    }
    expect((await publish({ to: { topic }, type: "note", data: "mine" })).status).toBe(202);
    await eventually(async () => (await inboxOf(user)).length > 0);
    expect((await inboxOf(user)).map(({ data }) => data)).toEqual(["mine"]);
  });

  test("a claim covers as many levels as it says", async () => {
    const name = `claims-${crypto.randomUUID()}`;
    const device = await connect(aUser(), { grants: topics(`${name}.*`, `deep.${name}.**`) });
    expect(await device.ask(subscribe(`${name}.b`))).toMatchObject(ok);
    for (const beyond of [name, `${name}.b.c`, `${name}b.c`, `deep.${name}`]) {
      expect(await device.ask(subscribe(beyond))).toMatchObject(error("forbidden"));
    }
    expect(await device.ask(subscribe(`deep.${name}.b`))).toMatchObject(ok);
    expect(await device.ask(subscribe(`deep.${name}.b.c`))).toMatchObject(ok);
  });
});

describe("B28 a topic that is none", () => {
  test.each(["a.*", "a..b", ".a", "**", "t".repeat(300)])(
    "%j is refused wherever it stands",
    async (topic) => {
      const path = encodeURIComponent(topic);
      const requests = [
        publish({ to: { topic }, type: "note" }),
        api("GET", `/v1/topics/${path}`),
        api("PUT", `/v1/topics/${path}/members/alice`),
        api("PUT", `/v1/users/alice/topics/${path}`),
      ];
      for (const request of requests) expect(await problem(request)).toMatchObject({ status: 400 });
    },
  );
});

describe("B29 a key", () => {
  const insufficient = { status: 403, code: "insufficient_scope" };

  test("for some topics neither publishes to others nor touches their members", async () => {
    const credential = apiKeys.team;
    const requests = [
      publish({ to: { topic: "news" }, type: "note" }, { credential }),
      publish(
        {
          messages: [
            { to: { user: "alice" }, type: "note" },
            { to: { topic: "team.7.x" }, type: "note" },
          ],
        },
        { credential },
      ),
      api("GET", "/v1/topics/news", { credential }),
      api("GET", "/v1/topics/news/members", { credential }),
      api("POST", "/v1/topics/news/members", { credential, json: { add: ["alice"] } }),
      api("GET", "/v1/topics/news/members/alice", { credential }),
      api("PUT", "/v1/topics/news/members/alice", { credential }),
      api("DELETE", "/v1/topics/news/members/alice", { credential }),
      api("PUT", "/v1/users/alice/topics/news", { credential }),
      api("DELETE", "/v1/users/alice/topics/news", { credential }),
    ];
    for (const request of requests) expect(await problem(request)).toMatchObject(insufficient);
    const name = `team.${crypto.randomUUID()}`;
    expect((await api("PUT", `/v1/topics/${name}/members/b29`, { credential })).status).toBe(200);
    expect((await publish({ to: { topic: name }, type: "note" }, { credential })).status).toBe(202);
  });

  test("without the scope topics manages none, and without broadcast reaches not everyone", async () => {
    const credential = apiKeys.publish;
    const requests = [
      api("GET", "/v1/topics/news", { credential }),
      api("POST", "/v1/topics/news/members", { credential, json: { add: ["alice"] } }),
      api("PUT", "/v1/users/alice/topics/news", { credential }),
      publish({ to: { everyone: true }, type: "note" }, { credential }),
    ];
    for (const request of requests) expect(await problem(request)).toMatchObject(insufficient);
  });
});

describe("F9 the attachment of a connection", () => {
  /** Of a connection that holds as much as one ever can. */
  function largest(connection: Connection, more = 0): Connection {
    const large = Number.MAX_SAFE_INTEGER;
    const name = "x".repeat(127);
    const names = Array.from({ length: tokenLimits.maxGrants }, (_, index) => `${name}${index % 10}`);
    return {
      ...connection,
      cursor: {
        epoch: "e".repeat(64),
        sent: large,
        acked: large,
        flight: Array.from({ length: socketLimits.windowMessages + more }, () => ({
          seq: large,
          bytes: large,
        })),
        express: Array.from({ length: socketLimits.maxExpress }, () => large),
        stalledUntil: large,
        badAcks: large,
      },
      history: Array.from({ length: socketLimits.ackHistory }, (): [number, number] => [large, large]),
      grants: { ...topics(...names), scopes: names },
    };
  }

  test("holds the largest window, history and grants; one that can't be held would be noticed here", async () => {
    const user = aUser();
    await connect(user, { device: "d".repeat(128) });
    const tooLarge = await inside(user, (_, state) => {
      const [socket] = state.getWebSockets();
      if (socket === undefined) throw new Error("there is no connection");
      const connection: Connection = socket.deserializeAttachment();
      socket.serializeAttachment(largest(connection));
      try {
        socket.serializeAttachment(largest(connection, 1_000));
        return "held";
      } catch (error) {
        return String(error);
      }
    });
    expect(tooLarge).toContain("16384");
  });

  test("of before there were grants is taken up again, and grants nothing", async () => {
    const user = aUser();
    const device = await connect(user, { grants: topics("**") });
    // Twice: what it still does because of the connection must not write the attachment once more.
    await evictDurableObject(hubOf(user));
    await inside(user, (_, state) => {
      for (const socket of state.getWebSockets()) {
        const { grants: _, ...before }: Connection = socket.deserializeAttachment();
        socket.serializeAttachment(before);
      }
    });
    await evictDurableObject(hubOf(user));
    expect(await device.ask(subscribe("news"))).toMatchObject(error("forbidden"));
    expect(device.closed).toBeUndefined();
  });
});
