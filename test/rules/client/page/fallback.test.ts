/** Where tabs can't share, each is a device of its own, and works. */
import { expect, test } from "vitest";
import type { BrowserParts } from "../../../support/fake-tabs.ts";
import { ids, inTab, world } from "../../../support/tab-app.ts";
import { eachForItself } from "./each-for-itself.ts";

test.each<[string, BrowserParts]>([
  ["without locks", { locks: "none" }],
  ["without channels", { channels: "none" }],
  ["with locks that are denied to the page", { locks: "denied" }],
])("in a browser %s two tabs do not replace each other", async (_, parts) => {
  await eachForItself(world(parts));
  await eachForItself(world(parts), { device: "l".repeat(128) });
});

test("of two tabs that do not share, the slow one does not set back what is saved", async () => {
  const tabs = world({ locks: "none" });
  const fast = await tabs.open();
  const slow = await tabs.open({ handle: () => inTab(slow.tab, 300) });
  await tabs.pass(100);
  tabs.hub.publish(5);
  await tabs.pass(10_000);
  expect(fast.seen).toEqual(ids(1, 5));
  expect(slow.seen).toEqual(ids(1, 5));
  expect(tabs.saved()).toMatchObject({ cursor: 5 });
});

test("two tabs that shall not share do not replace each other", async () => {
  await eachForItself(world(), { tabs: false });
});

test("a storage that can't be read is told to the app, however tabs connect", async () => {
  for (const parts of [{}, { locks: "none" }, { locks: "denied" }] as const) {
    const tabs = world(parts);
    const storage = { load: () => Promise.reject(new Error("unreadable")), save: async () => {} };
    const app = await tabs.open({ storage });
    await tabs.pass(100);
    expect(app.failed).toEqual(new Error("unreadable"));
    expect(tabs.hub.tried).toEqual([]);
    // And it holds up nobody else.
    await tabs.open();
    await tabs.pass(100);
    expect(tabs.hub.open).toHaveLength(1);
  }
});
