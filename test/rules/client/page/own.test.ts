/** What the hub says of its own accord, in the tabs of a browser: told in each of them, once. */
import { describe, expect, test, vi } from "vitest";
import { liveMessage } from "../../../support/client-driver.ts";
import { readableToken } from "../../../support/connect-token.ts";
import { type App, type Handling, ids, inTab, type World, world } from "../../../support/tab-app.ts";

describe("the hub's own word", () => {
  test("is told in every tab, and its handlers get nothing of it", async () => {
    const tabs = world();
    const presences: unknown[] = [];
    const onPresence = (event: unknown) => void presences.push(event);
    const first = await tabs.open({ onPresence });
    const second = await tabs.open({ onPresence });
    await tabs.pass(100);
    tabs.hub.publish(2);
    await tabs.pass(100);
    tabs.hub.withdraw("message-1");
    const came = { topic: "team.7", user: "bob", online: true, asOf: 6 };
    tabs.hub.say({
      type: "live",
      message: { ...liveMessage("presence-1"), type: "hubbub.presence", data: came },
    });
    await tabs.pass(500);
    for (const { seen, withdrawn } of [first, second]) {
      expect(seen).toEqual(ids(1, 2));
      expect(withdrawn).toEqual(["message-1"]);
    }
    expect(presences).toEqual([came, came]);
    expect(tabs.hub.open[0]?.acked).toBe(3);
  });

  test("takes out of a slow tab what waits there, while the fast one takes it down", async () => {
    const tabs = world();
    const fast = await tabs.open();
    const slow: App = await tabs.open({ handle: () => inTab(slow.tab, 300) });
    await tabs.pass(100);
    tabs.hub.publish(3);
    await tabs.pass(100);
    tabs.hub.withdraw("message-3", { express: true });
    await tabs.pass(3_000);
    expect(fast.seen).toEqual(ids(1, 3));
    expect(slow.seen).toEqual(ids(1, 2));
    expect([fast.withdrawn, slow.withdrawn]).toEqual([["message-3"], ["message-3"]]);
    expect(slow.gaps).toEqual([{ from: 3, to: 3, reason: "retracted" }]);
    expect(tabs.hub.open[0]?.acked).toBe(4);
  });
});

/** Three tabs of different pace, and a stream of which some is taken back. */
async function underWay(): Promise<World & { readonly late: string[] }> {
  const tabs = world({ seed: 11 });
  /** Begun to be handled although it was taken down before. */
  const late: string[] = [];
  tabs.hub.window = 4;
  for (const slowMs of [3, 0, 11]) {
    const handle: Handling = ({ id }) => {
      if (app.withdrawn.includes(id)) late.push(id);
      return slowMs > 0 ? inTab(app.tab, slowMs) : undefined;
    };
    const app: App = await tabs.open({ handle });
  }
  await tabs.pass(200);
  const at = (ms: number, happen: () => void) => tabs.browser.time.after(ms, happen);
  for (let count = 0; count < 16; count += 1) at(12 * count, () => tabs.hub.publish());
  for (const [place, number] of [2, 5, 9, 14].entries()) {
    at(12 * number + 9, () => tabs.hub.withdraw(`message-${number}`, { express: place % 2 === 1 }));
  }
  return { ...tabs, late };
}

test("whenever the leader goes, each tab is told of each word once, and handles nothing after the word of it", async () => {
  for (let point = 0; point < 180; point += 4) {
    const tabs = await underWay();
    for (let step = 0; step < point; step += 1) await tabs.browser.time.step(tabs.browser.time.now + 1_500);
    tabs.apps[0]?.crash();
    await tabs.pass(3_000);
    expect(tabs.late, `at point ${point}`).toEqual([]);
    for (const { client, seen, tab, withdrawn } of tabs.apps.slice(1)) {
      const where = `in ${tab.name}, at point ${point}`;
      expect(withdrawn.toSorted(), where).toEqual(["message-14", "message-2", "message-5", "message-9"]);
      expect(new Set(seen).size, where).toBe(seen.length);
      expect([...new Set([...seen, ...withdrawn])].toSorted(), where).toEqual(ids(1, 16).toSorted());
      expect(client.status, where).toEqual({ state: "live" });
    }
  }
});

describe("the topics of the options", () => {
  /** An app in a tab with a token whose claims can be read. */
  async function open(tabs: World, tab: string, topics: readonly string[]): Promise<App> {
    const token = readableToken({ sub: "alice", exp: 4_000_000_000 }, `${tab}-head`);
    const app = await tabs.open({ topics, token: async () => token });
    await vi.dynamicImportSettled();
    await tabs.pass(200);
    return app;
  }

  test("are subscribed to by the tab that leads, and by the next one only what it leads with", async () => {
    const tabs = world();
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: URL) => {
      asked.push(url.pathname);
      return Response.json({ topic: "t", presence: false, pending: false });
    });
    const first = await open(tabs, "tab-1", ["news"]);
    await open(tabs, "tab-2", ["news"]);
    expect(asked).toEqual(["/v1/users/alice/topics/news"]);
    first.crash();
    await tabs.pass(1_000);
    await vi.dynamicImportSettled();
    await tabs.pass(1_000);
    expect(asked).toEqual(["/v1/users/alice/topics/news", "/v1/users/alice/topics/news"]);
  });

  test("are subscribed to and left from any tab by the app itself", async () => {
    const tabs = world();
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: URL, { method }: { readonly method: string }) => {
      asked.push(`${method} ${url.pathname}`);
      return Response.json({ topic: "t", presence: false, pending: false });
    });
    await open(tabs, "tab-1", []);
    const second = await open(tabs, "tab-2", []);
    await second.tab.run(() => second.client.subscribe("team.7"));
    await second.tab.run(() => second.client.unsubscribe("team.7"));
    expect(asked).toEqual(["PUT /v1/users/alice/topics/team.7", "DELETE /v1/users/alice/topics/team.7"]);
  });
});
