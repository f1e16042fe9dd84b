/** The leader goes, by a close or a crash: the next one connects within a second, and nothing is missed or doubled. */
import { describe, expect, test } from "vitest";
import { ids, inTab, missedBy, world } from "../../../support/tab-app.ts";

describe("when the leader goes", () => {
  for (const how of ["close", "crash"] as const) {
    test(`by a ${how}, the next one connects within a second and takes up the work`, async () => {
      const tabs = world();
      const slow = { handle: () => inTab(second.tab, 500) };
      const first = await tabs.open();
      await tabs.pass(100);
      const second = await tabs.open(slow);
      await tabs.pass(100);
      tabs.hub.publish(3);
      await tabs.pass(200);
      first[how]();
      tabs.hub.publish(2);
      await tabs.browser.time.until(
        () => second.client.leading && tabs.hub.open.some(({ welcomed }) => welcomed),
        1_000,
      );
      await tabs.pass(5_000);
      expect(second.seen).toEqual(ids(1, 5));
      expect(second.client.status).toEqual({ state: "live" });
      expect(tabs.saved()).toMatchObject({ cursor: 5 });
      expect(tabs.hub.tried).toHaveLength(2);
    });
  }

  test("what its handler still finishes is saved", async () => {
    const tabs = world();
    const first = await tabs.open({ handle: () => inTab(first.tab, 300) });
    await tabs.pass(100);
    tabs.hub.publish(2);
    await tabs.pass(100);
    first.close();
    await tabs.pass(1_000);
    expect(first.seen).toEqual(ids(1, 1));
    expect(tabs.saved()).toMatchObject({ cursor: 1 });
  });

  test("and its handler finishes when another one leads already, what is saved does not go back", async () => {
    const tabs = world();
    const first = await tabs.open({ handle: () => inTab(first.tab, 3_000) });
    await tabs.pass(100);
    const second = await tabs.open();
    await tabs.pass(100);
    tabs.hub.publish(5);
    await tabs.pass(100);
    first.close();
    await tabs.pass(10_000);
    expect(second.seen).toEqual(ids(1, 5));
    expect(tabs.saved()).toMatchObject({ cursor: 5 });
  });

  test("what it has handled counts, not what a faster tab has", async () => {
    const tabs = world();
    const first = await tabs.open({ handle: () => inTab(first.tab, 300) });
    await tabs.pass(100);
    const second = await tabs.open();
    await tabs.pass(100);
    tabs.hub.publish(5);
    await tabs.pass(500);
    expect(second.seen).toHaveLength(5);
    expect(tabs.saved()).toMatchObject({ cursor: 1 });
  });

  test("a tab that was behind leads, and what is saved does not go back", async () => {
    const tabs = world();
    const first = await tabs.open();
    await tabs.pass(100);
    const second = await tabs.open({ handle: () => inTab(second.tab, 400) });
    await tabs.pass(100);
    tabs.hub.publish(10);
    await tabs.pass(500);
    first.crash();
    await tabs.pass(1_000);
    expect(tabs.saved()).toMatchObject({ cursor: 10 });
    const late = await tabs.open();
    tabs.hub.publish(1);
    await tabs.pass(10_000);
    expect(second.seen).toEqual(ids(1, 11));
    expect(late.seen).toEqual(ids(11, 11));
    expect(tabs.saved()).toMatchObject({ cursor: 11 });
  });

  test("a tab that joins before the next leader is connected is not taken for connected", async () => {
    const tabs = world();
    const first = await tabs.open();
    const next = await tabs.open();
    await tabs.pass(200);
    tabs.hub.lagMs = 500;
    first.crash();
    await tabs.browser.time.until(() => next.client.leading, 100);
    const late = await tabs.open();
    await tabs.pass(400);
    expect(late.statuses).toEqual([{ state: "connecting" }]);
    await tabs.pass(1_000);
    expect(late.client.status).toEqual({ state: "live" });
    tabs.hub.publish(1);
    await tabs.pass(100);
    for (const app of tabs.running()) expect(missedBy(app, tabs.hub.head)).toEqual([]);
  });

  test("while it was connecting, and its connection comes late, the next one stays", async () => {
    for (const how of ["close", "crash"] as const) {
      const tabs = world();
      const first = await tabs.open();
      const second = await tabs.open();
      tabs.hub.lagMs = 300;
      await tabs.browser.time.until(() => tabs.hub.tried.length === 1, 100);
      await tabs.pass(100);
      tabs.hub.lagMs = 0;
      first[how]();
      await tabs.pass(2_000);
      tabs.hub.publish(3);
      await tabs.pass(500);
      expect(second.seen).toEqual(ids(1, 3));
      expect(second.statuses).toContainEqual(
        expect.objectContaining({ state: "waiting", reason: "replaced" }),
      );
      expect(second.client.status).toEqual({ state: "live" });
    }
  });

  test("while it was connecting, as at a reload of the only tab, the next one stays too", async () => {
    const tabs = world();
    tabs.hub.lagMs = 300;
    const first = await tabs.open();
    await tabs.browser.time.until(() => tabs.hub.tried.length === 1, 100);
    tabs.hub.lagMs = 0;
    await tabs.pass(50);
    first.crash();
    await tabs.pass(100);
    const second = await tabs.open();
    await tabs.pass(2_000);
    expect(second.statuses).toContainEqual(expect.objectContaining({ state: "waiting", reason: "replaced" }));
    expect(second.client.status).toEqual({ state: "live" });
  });

  test("and another device bears the same name, the next one gives way", async () => {
    const tabs = world();
    const first = await tabs.open();
    const second = await tabs.open();
    await tabs.pass(200);
    first.close();
    await tabs.pass(200);
    for (let replaced = 0; replaced < 2; replaced += 1) {
      expect(tabs.running()).toEqual([second]);
      tabs.hub.end(4007);
      await tabs.pass(2_000);
    }
    expect(second.client.status).toMatchObject({ state: "stopped", code: 4007 });
  });

  test("leaders may follow each other as fast as can be", async () => {
    const tabs = world();
    for (let count = 0; count < 6; count += 1) await tabs.open();
    await tabs.pass(200);
    tabs.hub.publish(2);
    for (const app of tabs.apps.slice(0, 5)) {
      await tabs.browser.time.until(() => app.client.leading, 1_000);
      app.crash();
      tabs.hub.publish(2);
    }
    await tabs.pass(5_000);
    expect(tabs.apps[5]?.seen).toEqual(ids(1, 12));
  });
});
