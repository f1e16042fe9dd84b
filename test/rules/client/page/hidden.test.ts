/** Tabs that are put away: frozen, in the back/forward cache, in the background. */
import { describe, expect, test } from "vitest";
import { ids, inTab, missedBy, world } from "../../../support/tab-app.ts";

async function two() {
  const tabs = world();
  const first = await tabs.open();
  await tabs.pass(100);
  const second = await tabs.open();
  await tabs.pass(100);
  tabs.hub.publish(3);
  await tabs.pass(500);
  return { tabs, first, second };
}

describe("a tab in the back/forward cache", () => {
  test("hands the connection on, and follows when it comes back", async () => {
    const { tabs, first, second } = await two();
    first.tab.enterCache();
    tabs.hub.publish(3);
    await tabs.browser.time.until(() => second.seen.length === 6, 1_000);
    await tabs.pass(60_000);
    tabs.hub.publish(3);
    first.tab.leaveCache();
    await tabs.pass(1_000);
    tabs.hub.publish(3);
    await tabs.pass(1_000);
    for (const { seen, client } of [first, second]) {
      expect(seen).toEqual(ids(1, 12));
      expect(client.status).toEqual({ state: "live" });
    }
    expect(tabs.leaders()).toEqual([second]);
    expect(tabs.hub.tried).toHaveLength(2);
  });

  test("that follows may still lead when it comes back", async () => {
    const { tabs, first, second } = await two();
    second.tab.enterCache();
    await tabs.pass(60_000);
    second.tab.leaveCache();
    await tabs.pass(1_000);
    first.crash();
    tabs.hub.publish(3);
    await tabs.pass(2_000);
    expect(second.seen).toEqual(ids(1, 6));
    expect(second.client.leading).toBe(true);
  });

  test("that is alone connects again when it comes back, and has missed nothing", async () => {
    const { tabs, first, second } = await two();
    second.close();
    first.tab.enterCache();
    tabs.hub.publish(3);
    await tabs.pass(60_000);
    expect(tabs.hub.open).toEqual([]);
    first.tab.leaveCache();
    await tabs.pass(1_000);
    expect(first.seen).toEqual(ids(1, 6));
    expect(first.client.leading).toBe(true);
    expect(first.client.status).toEqual({ state: "live" });
  });

  test("that stopped before stays stopped", async () => {
    const { tabs, first, second } = await two();
    second.close();
    first.close();
    await tabs.pass(100);
    first.tab.enterCache();
    first.tab.leaveCache();
    await tabs.pass(1_000);
    expect(tabs.hub.tried).toHaveLength(1);
  });

  test("may be closed from there", async () => {
    const { tabs, first, second } = await two();
    first.tab.enterCache();
    await tabs.pass(1_000);
    first.crash();
    await tabs.pass(1_000);
    expect(tabs.leaders()).toEqual([second]);
    expect(tabs.hub.open).toHaveLength(1);
  });
});

test("a page that is shown for the first time is not taken for one that comes back", async () => {
  const { tabs, first } = await two();
  first.tab.later(0, () => first.tab.window.dispatchEvent(new Event("pageshow")));
  await tabs.pass(1_000);
  expect(tabs.hub.tried).toHaveLength(1);
  expect(tabs.leaders()).toEqual([first]);
});

test("a follower that was frozen catches up, without holding up the others for long", async () => {
  const { tabs, first, second } = await two();
  tabs.hub.window = 16;
  second.tab.freeze();
  tabs.hub.publish(100);
  await tabs.pass(30_000);
  expect(first.seen).toEqual(ids(1, 103));
  second.tab.thaw();
  await tabs.pass(2_000);
  expect(second.seen).toEqual(ids(1, 103));
  expect(tabs.hub.tried).toHaveLength(1);
});

test("a leader that was frozen for an hour is the leader when it thaws", async () => {
  const { tabs, first, second } = await two();
  first.tab.freeze();
  tabs.hub.publish(20);
  await tabs.pass(3_600_000);
  first.tab.thaw();
  await tabs.pass(60_000);
  expect(tabs.leaders()).toEqual([first]);
  for (const app of [first, second]) {
    expect(missedBy(app, tabs.hub.head)).toEqual([]);
    expect(app.seen).toHaveLength(23);
    expect(app.client.status).toEqual({ state: "live" });
  }
});

describe("somebody who looks", () => {
  test("at a follower makes the leader try at once", async () => {
    const { tabs, second } = await two();
    tabs.hub.refuse = 1006;
    tabs.hub.end(1006);
    await tabs.pass(100_000);
    tabs.hub.refuse = undefined;
    // Some wait is under way by now, or begins right away.
    await tabs.pass(1);
    second.tab.look();
    await tabs.pass(100);
    for (const { client } of tabs.apps) expect(client.status).toEqual({ state: "live" });
  });

  test("does not make it try when the hub has asked to wait", async () => {
    const { tabs, second } = await two();
    tabs.hub.refuse = 4100;
    tabs.hub.end(4100);
    await tabs.pass(1);
    for (let looked = 0; looked < 50; looked += 1) {
      second.tab.look();
      second.tab.online();
      await tabs.pass(10);
    }
    expect(tabs.hub.tried.length).toBeLessThanOrEqual(3);
  });

  test("finds a dead connection sooner", async () => {
    const { tabs, second } = await two();
    tabs.hub.vanish();
    tabs.hub.publish(1);
    await tabs.pass(1_000);
    second.tab.look();
    await tabs.browser.time.until(() => second.seen.length === 4, 22_000);
  });
});

test("a network that is back makes one try, however many tabs hear of it", async () => {
  const { tabs } = await two();
  tabs.hub.refuse = 1006;
  tabs.hub.end(1006);
  await tabs.pass(100_000);
  const before = tabs.hub.tried.length;
  tabs.hub.refuse = undefined;
  for (const { tab } of tabs.apps) tab.online();
  await tabs.pass(100);
  expect(tabs.hub.tried.length - before).toBeLessThanOrEqual(1);
  for (const { client } of tabs.apps) expect(client.status).toEqual({ state: "live" });
});

test("a handler that runs while its tab comes to lead is not run twice", async () => {
  const tabs = world();
  const first = await tabs.open();
  await tabs.pass(100);
  const second = await tabs.open({ handle: () => inTab(second.tab, 400) });
  await tabs.pass(100);
  tabs.hub.publish(3);
  await tabs.pass(100);
  first.crash();
  await tabs.pass(5_000);
  expect(second.seen).toEqual(ids(1, 3));
  expect(tabs.saved()).toMatchObject({ cursor: 3 });
});

test("a former leader that comes back from the cache does not disturb those that follow another one by now", async () => {
  const { tabs, first, second } = await two();
  const third = await tabs.open();
  await tabs.pass(100);
  first.tab.enterCache();
  await tabs.pass(60_000);
  expect(second.client.leading).toBe(true);
  const before = third.statuses.length;
  first.tab.leaveCache();
  await tabs.pass(60_000);
  expect(third.statuses.slice(before)).toEqual([]);
});

test("a page that goes into the cache and comes back does not cut a wait short that the hub asked for", async () => {
  const tabs = world();
  const app = await tabs.open();
  await tabs.pass(100);
  tabs.hub.refuse = 4100;
  tabs.hub.end(4100);
  await tabs.pass(50);
  const before = tabs.hub.tried.length;
  for (let round = 0; round < 20; round += 1) {
    app.tab.enterCache();
    await tabs.pass(10);
    app.tab.leaveCache();
    await tabs.pass(50);
  }
  expect(tabs.hub.tried.length - before).toBeLessThanOrEqual(4);
});
