/** What a device asks for its user over HTTP, besides the inbox: topics, preferences, messages to the hub's handlers. */
import { describe, expect, test } from "vitest";
import { device, inFakeTime, pass } from "../../support/client-app.ts";
import { welcome } from "../../support/client-driver.ts";
import { FakeSocket } from "../../support/fake-socket.ts";
import { httpHub, live, outcome, problem, token } from "../../support/http-hub.ts";

inFakeTime();

const topic = { topic: "team.7", presence: false, pending: false };
const hub = httpHub(() => Response.json(topic));
const own = "http://hub.test:8787/v1/users/alice";

describe("a device subscribes its user", () => {
  test("by one request, and again without harm", async () => {
    const { client } = device({ token });
    await client.subscribe("team.7");
    await client.subscribe("team.7", { presence: true });
    await client.unsubscribe("team.7");
    expect(hub.asked).toMatchObject([
      { url: `${own}/topics/team.7`, method: "PUT", body: {} },
      { url: `${own}/topics/team.7`, method: "PUT", body: { presence: true } },
      { url: `${own}/topics/team.7`, method: "DELETE", body: undefined },
    ]);
  });

  test("also where the topic will hear of it only in a moment", async () => {
    hub.answers = [Response.json({ ...topic, pending: true }, { status: 202 })];
    await device({ token }).client.subscribe("team.7");
    expect(hub.asked).toHaveLength(1);
  });

  test("as soon as the network is back", async () => {
    const { client, socket } = await live();
    socket.end(1006);
    hub.answers = ["down", "down"];
    const joining = outcome(client.subscribe("team.7"));
    const leaving = outcome(client.unsubscribe("team.8"));
    await pass(5_000);
    expect([joining.is, leaving.is]).toEqual(["waiting", "waiting"]);
    FakeSocket.latest().receive(welcome({ from: 0, head: 0 }));
    await pass();
    expect([joining.is, leaving.is]).toEqual(["done", "done"]);
    client.close();
  });

  test("and is told by code and words why not, without asking again", async () => {
    const { client } = device({ token });
    hub.answers = [problem(403, "forbidden", "the token's topics do not allow this one")];
    const refused = client.subscribe("secret");
    await expect(refused).rejects.toMatchObject({ name: "HubError", status: 403, code: "forbidden" });
    await expect(refused).rejects.toThrow("403 forbidden: the token's topics do not allow this one");
    hub.answers = [problem(409, "topic_limit", "a user is in at most 128 topics")];
    await expect(client.subscribe("one.more")).rejects.toMatchObject({ code: "topic_limit" });
    expect(hub.asked).toHaveLength(2);
  });

  test.each(["", ".", "..", "a/b", "a b", "team?", "x".repeat(129)])(
    "to no %j, which could lead to something else",
    async (name) => {
      const { client } = device({ token });
      await expect(client.subscribe(name)).rejects.toThrow(TypeError);
      await expect(client.unsubscribe(name)).rejects.toThrow("a topic is");
      expect(hub.asked).toEqual([]);
    },
  );

  test("and sees what it is subscribed to", async () => {
    const { client } = device({ token });
    hub.answers = [Response.json({ topics: [topic] }), Response.json({ topics: ["team.7"] })];
    expect(await client.topics()).toEqual([topic]);
    await expect(client.topics()).rejects.toThrow("gave no topics");
    expect(hub.asked).toMatchObject([{ url: `${own}/topics`, method: "GET" }, {}]);
  });
});

describe("the user's preferences", () => {
  const preferences = {
    muted: ["social"],
    minPriority: "high",
    quietHours: { timeZone: "Europe/Berlin", from: "22:00", to: "07:00", days: [1, 2] },
  } as const;

  test("are read, replaced as a whole, and forgotten", async () => {
    const { client } = device({ token });
    hub.answers = [Response.json(preferences)];
    expect(await client.preferences()).toEqual(preferences);
    await client.setPreferences(preferences);
    await client.setPreferences(null);
    expect(hub.asked).toMatchObject([
      { url: `${own}/preferences`, method: "GET", body: undefined },
      { method: "PUT", body: preferences },
      { url: `${own}/preferences`, method: "DELETE", body: undefined },
    ]);
  });

  test("of a user who has none say so, and something else is none", async () => {
    const { client } = device({ token });
    hub.answers = [Response.json({ muted: [] }), Response.json({ muted: "all" })];
    expect(await client.preferences()).toEqual({ muted: [] });
    await expect(client.preferences()).rejects.toThrow("gave no preferences");
  });

  test("are set as soon as the network is back", async () => {
    const { client, socket } = await live();
    socket.end(1006);
    hub.answers = ["down"];
    const setting = outcome(client.setPreferences({ muted: [] }));
    await pass(5_000);
    FakeSocket.latest().receive(welcome({ from: 0, head: 0 }));
    await pass();
    expect(setting.is).toBe("done");
    expect(hub.asked).toHaveLength(2);
    client.close();
  });
});

describe("a message to a handler of the hub", () => {
  test("resolves with what that answers", async () => {
    hub.answers = [Response.json({ data: { left: 3 } }), Response.json({}), Response.json(null)];
    const { client } = device({ token });
    expect(await client.send("todo.done", { todo: 7 })).toEqual({ left: 3 });
    expect(await client.send("todo.done", null)).toBeUndefined();
    await expect(client.send("todo.done", 8)).rejects.toThrow("no answer of a handler");
    expect(hub.asked).toMatchObject([
      { url: `${own}/send`, method: "POST", body: { name: "todo.done", data: { todo: 7 } } },
      { body: { name: "todo.done", data: null } },
      { body: { name: "todo.done", data: 8 } },
    ]);
  });

  test("of which nobody knows whether it was handled is not sent again, and says so", async () => {
    const { client } = await live();
    hub.answers = ["down"];
    const sending = client.send("todo.done", { todo: 7 });
    await expect(sending).rejects.toMatchObject({ name: "NoAnswerError", cause: new TypeError("down") });
    await expect(sending).rejects.toThrow("not known whether the hub did it");
    await pass(60_000);
    expect(hub.asked).toHaveLength(1);
    client.close();
  });

  test.each([
    [403, "insufficient_scope"],
    [404, "unknown_name"],
    [422, "invalid_data"],
    [429, "too_many_running"],
    [500, "handler_failed"],
    [504, "handler_timeout"],
  ])("that the hub answers by %i is not sent again, and the code says why", async (status, code) => {
    hub.answers = [problem(status, code, "no")];
    await expect(device({ token }).client.send("todo.done", 1)).rejects.toMatchObject({ status, code });
    expect(hub.asked).toHaveLength(1);
  });

  test("is sent again only with a fresh token, since one that is not good opens nothing", async () => {
    hub.answers = [problem(401, "token_expired", "it is over"), Response.json({ data: 1 })];
    expect(await device({ token: freshTokens() }).client.send("todo.done", 1)).toBe(1);
    expect(new Set(hub.asked.map((asked) => asked.token)).size).toBe(2);
  });

  test("that the app has no token for is not sent, and fails with the app's own error", async () => {
    const failing = () => Promise.reject(new TypeError("signed out"));
    await expect(device({ token: failing }).client.send("todo.done", 1)).rejects.toThrow(
      new TypeError("signed out"),
    );
    expect(hub.asked).toEqual([]);
  });
});

test("a request whose token can't be had for the moment waits for that as for the network", async () => {
  let down = true;
  const sometimes = () => (down ? Promise.reject(new TypeError("fetch failed")) : token());
  const { client } = device({ token: sometimes });
  const joining = outcome(client.subscribe("team.7"));
  await pass();
  expect(joining.is).toBe("waiting");
  down = false;
  await pass(1_000);
  expect(joining.is).toBe("done");
});

/** Another one each time. */
function freshTokens() {
  let made = 0;
  return async () => {
    made += 1;
    return `${await token()}${made}`;
  };
}
