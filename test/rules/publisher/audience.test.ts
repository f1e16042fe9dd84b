/** What a server does about whole audiences: members of topics, taking messages back, who is online. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { presenceLimits, requestLimits, topicLimits } from "../../../src/limits.ts";
import { HubError, HubPublisher } from "../../../src/publisher/index.ts";
import { publisherLimits } from "../../../src/publisher/limits.ts";
import type { Fetch } from "../../../src/publisher/send.ts";
import { problem } from "./model-hub.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers: Record<string, string>;
}

/** A publisher, what it asked for, and the answers to that, made of each request in turn. */
function publisher(answer: (asked: Asked, made: number) => Response | Promise<Response>) {
  const asked: Asked[] = [];
  const fetch: Fetch = async (url, { method, body, headers }) => {
    const path = url.slice("https://hub.test/v1/".length);
    const request = { method, path, body: body === undefined ? undefined : JSON.parse(body), headers };
    asked.push(request);
    return answer(request, asked.length);
  };
  return { asked, hub: new HubPublisher({ url: "https://hub.test", key: "hub_a_b", fetch }) };
}

/** What it comes to, however long it waits. */
async function settled<Value>(call: Promise<Value>): Promise<Value> {
  call.catch(() => {});
  await vi.runAllTimersAsync();
  return call;
}

const done = (count = 1) => Response.json({ done: count, pending: [], failed: [] });
const names = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
const usersOf = ({ body }: Asked, field: string): readonly string[] =>
  Object(body)[field] ?? expect.fail(`no ${field}`);

describe("members of a topic", () => {
  test("are added and removed by one request each, whatever the topic is called", async () => {
    const { asked, hub } = publisher(() => done());
    expect(await hub.topics.add("team.7", ["alice", "bob", "alice"])).toEqual({ pending: [], failed: [] });
    await hub.topics.add("team.7", ["alice"], { presence: true });
    await hub.topics.remove("a/b?c", ["bob"]);
    expect(asked).toMatchObject([
      { method: "POST", path: "topics/team.7/members", body: { add: ["alice", "bob"] } },
      { method: "POST", path: "topics/team.7/members", body: { add: ["alice"], presence: true } },
      { method: "POST", path: "topics/a%2Fb%3Fc/members", body: { remove: ["bob"] } },
    ]);
    expect(asked[0]?.body).not.toHaveProperty("presence");
  });

  test("need no request where there are none", async () => {
    const { asked, hub } = publisher(() => done());
    expect(await hub.topics.add("team.7", [])).toEqual({ pending: [], failed: [] });
    expect(asked).toEqual([]);
  });

  test.each(["", ".", ".."])("of %j are nobody: a URL would lead elsewhere", async (topic) => {
    const { asked, hub } = publisher(() => done());
    await expect(hub.topics.remove(topic, ["alice"])).rejects.toThrow(TypeError);
    await expect(hub.topics.members(topic).next()).rejects.toThrow(TypeError);
    expect(asked).toEqual([]);
  });

  test("of very many go in requests that the hub takes, and what it says of them is put together", async () => {
    const users = names(2 * publisherLimits.namedUsers + 1);
    const { asked, hub } = publisher((_, made) =>
      Response.json(
        {
          done: 0,
          pending: made === 1 ? ["user-1"] : [],
          failed: made === 3 ? [{ user: "user-2000", reason: "limit" }] : [],
        },
        { status: 202 },
      ),
    );
    expect(await hub.topics.add("team.7", users)).toEqual({
      pending: ["user-1"],
      failed: [{ user: "user-2000", reason: "limit" }],
    });
    expect(asked.map((one) => usersOf(one, "add").length)).toEqual([1_000, 1_000, 1]);
    expect(asked.flatMap((one) => usersOf(one, "add"))).toEqual(users);
    expect(publisherLimits.namedUsers).toBeLessThanOrEqual(topicLimits.maxUsers);
  });

  test("whose object gives no answer are asked for again, and only they", async () => {
    const { asked, hub } = publisher((_, made) =>
      made === 3
        ? done()
        : Response.json({ done: 1, pending: [], failed: [{ user: "bob", reason: "unavailable" }] }),
    );
    expect(await settled(hub.topics.add("team.7", ["alice", "bob"]))).toEqual({ pending: [], failed: [] });
    expect(asked.map((one) => usersOf(one, "add"))).toEqual([["alice", "bob"], ["bob"], ["bob"]]);
    expect(Date.now()).toBe(250 + 500);
  });

  test("whose object never gives one are told in the end", async () => {
    const failed = [{ user: "bob", reason: "unavailable" }];
    const { asked, hub } = publisher(() => Response.json({ done: 0, pending: [], failed }));
    expect(await settled(hub.topics.remove("team.7", ["bob"]))).toEqual({ pending: [], failed });
    expect(asked).toHaveLength(publisherLimits.attempts);
  });

  test("are asked for again where the hub is away, and not where it refuses", async () => {
    const { asked, hub } = publisher((_, made) => (made === 1 ? problem(503) : done()));
    await settled(hub.topics.add("team.7", ["alice"]));
    expect(asked).toHaveLength(2);
    const refusing = publisher(() => problem(403));
    await expect(refusing.hub.topics.add("team.7", ["alice"])).rejects.toThrow(HubError);
    expect(refusing.asked).toHaveLength(1);
  });

  test("are no longer asked for when the caller gives up", async () => {
    const cut = new AbortController();
    const { asked, hub } = publisher(() => {
      cut.abort(new Error("enough"));
      return Response.json({ done: 0, pending: [], failed: [{ user: "bob", reason: "unavailable" }] });
    });
    await expect(hub.topics.add("team.7", ["bob"], { signal: cut.signal })).rejects.toThrow("enough");
    expect(asked).toHaveLength(1);
  });

  test("are listed page by page, as far as somebody looks", async () => {
    const pages = [
      { members: [{ user: "alice", presence: true }], next: "alice" },
      { members: [{ user: "bob", presence: false }] },
    ];
    const { asked, hub } = publisher((_, made) => Response.json(pages[made - 1]));
    const members = hub.topics.members("team.7");
    expect((await members.next()).value).toEqual({ user: "alice", presence: true });
    expect(asked).toHaveLength(1);
    const rest = [];
    for await (const member of members) rest.push(member);
    expect(rest).toEqual([{ user: "bob", presence: false }]);
    expect(asked).toMatchObject([
      { method: "GET", path: "topics/team.7/members?limit=100", body: undefined },
      { method: "GET", path: "topics/team.7/members?limit=100&cursor=alice", body: undefined },
    ]);
    expect(publisherLimits.page).toBe(requestLimits.maxPage);
  });
});

describe("a retraction", () => {
  const receipt = { id: "withdrawn-1", state: "queued" };

  test("names the message, the audience, and how urgent it is", async () => {
    const { asked, hub } = publisher(() => Response.json(receipt, { status: 202 }));
    expect(await hub.retract("message-1", { topic: "team.7" })).toEqual(receipt);
    await hub.retract("message-1", { everyone: true, audience: "all" }, { priority: "critical" });
    expect(asked).toMatchObject([
      { method: "POST", path: "messages/message-1/retract", body: { to: { topic: "team.7" } } },
      { body: { to: { everyone: true, audience: "all" }, priority: "critical" } },
    ]);
  });

  test("is tried until there is an answer", async () => {
    const { asked, hub } = publisher((_, made) =>
      made === 1 ? Promise.reject(new TypeError("lost")) : Response.json(receipt, { status: 202 }),
    );
    expect(await settled(hub.retract("message-1", { user: "alice" }))).toEqual(receipt);
    expect(asked).toHaveLength(2);
  });
});

describe("who is online", () => {
  test("is asked for in requests that the hub takes, and answered in order, each user once", async () => {
    const { asked, hub } = publisher((one) =>
      Response.json({
        presence: usersOf(one, "users").map((user) =>
          user === "user-7" ? { user, online: true, since: 5, asOf: 6 } : { user, online: false },
        ),
      }),
    );
    const users = names(publisherLimits.namedUsers + 2);
    const found = await hub.presence([...users, "user-7"]);
    expect(found.map(({ user }) => user)).toEqual(users);
    expect(found.filter(({ online }) => online)).toEqual([
      { user: "user-7", online: true, since: 5, asOf: 6 },
    ]);
    expect(asked).toMatchObject([
      { method: "POST", path: "presence" },
      { body: { users: ["user-1000", "user-1001"] } },
    ]);
    expect(await hub.presence([])).toEqual([]);
    expect(publisherLimits.namedUsers).toBeLessThanOrEqual(presenceLimits.maxUsers);
  });
});

test("a token may be narrowed to a device, and widened by topics and scopes", async () => {
  const { asked, hub } = publisher(() => Response.json({ token: "t", expires: 7 }, { status: 201 }));
  await hub.token("alice", { device: "phone", topics: ["team.*"], scopes: ["todo"], ttl: 60 });
  await hub.token("alice", { signal: new AbortController().signal });
  expect(asked.map(({ body }) => body)).toEqual([
    { user: "alice", device: "phone", topics: ["team.*"], scopes: ["todo"], ttl: 60 },
    { user: "alice" },
  ]);
});
