/** The routes of topics: who is in them, and what came of each change. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { mintApiKey } from "../../../src/auth/api-key.ts";
import { requestLimits, topicLimits } from "../../../src/limits.ts";
import { topicPattern } from "../../../src/protocol/topic-pattern.ts";
import { Topic } from "../../../src/topics/topic.ts";
import { api, broken, problem } from "../../support/api.ts";
import { apiKeys, tokenFor } from "../../support/credentials.ts";
import { aUser, hubOf } from "../../support/device.ts";
import { aTopic, join, joinMany, membersOf } from "../../support/topics.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

async function answer(status: number, response: Promise<Response>): Promise<unknown> {
  const answered = await response;
  expect(answered.status).toBe(status);
  return answered.json();
}

/** Lets the objects of topics fail, until the test is over. */
function breakTopics(): void {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(Topic.prototype, "apply").mockRejectedValue(new Error("the topic is not there"));
}

describe("/v1/topics/:topic/members/:user", () => {
  test("adds, shows and removes a member", async () => {
    const [user, topic] = [aUser(), aTopic()];
    const path = `/v1/topics/${topic}/members/${user}`;
    const joined = { topic, member: true, presence: false, pending: false };
    expect(await problem(api("GET", path))).toMatchObject({ status: 404, code: "not_found" });
    expect(await answer(200, api("PUT", path))).toEqual(joined);
    expect(await answer(200, api("GET", path))).toEqual(joined);
    const watching = { ...joined, presence: true };
    expect(await answer(200, api("PUT", path, { json: { presence: true } }))).toEqual(watching);
    expect(await answer(200, api("PUT", path, { json: {} }))).toEqual(watching);
    expect(await answer(200, api("GET", `/v1/topics/${topic}`))).toEqual({ topic, members: 1 });
    const left = { ...joined, member: false };
    expect(await answer(200, api("DELETE", path))).toEqual(left);
    expect(await answer(200, api("DELETE", path))).toEqual(left);
    expect(await answer(200, api("GET", `/v1/topics/${topic}`))).toEqual({ topic, members: 0 });
  });

  test("answers 202 for what the topic is still to be told", async () => {
    const [user, topic] = [aUser(), aTopic()];
    breakTopics();
    const pending = { topic, member: true, presence: false, pending: true };
    expect(await answer(202, api("PUT", `/v1/topics/${topic}/members/${user}`))).toEqual(pending);
    expect(await answer(200, api("GET", `/v1/topics/${topic}/members/${user}`))).toEqual(pending);
    expect(await answer(202, api("DELETE", `/v1/topics/${topic}/members/${user}`))).toEqual({
      ...pending,
      member: false,
    });
  });

  test.each([{ presence: "yes" }, { member: true }, []])("takes no body such as %j", async (json) => {
    expect(await problem(api("PUT", "/v1/topics/news/members/alice", { json }))).toMatchObject({
      status: 400,
      code: "invalid_body",
    });
  });

  test("is refused where the user is in as many topics as it may be", async () => {
    const user = aUser();
    await joinMany(user, topicLimits.maxByServer);
    const refused = problem(api("PUT", `/v1/topics/${aTopic()}/members/${user}`));
    expect(await refused).toMatchObject({ status: 409, code: "topic_limit" });
    const topic = aTopic();
    const failed = [{ user, reason: "limit" }];
    expect(await answer(202, api("POST", `/v1/topics/${topic}/members`, { json: { add: [user] } }))).toEqual({
      done: 0,
      pending: [],
      failed,
    });
    expect(await membersOf(topic)).toEqual([]);
  });
});

describe("/v1/topics/:topic/members", () => {
  test("lists the members page by page, each once", async () => {
    const topic = aTopic();
    const users = Array.from({ length: 5 }, aUser).toSorted();
    await api("POST", `/v1/topics/${topic}/members`, { json: { add: users, presence: true } });
    const first = await answer(200, api("GET", `/v1/topics/${topic}/members?limit=3`));
    expect(first).toEqual({
      members: users.slice(0, 3).map((user) => ({ user, presence: true })),
      next: users[2],
    });
    expect(await answer(200, api("GET", `/v1/topics/${topic}/members?limit=3&cursor=${users[2]}`))).toEqual({
      members: users.slice(3).map((user) => ({ user, presence: true })),
    });
    for (const query of ["limit=0", "limit=101", "cursor=a/b"]) {
      expect(await problem(api("GET", `/v1/topics/${topic}/members?${query}`))).toMatchObject({
        status: 400,
        code: "invalid_request",
      });
    }
  });

  test("adds and removes many at once, whoever is named twice once", async () => {
    const topic = aTopic();
    const users = Array.from({ length: 24 }, aUser);
    const path = `/v1/topics/${topic}/members`;
    expect(await answer(200, api("POST", path, { json: { add: [...users, users[0]] } }))).toEqual({
      done: 24,
      pending: [],
      failed: [],
    });
    expect(await membersOf(topic)).toEqual(users.toSorted());
    const more = aUser();
    const json = { add: [more], remove: users.slice(1) };
    expect(await answer(200, api("POST", path, { json }))).toMatchObject({ done: 24 });
    expect(await membersOf(topic)).toEqual([users[0], more].toSorted());
  });

  test("names who is still to be told of, and whose object gave no answer", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const [topic, user] = [aTopic(), aUser()];
    const json = { add: [user] };
    const bindings = (error: Error) => {
      const getByName = () => broken({}, error);
      return { bindings: { USER_HUB: Object.assign(Object.create(null), { getByName }) } };
    };
    expect(
      await answer(202, api("POST", `/v1/topics/${topic}/members`, { json, ...bindings(new Error("away")) })),
    ).toEqual({ done: 0, pending: [], failed: [{ user, reason: "unavailable" }] });
    breakTopics();
    expect(await answer(202, api("POST", `/v1/topics/${topic}/members`, { json }))).toEqual({
      done: 0,
      pending: [user],
      failed: [],
    });
  });

  test("begins with nobody any more once it took too long, and says with whom it did not", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    vi.setSystemTime(Date.now());
    const [topic, ...users] = [
      aTopic(),
      ...Array.from({ length: topicLimits.concurrentUsers + 1 }, aUser),
    ] as const;
    const apply = Topic.prototype.apply;
    vi.spyOn(Topic.prototype, "apply").mockImplementation(async function (this: Topic, changes) {
      vi.setSystemTime(Date.now() + topicLimits.membersBudgetMs);
      return apply.call(this, changes);
    });
    const answered = await answer(202, api("POST", `/v1/topics/${topic}/members`, { json: { add: users } }));
    expect(answered).toEqual({
      done: topicLimits.concurrentUsers,
      pending: [],
      failed: [{ user: users.at(-1), reason: "unavailable" }],
    });
    vi.useRealTimers();
  });

  test.each([
    {},
    { add: [] },
    { add: "alice" },
    { add: ["a b"] },
    { add: ["alice"], remove: ["bob", "alice"] },
    { add: ["alice"], presence: 1 },
    { members: ["alice"] },
    { add: Array.from({ length: topicLimits.maxUsers + 1 }, (_, index) => `user-${index}`) },
  ])("is refused for a body that names nobody, too many or the same user twice", async (json) => {
    const refused = problem(api("POST", "/v1/topics/news/members", { json }));
    expect(await refused).toMatchObject({ status: 400, code: "invalid_body" });
  });

  test("takes as many users as are allowed, with the longest names, and no longer body", async () => {
    const add = Array.from({ length: topicLimits.maxUsers }, (_, index) => String(index).padStart(128, "u"));
    expect(JSON.stringify({ add, presence: false }).length).toBeLessThan(requestLimits.maxMembersBodyBytes);
    const json = { add: ["u".repeat(requestLimits.maxMembersBodyBytes)] };
    expect(await problem(api("POST", "/v1/topics/news/members", { json }))).toMatchObject({ status: 413 });
  });
});

describe("/v1/users/:user/topics", () => {
  test("shows a user's topics to a key that may read and to the user itself", async () => {
    const [user, topic] = [aUser(), aTopic()];
    await join(user, topic);
    const path = `/v1/users/${user}/topics`;
    const topics = [{ topic, member: true, presence: false, pending: false }];
    expect(await answer(200, api("GET", path, { credential: apiKeys.reader }))).toEqual({ topics });
    expect(await answer(200, api("GET", path, { credential: await tokenFor(user) }))).toEqual({ topics });
    const others = [await tokenFor("another-one"), apiKeys.publish];
    for (const credential of others) expect((await api("GET", path, { credential })).status).toBe(403);
  });

  test("shows a key for some topics these only", async () => {
    const user = aUser();
    for (const name of ["board.1", "team.1", "team.1.builds"]) {
      await api("PUT", `/v1/users/${user}/topics/${name}`);
    }
    const { key: credential, record } = mintApiKey(["users:read"], [topicPattern.parse("team.*")]);
    const call = { credential, bindings: { API_KEYS: JSON.stringify([record]) } };
    expect(await answer(200, api("GET", `/v1/users/${user}/topics`, call))).toMatchObject({
      topics: [{ topic: "team.1" }],
    });
  });

  test("lets a device join and leave what its token allows, as a frame does", async () => {
    const user = aUser();
    const credential = await tokenFor(user, { topics: [topicPattern.parse("own.*")] });
    const path = `/v1/users/${user}/topics/own.feed`;
    const joined = { topic: "own.feed", member: true, presence: true, pending: false };
    expect(await answer(200, api("PUT", path, { credential, json: { presence: true } }))).toEqual(joined);
    const forbidden = api("PUT", `/v1/users/${user}/topics/news`, { credential });
    expect(await problem(forbidden)).toMatchObject({ status: 403, code: "forbidden" });
    const left = { ...joined, member: false, presence: false };
    expect(await answer(200, api("DELETE", path, { credential }))).toEqual(left);
    expect(await hubOf(user).topics()).toEqual([]);
  });

  test("lets a device join as many as a device may, and a key more", async () => {
    const user = aUser();
    await joinMany(user, topicLimits.maxByDevice);
    const credential = await tokenFor(user, { topics: [topicPattern.parse("**")] });
    const path = `/v1/users/${user}/topics/one.more`;
    expect(await problem(api("PUT", path, { credential }))).toMatchObject({
      status: 409,
      code: "topic_limit",
    });
    expect((await api("PUT", path)).status).toBe(200);
  });

  test("may be called by the pages of allowed origins", async () => {
    const headers = { Origin: "https://app.example.com", "Access-Control-Request-Method": "PUT" };
    const response = await api("OPTIONS", "/v1/users/alice/topics/news", { headers });
    expect(response.headers.get("Access-Control-Allow-Methods")).toContain("PUT, DELETE");
  });
});
