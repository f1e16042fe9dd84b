/** What must hold where tabs can't share: each is a device of its own, and works. */
import { expect } from "vitest";
import { type AppOptions, ids, type World } from "../../../support/tab-app.ts";

export async function eachForItself(tabs: World, options: AppOptions = {}): Promise<void> {
  const first = await tabs.open(options);
  const second = await tabs.open(options);
  await tabs.pass(100);
  tabs.hub.publish(5);
  await tabs.pass(500);
  expect(first.seen).toEqual(ids(1, 5));
  expect(second.seen).toEqual(ids(1, 5));
  const devices = new Set(tabs.hub.tried.map(({ device }) => device));
  expect(devices.size).toBe(2);
  for (const device of devices) expect(device).toMatch(/^[0-9A-Za-z~-]{9,128}$/);
  expect(tabs.hub.open).toHaveLength(2);
  expect(tabs.leaders()).toHaveLength(2);

  // A reload goes on where the tab was.
  first.close();
  second.crash();
  tabs.hub.publish(2);
  const third = await tabs.open(options);
  await tabs.pass(500);
  expect(third.seen).toEqual(ids(6, 7));
  third.close();
  await tabs.pass(500);
  expect(tabs.hub.open).toHaveLength(0);
}
