/** The leader goes at every point of a stream under way, and nothing is missed or doubled in any tab. */
import { expect, test } from "vitest";
import { type App, inTab, missedBy, type World, world } from "../../../support/tab-app.ts";

/** Three tabs of different pace, and a stream that begins. */
async function underWay(): Promise<World> {
  const tabs = world({ seed: 7 });
  tabs.hub.window = 4;
  for (const slowMs of [3, 0, 11]) {
    const app: App = await tabs.open({ handle: () => (slowMs > 0 ? inTab(app.tab, slowMs) : undefined) });
  }
  await tabs.pass(200);
  for (let count = 0; count < 24; count += 1) tabs.browser.time.after(12 * count, () => tabs.hub.publish());
  return tabs;
}

/** Until everybody has handled all of it, and a little longer. */
const lengthMs = 1_500;

test.each(["crash", "close"] as const)(
  "at every point of it, by a %s",
  async (how) => {
    for (let point = 0; ; point += 1) {
      const tabs = await underWay();
      const { browser, hub, apps } = tabs;
      const end = browser.time.now + lengthMs;
      let steps = 0;
      while (steps < point && (await browser.time.step(end))) steps += 1;
      if (steps < point) {
        expect(point).toBeGreaterThan(150);
        return;
      }
      apps[0]?.[how]();
      const next = () => hub.open.some(({ welcomed, far }) => welcomed && !far.token.startsWith("tab-1"));
      await browser.time.until(next, 1_000);
      hub.express();
      await tabs.pass(2_000);
      for (const app of apps.slice(1)) {
        expect(missedBy(app, hub.head), `missed in ${app.tab.name}, ${how} at point ${point}`).toEqual([]);
        expect(app.seen, `doubled in ${app.tab.name}, ${how} at point ${point}`).toHaveLength(hub.head);
        expect(app.client.status).toEqual({ state: "live" });
      }
      expect(new Set(apps[0]?.seen).size).toBe(apps[0]?.seen.length);
      expect(tabs.saved()).toMatchObject({ cursor: hub.head });
      expect(hub.complaints).toEqual([]);
    }
  },
  60_000,
);

test("at every point of it, by a crash of two leaders in a row", async () => {
  for (let point = 0; point < 120; point += 3) {
    const tabs = await underWay();
    const { browser, hub, apps } = tabs;
    apps[0]?.crash();
    for (let step = 0; step < point; step += 1) await browser.time.step(browser.time.now + lengthMs);
    apps[1]?.crash();
    await tabs.pass(3_000);
    const last = apps[2];
    expect(last?.seen, `point ${point}`).toHaveLength(hub.head);
    expect(new Set(last?.seen).size, `point ${point}`).toBe(hub.head);
  }
});
