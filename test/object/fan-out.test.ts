/** From the publisher to the devices of a crowd, through the queues of the local runtime. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { deadLettersName } from "../../src/lanes/dead-letter.ts";
import { deadTextKey } from "../../src/lanes/dead-record.ts";
import { beginning, encodeJob, paging } from "../../src/lanes/job.ts";
import { lanes } from "../../src/lanes/lane.ts";
import { queue } from "../../src/lanes/queue.ts";
import { laneLimits } from "../../src/limits.ts";
import { type Topic, topic, type UserId } from "../../src/protocol/ids.ts";
import type { Crowd } from "../../src/protocol/message.ts";
import { type Priority, priorities } from "../../src/protocol/priority.ts";
import { accepted, api, broken, problem, publish, quietly } from "../support/api.ts";
import { apiKeys } from "../support/credentials.ts";
import { aUser, connect, hubOf, leave } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { message } from "../support/messages.ts";

const aTopic = (): Topic => topic.parse(`t-${crypto.randomUUID()}`);
const someUsers = (count: number) => Array.from({ length: count }, aUser);

async function join(name: Topic, ...add: UserId[]): Promise<void> {
  const answer = await api("POST", `/v1/topics/${name}/members`, { json: { add } });
  if (!answer.ok) throw new Error(`not joined: ${await answer.text()}`);
}

/** How often the message is in the inbox of each of these users. */
async function copies(users: readonly UserId[], id: string): Promise<number[]> {
  return Promise.all(
    users.map(async (user) => {
      const { messages } = await hubOf(user).inbox({ limit: 100, unread: false });
      return messages.filter((one) => one.id === id).length;
    }),
  );
}

const got = (users: readonly UserId[], id: string, times = 1) =>
  eventually(async () => (await copies(users, id)).every((count) => count === times), {
    what: () => `${users.length} users get ${id}`,
  });

/** What the consumer of a lane does with a text, as the platform sees it. */
async function consumed(lane: Priority, body: string, { attempts = 1, bindings = {} } = {}) {
  const at = { id: "1", timestamp: new Date(), attempts, body };
  const batch = createMessageBatch(lanes[lane].queue, [at]);
  const context = createExecutionContext();
  await queue(batch, { ...env, ...bindings });
  return getQueueResult(batch, context);
}

describe("a message to a topic", () => {
  test.each(priorities)(
    "of priority %s reaches its members, online or not, and nobody else",
    async (priority) => {
      const name = aTopic();
      const [stranger, ...members] = [aUser(), ...someUsers(5)];
      await join(name, ...members);
      const [first = stranger] = members;
      const device = await connect(first);
      const receipt = await accepted(publish({ to: { topic: name }, type: "note", data: "hello", priority }));
      // How many they are, nobody knows before it is fanned out.
      expect(receipt).toEqual({ id: receipt.id, state: "queued", expires: expect.any(Number) });
      await got(members, receipt.id);
      await device.until(() => device.all("messages").length > 0, "the message comes");
      expect(device.last("messages").messages).toMatchObject([
        { id: receipt.id, topic: name, data: "hello" },
      ]);
      expect(await copies([stranger], receipt.id)).toEqual([0]);
    },
  );

  test("of which there are no members is accepted and comes to its end", async () => {
    const { state } = await accepted(publish({ to: { topic: aTopic() }, type: "note" }));
    expect(state).toBe("queued");
    const text = encodeJob(beginning(message(), { topic: aTopic() }, 1));
    expect((await consumed("normal", text)).explicitAcks).toEqual(["1"]);
  });

  test("is accepted together with messages to named users, whole", async () => {
    const name = aTopic();
    const [alice, bob] = [aUser(), aUser()];
    await join(name, alice);
    const answer = await publish({
      messages: [
        { to: { topic: name }, type: "note", priority: "low" },
        { to: { user: bob }, type: "note", priority: "high" },
        { to: { user: bob }, type: "note", priority: "critical" },
      ],
    });
    const { messages: receipts } = await answer.json<{ messages: { id: string; state: string }[] }>();
    expect(receipts.map(({ state }) => state)).toEqual(["queued", "queued", "settled"]);
    await got([alice], receipts[0]?.id ?? "");
    await got([bob], receipts[1]?.id ?? "");
  });

  test("arrives once however often its job does", async () => {
    const name = aTopic();
    const members = someUsers(3);
    await join(name, ...members);
    const note = message();
    const text = encodeJob(beginning(note, { topic: name }, 1));
    for (let times = 0; times < 3; times += 1) await env.LANE_NORMAL.send(text, { contentType: "text" });
    await got(members, note.id);
    await env.LANE_NORMAL.send(text, { contentType: "text" });
    const last = message();
    await env.LANE_NORMAL.send(encodeJob(beginning(last, { topic: name }, 1)), { contentType: "text" });
    await got(members, last.id);
    expect(await copies(members, note.id)).toEqual([1, 1, 1]);
  });

  test("whose topic fails is tried again, then dead, and redriven reaches everybody from where it stood", async () => {
    const name = aTopic();
    const members = someUsers(2);
    await join(name, ...members);
    const note = message();
    const text = encodeJob(paging(note, { topic: name }, 1));
    const bindings = { TOPIC: broken(env.TOPIC, new Error("the topic is gone")) };
    await quietly(async () => {
      const retried = await consumed("normal", text, { bindings });
      expect(retried).toMatchObject({ retryMessages: [{ msgId: "1" }], explicitAcks: [] });
      const dead = await consumed("normal", text, { bindings, attempts: laneLimits.maxAttempts });
      expect(dead.explicitAcks).toEqual(["1"]);
      const key = deadTextKey(text);
      const find = async () => {
        const { letters } = await env.DEAD_LETTERS.getByName(deadLettersName).list({ limit: 100 });
        return letters.find((letter) => letter.key === key);
      };
      await eventually(async () => (await find()) !== undefined, { what: () => "the job is a dead letter" });
      expect(await find()).toMatchObject({
        ...{ reason: "attempts_exhausted", attempts: laneLimits.maxAttempts, lane: "normal", raw: text },
        error: "Error: the topic is gone",
      });
      expect(await copies(members, note.id)).toEqual([0, 0]);
      expect((await api("POST", `/v1/dead-letters/${key}/redrive`)).status).toBe(202);
      await got(members, note.id);
    });
  });
});

describe("a message to everyone", () => {
  const toAll = { everyone: true, audience: "all" };

  test("who is online reaches their devices at once, and nobody who is away", async () => {
    const [here, away] = [aUser(), aUser()];
    await hubOf(away).deliver([message()]);
    const device = await connect(here);
    const { id } = await accepted(publish({ to: { everyone: true, audience: "online" }, type: "note" }));
    await device.until(() => device.all("messages").length > 0, "the message comes");
    expect(device.last("messages").messages).toMatchObject([{ id }]);
    await connect(away);
    expect(await copies([here, away], id)).toEqual([1, 0]);
  });

  test("at all reaches who is online, and who is away when they come", async () => {
    const [here, away] = [aUser(), aUser()];
    const device = await connect(here);
    const { id } = await accepted(publish({ to: toAll, type: "note", priority: "high" }));
    await device.until(() => device.all("messages").length > 0, "the message comes");
    const later = await connect(away);
    await later.until(() => later.all("messages").length > 0, "what was missed comes");
    expect(await copies([here, away], id)).toEqual([1, 1]);
  });
});

describe("a message to a crowd in the place of another one", () => {
  test("takes it also from who has left the topic since", async () => {
    const name = aTopic();
    const [stays, leaves] = [aUser(), aUser()];
    await join(name, stays, leaves);
    const old = await accepted(publish({ to: { topic: name }, type: "note" }));
    await got([stays, leaves], old.id);
    await api("POST", `/v1/topics/${name}/members`, { json: { remove: [leaves] } });
    const next = await accepted(publish({ to: { topic: name }, type: "note", replaces: old.id }));
    await got([stays], next.id);
    await got([leaves], old.id, 0);
    expect(await hubOf(leaves).messageState(old.id)).toMatchObject({ state: "replaced" });
    await got([stays], old.id, 0);
    expect(await copies([stays, leaves], next.id)).toEqual([1, 0]);
  });

  test("takes it also from who is not online any more, when they come", async () => {
    const [stays, leaves] = [aUser(), aUser()];
    const to = { everyone: true, audience: "online" };
    await connect(stays);
    const gone = await connect(leaves, { device: "phone" });
    const old = await accepted(publish({ to, type: "note" }));
    await got([stays, leaves], old.id);
    await gone.until(() => gone.all("messages").length > 0, "it comes");
    await leave(gone);
    const next = await accepted(publish({ to, type: "note", replaces: old.id }));
    await got([stays], next.id);
    await got([leaves], old.id, 0);
    const again = await connect(leaves, { device: "phone", resume: gone.resume });
    await again.until(() => again.all("messages").length > 0, "the word comes");
    expect(again.all("messages").flatMap(({ messages }) => messages)).toMatchObject([
      { type: "hubbub.withdrawn", data: { id: old.id, reason: "replaced" } },
    ]);
    expect(await copies([stays, leaves], next.id)).toEqual([1, 0]);
  });
});

describe("a request with a message for a crowd", () => {
  test("B29 takes a key with the scope broadcast where that is everyone, and says so", async () => {
    const to = { everyone: true, audience: "all" };
    const messages = [
      { to: { user: aUser() }, type: "note" },
      { to, type: "note" },
    ];
    for (const body of [{ to, type: "note" }, { messages }]) {
      const response = await publish(body, { credential: apiKeys.publish });
      expect(response.headers.get("WWW-Authenticate")).toBe(
        'Bearer error="insufficient_scope", scope="broadcast"',
      );
      expect(await problem(response)).toMatchObject({ status: 403, code: "insufficient_scope" });
    }
  });

  test("is refused when the lane refuses its job", async () => {
    const crowd: Crowd = { topic: aTopic() };
    const bindings = { LANE_NORMAL: broken(env.LANE_NORMAL, new Error("Too Many Requests")) };
    await quietly(async () => {
      const refused = await problem(publish({ to: crowd, type: "note" }, { bindings }));
      expect(refused).toMatchObject({ status: 503, code: "lane_unavailable" });
    });
  });
});
