/** Whole audiences through both SDKs and a real hub: topics, everyone, what is taken back, and when it comes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HubClientOptions, PresenceEvent, Withdrawal } from "../../src/client/index.ts";
import { HubPublisher } from "../../src/publisher/index.ts";
import { apiKeys } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { type HubProcess, startHub } from "../support/hub-process.ts";
import { listen } from "../support/publisher.ts";

let hub: HubProcess;
let server: HubPublisher;
beforeAll(async () => {
  hub = await startHub();
  server = new HubPublisher({ url: hub.url, key: apiKeys.all });
});
afterAll(() => hub.stop());

/** A live device of a user who may join the topics of a team. */
async function member(user: string, device = "phone", options: Partial<HubClientOptions> = {}) {
  const withdrawn: Withdrawal[] = [];
  const presences: PresenceEvent[] = [];
  const faults: unknown[] = [];
  const listener = await listen(hub.url, user, device, {
    token: async () => (await server.token(user, { topics: ["team.*"] })).token,
    onWithdrawn: (withdrawal) => void withdrawn.push(withdrawal),
    onPresence: (event) => void presences.push(event),
    onFault: (fault) => void faults.push(fault),
    ...options,
  });
  await eventually(() => listener.statuses.includes("live"));
  return { ...listener, withdrawn, presences, faults };
}

const ended = (...members: readonly { readonly client: { close(): void } }[]) => {
  for (const { client } of members) client.close();
};

async function membersOf(topic: string): Promise<unknown[]> {
  const members: unknown[] = [];
  for await (const member of server.topics.members(topic)) members.push(member);
  return members;
}

describe("a topic", () => {
  it("has the members whom devices and the server have made members, and reaches each once", async () => {
    const alice = await member("alice", "phone", { topics: ["team.7"] });
    const bob = await member("bob");
    await bob.client.subscribe("team.7");
    await server.topics.add("team.7", ["carol", "dave"]);
    await server.topics.remove("team.7", ["dave"]);
    await eventually(async () => (await membersOf("team.7")).length === 3);
    expect(await membersOf("team.7")).toEqual(
      ["alice", "bob", "carol"].map((user) => ({ user, presence: false })),
    );
    expect(await alice.client.topics()).toMatchObject([{ topic: "team.7", presence: false }]);

    const receipt = await server.publish({ to: { topic: "team.7" }, type: "note", data: 1 });
    expect(receipt.recipients).toBeUndefined();
    const carol = await member("carol");
    for (const { received } of [alice, bob, carol]) {
      await eventually(() => received.length === 1);
      expect(received).toMatchObject([{ id: receipt.id, topic: "team.7", data: 1 }]);
    }

    await bob.client.unsubscribe("team.7");
    expect(await bob.client.topics()).toEqual([]);
    ended(alice, bob, carol);
  });

  it("that the token does not allow is refused, to a call and to the option", async () => {
    const eve = await member("eve", "phone", { topics: ["board"] });
    await eventually(() => eve.faults.length === 1);
    expect(eve.faults).toMatchObject([{ kind: "topic", topic: "board", error: { code: "forbidden" } }]);
    await expect(eve.client.subscribe("team.7.builds")).rejects.toMatchObject({ code: "forbidden" });
    ended(eve);
  });

  it("tells its members who comes, if both want that", async () => {
    const watcher = await member("watcher");
    await watcher.client.subscribe("team.9", { presence: true });
    await server.topics.add("team.9", ["comer"], { presence: true });
    const comer = await member("comer");
    const ofComer = () => watcher.presences.filter(({ user }) => user === "comer");
    await eventually(() => ofComer().length === 1);
    expect(ofComer()).toMatchObject([{ topic: "team.9", online: true }]);
    expect(await server.presence(["comer", "nobody"])).toMatchObject([
      { user: "comer", online: true },
      { user: "nobody", online: false },
    ]);
    ended(watcher, comer);
  });
});

describe("a message", () => {
  it("that is taken back is taken down where it is, and comes nowhere else", async () => {
    const frank = await member("frank");
    const { id } = await server.publish({ to: { user: "frank" }, type: "note", data: 1 });
    await eventually(() => frank.received.length === 1);
    await server.retract(id, { user: "frank" });
    await eventually(() => frank.withdrawn.length === 1);
    expect(frank.withdrawn).toEqual([{ id, reason: "retracted" }]);
    const tablet = await member("frank", "tablet");
    await eventually(() => tablet.withdrawn.length === 1);
    expect(tablet.received.filter(({ type }) => type === "note")).toEqual([]);
    ended(frank, tablet);
  });

  it("that one device has seen to is taken down on the others, and stays on that one", async () => {
    const phone = await member("grace");
    await server.publish({ to: { user: "grace" }, type: "note", cancelOn: "ack", data: 1 });
    await eventually(() => phone.received.length === 1);
    const { id } = phone.received[0] ?? expect.fail("nothing came");
    await server.publish({ to: { user: "grace" }, type: "last" });
    const tablet = await member("grace", "tablet");
    await eventually(() => tablet.withdrawn.length === 1 && phone.received.length === 2);
    expect(tablet.withdrawn).toEqual([{ id, reason: "handled", device: "phone" }]);
    expect(phone.withdrawn).toEqual([]);
    ended(phone, tablet);
  });

  it("that takes the place of another one names it", async () => {
    const heidi = await member("heidi");
    const first = await server.publish({ to: { user: "heidi" }, type: "note", data: 1 });
    await eventually(() => heidi.received.length === 1);
    await server.publish({ to: { user: "heidi" }, type: "note", replaces: first.id, data: 2 });
    await eventually(() => heidi.received.length === 2);
    expect(heidi.received[1]).toMatchObject({ replaces: first.id, data: 2 });
    const { messages } = await heidi.client.inbox();
    expect(messages.map(({ data }) => data)).toEqual([2]);
    ended(heidi);
  });

  it("that waits for its time comes then, unless it is taken back before", async () => {
    const ivan = await member("ivan");
    const to = { user: "ivan" };
    const due = Date.now() + 2_000;
    await server.publish({ to, type: "note", deliverAt: new Date(due), data: "in time" });
    const called = await server.publish({ to, type: "note", deliverAt: due, data: "called off" });
    await server.retract(called.id, to);
    await eventually(() => ivan.received.length > 0);
    expect(Date.now()).toBeGreaterThanOrEqual(due);
    await server.publish({ to, type: "last" });
    await eventually(() => ivan.received.some(({ type }) => type === "last"));
    expect(ivan.data().slice(0, -1)).toEqual(["in time"]);
    ended(ivan);
  });

  it("that its user has muted comes silently", async () => {
    const judy = await member("judy");
    await judy.client.setPreferences({ muted: ["social"] });
    expect(await judy.client.preferences()).toEqual({ muted: ["social"] });
    const to = { user: "judy" };
    await server.publish({ to, type: "note", category: "social", data: 1 });
    await server.publish({ to, type: "note", category: "security", data: 2 });
    await eventually(() => judy.received.length === 2);
    const silent = new Map(judy.received.map(({ data, silent }) => [data, silent]));
    expect([silent.get(1), silent.get(2)]).toEqual([true, undefined]);
    await judy.client.setPreferences(null);
    expect(await judy.client.preferences()).toEqual({ muted: [] });
    ended(judy);
  });

  it("to a handler that nobody has defined is refused", async () => {
    const mallory = await member("mallory");
    await expect(mallory.client.send("todo.done", { todo: 7 })).rejects.toMatchObject({
      name: "HubError",
      status: 404,
      code: "unknown_name",
    });
    ended(mallory);
  });
});

// Last, since it reaches all of the users above.
describe("everyone", () => {
  it("is reached once, who comes back later as soon as that", async () => {
    const here = await member("here");
    const { id } = await server.publish({
      to: { everyone: true, audience: "all" },
      type: "news",
      data: "for all",
    });
    await eventually(() => here.received.some((message) => message.id === id));
    const later = await member("later");
    await eventually(() => later.received.some((message) => message.id === id));
    ended(here, later);
  });
});
