/** Tabs that come, go and crash, over a network that is cut, at times left to chance: nothing is missed or doubled. */
import { expect, test } from "vitest";
import { type App, type Handling, inTab, missedBy, type World, world } from "../../../support/tab-app.ts";

/** Some handlers are slow, and some fail at first. */
function handling({ browser: { random } }: World, tab: () => App): Handling {
  const slowMs = random.pick([0, 0, 20, 300]);
  const failing = random.pick([0, 0, 0.2]);
  const failed = new Set<string>();
  return async ({ id }) => {
    if (slowMs > 0) await inTab(tab().tab, random.next() * slowMs);
    if (failed.has(id) || !random.chance(failing)) return;
    failed.add(id);
    throw new Error("not now");
  };
}

async function storm(seed: number): Promise<World> {
  const tabs = world({ seed });
  const { hub, browser, open, pass, running } = tabs;
  const { random, time } = browser;
  hub.window = random.pick([4, 16, 64]);
  const openOne = async () => {
    const app: App = await open({ handle: (message) => handle(message) });
    const handle = handling(tabs, () => app);
  };
  /** Does something with one of the tabs. */
  const toOne = (act: (app: App) => void) => () => {
    if (running().length > 0) act(random.pick(running()));
  };
  const actions = [
    { weight: 10, act: () => hub.publish(random.between(1, 5)) },
    { weight: 2, act: () => hub.express() },
    { weight: 2, act: () => (running().length < 5 ? openOne() : undefined) },
    { weight: 1, act: toOne((app) => app.close()) },
    { weight: 1, act: toOne((app) => app.crash()) },
    { weight: 1, act: toOne(({ tab }) => tab.look()) },
    {
      weight: 1,
      act: toOne(({ tab }) => {
        tab.freeze();
        time.after(random.next() * 2_000, () => tab.thaw());
      }),
    },
    {
      weight: 1,
      act: toOne(({ tab }) => {
        tab.enterCache();
        time.after(random.next() * 2_000, () => tab.leaveCache());
      }),
    },
    { weight: 1, act: () => hub.end(random.pick([1006, 4200, 4203])) },
    {
      weight: 1,
      act: () => {
        hub.refuse = random.pick([1006, undefined, undefined]);
      },
    },
  ];
  await openOne();
  for (let step = 0; step < 60; step += 1) {
    await random.weighted(actions).act();
    await pass(random.pick([0, 1, 5, 20, 100, 500]) * random.next());
  }
  hub.refuse = undefined;
  await openOne();
  await pass(90_000);
  return tabs;
}

const [first, count] = [1, 150];
const seeds = Array.from({ length: count }, (_, index) => first + index);

test("every tab that stays gets each message once, whatever the tabs and the network do", async () => {
  for (const seed of seeds) {
    const { apps, hub, leaders, running } = await storm(seed);
    for (const app of apps) {
      const once = new Set(app.seen);
      expect(app.seen, `doubled in ${app.tab.name}, seed ${seed}`).toHaveLength(once.size);
      if (!running().includes(app)) continue;
      expect(missedBy(app, hub.head), `missed in ${app.tab.name}, seed ${seed}`).toEqual([]);
      expect(app.statuses.at(-1), `seed ${seed}`).toEqual({ state: "live" });
    }
    expect(leaders(), `leaders, seed ${seed}`).toHaveLength(1);
    expect(hub.open, `connections, seed ${seed}`).toHaveLength(1);
    expect(hub.complaints, `seed ${seed}`).toEqual([]);
    for (const { statuses } of apps) {
      const last = statuses.at(-1);
      if (last?.state === "stopped") expect(last.code, `seed ${seed}`).toBe(1000);
    }
  }
}, 120_000);
