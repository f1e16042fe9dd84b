/** One connection for all tabs of a browser: who holds it, and what the others get of it. */
import { describe, expect, test } from "vitest";
import { memoryStorage } from "../../../../src/client/index.ts";
import { savedAt } from "../../../support/client-driver.ts";
import { readableToken } from "../../../support/connect-token.ts";
import { ids, world } from "../../../support/tab-app.ts";

describe("two tabs", () => {
  test("share one connection, and each gets every message once", async () => {
    const tabs = world();
    const { hub, open, pass } = tabs;
    const first = await open();
    await pass(100);
    const second = await open();
    await pass(100);
    tabs.hub.publish(20);
    await pass(1_000);
    expect(hub.tried).toHaveLength(1);
    expect(first.seen).toEqual(ids(1, 20));
    expect(second.seen).toEqual(ids(1, 20));
    expect([first.client.leading, second.client.leading]).toEqual([true, false]);
    expect(second.statuses.map(({ state }) => state)).toEqual(["connecting", "live"]);
    expect(hub.open[0]?.acked).toBe(20);
  });

  test("of two users share nothing, though the app gives both the same device and storage", async () => {
    const { hub, open, pass } = world();
    await open({ device: "browser" });
    const other = await open({ device: "browser", user: "bob" });
    await pass(100);
    expect(hub.tried).toHaveLength(2);
    expect(other.client.leading).toBe(true);
  });

  test("whose app had no token for a moment share all the same", async () => {
    const { hub, open, pass } = world();
    await open();
    await pass(100);
    let asked = 0;
    const token = async () => {
      asked += 1;
      if (asked === 1) throw new Error("503 of the app's own server");
      return readableToken({ sub: "alice", exp: 4_000_000_000 }, `tab-2-${asked}`);
    };
    const other = await open({ token });
    await pass(60_000);
    expect(other.client.status.state).toBe("live");
    expect(hub.tried).toHaveLength(1);
  });

  test("whose app has no token when they start are devices of their own", async () => {
    const { hub, open, pass } = world();
    await open();
    await pass(100);
    let signedIn = false;
    const token = async () => {
      if (!signedIn) throw new Error("not signed in");
      return readableToken({ sub: "alice", exp: 4_000_000_000 }, "tab-2-x");
    };
    const app = await open({ token });
    await pass(10_000);
    signedIn = true;
    await pass(60_000);
    expect(hub.open).toHaveLength(2);
    expect(app.client.status.state).toBe("live");
  });

  test("of which one comes while the other waits for the hub waits as well, for the same reason", async () => {
    const { hub, open, pass } = world();
    const first = await open();
    await pass(100);
    hub.refuse = 1012;
    hub.end(1012);
    await pass(40_000);
    expect(first.client.status).toMatchObject({ state: "waiting", code: 1012 });
    const second = await open();
    await pass(100);
    expect(second.client.status).toMatchObject({ state: "waiting", code: 1012 });
    hub.refuse = undefined;
    await pass(60_000);
    expect([first, second].map(({ client }) => client.status.state)).toEqual(["live", "live"]);
    expect(second.statuses).not.toContainEqual(expect.objectContaining({ reason: "no welcome" }));
  });

  test("that start at the very same moment agree on one device and one connection", async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const tabs = world({ seed });
      await Promise.all([tabs.open(), tabs.open(), tabs.open()]);
      await tabs.pass(100);
      tabs.hub.publish(3);
      await tabs.pass(100);
      expect(tabs.hub.tried).toHaveLength(1);
      expect(tabs.leaders()).toHaveLength(1);
      for (const { seen } of tabs.apps) expect(seen).toEqual(ids(1, 3));
    }
  });

  test("of which one is closed while it starts leave the other the connection", async () => {
    const { open, pass, hub } = world();
    const first = await open();
    first.close();
    const second = await open();
    await pass(1_000);
    expect(second.client.leading).toBe(true);
    expect(hub.tried).toHaveLength(1);
  });

  test("of which one is started again do not stand in each other's way", async () => {
    const tabs = world();
    const first = await tabs.open();
    first.close();
    first.start();
    await tabs.pass(100);
    const second = await tabs.open();
    first.close();
    first.start();
    await tabs.pass(1_000);
    tabs.hub.publish(3);
    await tabs.pass(1_000);
    expect(first.seen).toEqual(ids(1, 3));
    expect(second.seen).toEqual(ids(1, 3));
    first.close();
    await tabs.pass(1_000);
    expect(second.client.leading).toBe(true);
  });

  test("of different devices or hubs share nothing", async () => {
    const tabs = world();
    await tabs.open({ device: "one" });
    await tabs.open({ device: "two" });
    await tabs.open({ device: "one", url: "https://other.test/" });
    await tabs.pass(100);
    expect(tabs.hub.tried).toHaveLength(3);
  });

  test("are the same for two clients in one tab", async () => {
    const tabs = world();
    const { tab, seen } = await tabs.open();
    const other = await tabs.open({ tab });
    await tabs.pass(100);
    tabs.hub.publish(3);
    await tabs.pass(100);
    expect(tabs.hub.tried).toHaveLength(1);
    expect(seen).toEqual(ids(1, 3));
    expect(other.seen).toEqual(ids(1, 3));
  });
});

describe("every tab gets", () => {
  async function three() {
    const tabs = world();
    for (let count = 0; count < 3; count += 1) await tabs.open();
    await tabs.pass(200);
    return tabs;
  }

  test("express copies, live-only messages and gaps", async () => {
    const tabs = await three();
    tabs.hub.publishLive("live-one");
    await tabs.pass(50);
    tabs.hub.express();
    await tabs.pass(50);
    for (const { seen } of tabs.apps) expect(seen).toEqual(["live-one", "message-1"]);
    tabs.hub.end(1006);
    tabs.hub.publish(4);
    tabs.hub.expire(3);
    await tabs.pass(60_000);
    for (const { seen, gaps } of tabs.apps) {
      expect(gaps).toMatchObject([{ from: 2, to: 3, reason: "expired" }]);
      expect(seen.slice(2)).toEqual(ids(4, 5));
    }
  });

  test("the read state, also who comes later", async () => {
    const tabs = await three();
    tabs.hub.publish(2);
    await tabs.pass(50);
    tabs.hub.say({ type: "state", unread: 1, readUpTo: 1, rev: 1 });
    const late = await tabs.open();
    await tabs.pass(50);
    for (const { unread } of tabs.apps.slice(0, 3)) expect(unread).toEqual([1, 2, 1]);
    expect(late.unread).toEqual([1]);
    expect(late.client.unread).toBe(1);
  });

  test("complaints and farewells of the hub", async () => {
    const tabs = await three();
    tabs.hub.say({ type: "error", code: "internal", message: "sorry" });
    tabs.hub.say({ type: "bye", code: 4200, reason: "deploy", retryAfter: 700 });
    await tabs.pass(20);
    tabs.hub.end(1006);
    await tabs.pass(20);
    for (const { faults, client } of tabs.apps) {
      expect(faults).toEqual(["hub"]);
      expect(client.status).toMatchObject({ state: "waiting", code: 4200, reason: "deploy" });
    }
    await tabs.pass(20_000);
    expect(tabs.hub.tried).toHaveLength(2);
    for (const { client } of tabs.apps) expect(client.status).toEqual({ state: "live" });
  });

  test("no token of its own refreshed but the leader's", async () => {
    const tabs = await three();
    tabs.hub.say({ type: "reauth", expires: 1 });
    await tabs.pass(50);
    expect(tabs.apps.map(({ tokens }) => tokens)).toEqual([2, 1, 1]);
  });

  test("an hour of silence without losing the connection", async () => {
    const tabs = await three();
    await tabs.pass(3_600_000);
    tabs.hub.publish(1);
    await tabs.pass(50);
    expect(tabs.hub.tried).toHaveLength(1);
    for (const { seen, statuses } of tabs.apps) {
      expect(seen).toEqual(ids(1, 1));
      expect(new Set(statuses.map(({ state }) => state))).toEqual(new Set(["connecting", "live"]));
    }
  });
});

describe("a tab that comes later", () => {
  test("goes on after what was saved", async () => {
    const tabs = world();
    await tabs.open();
    await tabs.pass(100);
    tabs.hub.publish(10);
    await tabs.pass(500);
    const late = await tabs.open();
    await tabs.pass(100);
    tabs.hub.publish(2);
    await tabs.pass(500);
    expect(late.begun).toMatchObject({ cursor: 10 });
    expect(late.seen).toEqual(ids(11, 12));
    expect(late.resets).toEqual([]);
    expect(tabs.hub.tried).toHaveLength(1);
  });

  test("with an earlier place makes the connection begin there, and doubles nothing elsewhere", async () => {
    const tabs = world();
    const first = await tabs.open({ device: "laptop" });
    await tabs.pass(100);
    tabs.hub.publish(400);
    await tabs.pass(2_000);
    const behind = await tabs.open({
      device: "laptop",
      storage: memoryStorage({ ...savedAt(30), device: "laptop" }),
    });
    await tabs.pass(2_000);
    tabs.hub.publish(5);
    await tabs.pass(2_000);
    expect(behind.seen).toEqual(ids(31, 405));
    expect(first.seen).toEqual(ids(1, 405));
    expect(tabs.hub.tried).toHaveLength(2);
    expect(tabs.hub.complaints).toEqual([]);
  });

  test("with an earlier place makes nobody hear of numbers as gone that it has handled", async () => {
    const tabs = world();
    const first = await tabs.open({ device: "laptop" });
    await tabs.pass(100);
    tabs.hub.publish(300);
    await tabs.pass(2_000);
    const storage = memoryStorage({ ...savedAt(2), device: "laptop" });
    const behind = await tabs.open({ device: "laptop", storage });
    await tabs.browser.time.until(() => tabs.hub.tried.length === 2, 1_000);
    tabs.hub.publish(1);
    tabs.hub.expire(301);
    await tabs.pass(1_000);
    expect(first.gaps).toMatchObject([{ from: 301, to: 301 }]);
    expect(behind.gaps).toMatchObject([{ from: 3, to: 301 }]);
  });

  test("with a place that the leader still holds needs no other connection", async () => {
    const tabs = world();
    await tabs.open({ device: "laptop" });
    await tabs.pass(100);
    tabs.hub.publish(100);
    await tabs.pass(2_000);
    const storage = memoryStorage({ ...savedAt(30), device: "laptop" });
    const behind = await tabs.open({ device: "laptop", storage });
    await tabs.pass(2_000);
    expect(behind.seen).toEqual(ids(31, 100));
    expect(tabs.hub.tried).toHaveLength(1);
  });

  test("that knows nothing, or another epoch, gets all that is kept and is told why", async () => {
    const tabs = world();
    await tabs.open({ device: "laptop" });
    await tabs.pass(100);
    tabs.hub.publish(300);
    await tabs.pass(2_000);
    const unknowing = await tabs.open({ device: "laptop", storage: memoryStorage() });
    const other = { ...savedAt(500), epoch: "epoch-0", device: "laptop" };
    const elsewhere = await tabs.open({ device: "laptop", storage: memoryStorage(other) });
    await tabs.pass(5_000);
    for (const { seen } of [unknowing, elsewhere]) expect(seen).toEqual(ids(1, 300));
    expect(unknowing.resets).toEqual(["new"]);
    expect(elsewhere.resets).toEqual(["epoch"]);
  });

  test("asks nothing of a browser whose leader has no connection, and gets one with it", async () => {
    const tabs = world();
    tabs.hub.refuse = 1006;
    await tabs.open();
    await tabs.pass(5_000);
    const late = await tabs.open();
    const tried = tabs.hub.tried.length;
    tabs.hub.refuse = undefined;
    await tabs.browser.time.until(() => late.client.status.state === "live", 60_000);
    expect(tabs.hub.tried).toHaveLength(tried + 1);
  });
});

test("a hub that lost its storage makes every tab begin anew, and doubles nothing", async () => {
  const tabs = world();
  for (let count = 0; count < 3; count += 1) await tabs.open();
  await tabs.pass(200);
  tabs.hub.publish(5);
  await tabs.pass(500);
  tabs.hub.loseStorage();
  tabs.hub.publish(3);
  await tabs.pass(30_000);
  for (const { seen, resets } of tabs.apps) {
    expect(seen).toEqual(ids(1, 8));
    expect(resets).toEqual(["new", "epoch"]);
  }
  expect(tabs.saved()).toMatchObject({ epoch: "epoch-2", cursor: 3 });
});
