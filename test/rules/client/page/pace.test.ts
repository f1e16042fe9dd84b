/** A slow tab slows the stream, and a stuck one does not stop it. */
import { describe, expect, test } from "vitest";
import { memoryStorage } from "../../../../src/client/index.ts";
import { ackMessages, heldForTabs, tabPatienceMs } from "../../../../src/client/limits.ts";
import { acknowledgeable, fed, noted, patienceMs, without } from "../../../../src/client/page/pace.ts";
import { type App, ids, inTab, world } from "../../../support/tab-app.ts";

const patience = tabPatienceMs;

describe("what may be acknowledged", () => {
  const paces = noted(noted(new Map(), "a", 7, 0), "b", 5, 1_000);

  test("is what every tab has handled", () => {
    expect(acknowledgeable(paces, 10, 1_000)).toBe(5);
    expect(acknowledgeable(without(paces, "b"), 10, 1_000)).toBe(7);
  });

  test("is not held up by a tab that made no step for so long, unless no tab makes any", () => {
    expect(acknowledgeable(paces, 10, patience - 1)).toBe(5);
    expect(acknowledgeable(paces, 10, patience)).toBe(5);
    expect(acknowledgeable(noted(paces, "a", 8, patience), 10, patience + 1_000)).toBe(8);
    expect(acknowledgeable(paces, 10, patience + 1_000)).toBe(5);
  });

  test("is no more than was received", () => {
    expect(acknowledgeable(paces, 6, 1_000)).toBe(5);
    expect(acknowledgeable(without(paces, "b"), 6, 1_000)).toBe(6);
  });

  test("waits again for a tab that had nothing to do, once it has", () => {
    const idle = noted(noted(new Map(), "a", 7, 0), "b", 7, 0);
    const later = fed(idle, 7, 60_000);
    expect(acknowledgeable(noted(later, "a", 9, 60_001), 9, 60_001)).toBe(7);
    expect(acknowledgeable(noted(later, "a", 9, 60_001), 9, 60_000 + patience)).toBe(9);
    // Who is behind already gets no more time.
    const stuck = fed(noted(idle, "a", 9, 1), 9, 60_000);
    expect(acknowledgeable(stuck, 11, 60_001)).toBe(9);
  });

  test("may change by time alone while somebody is waited for", () => {
    expect(patienceMs(paces, 5, 3_000)).toBe(patience - 2_000);
    expect(patienceMs(paces, 7, 3_000)).toBe(Number.POSITIVE_INFINITY);
    // Stuck already, and so is the other: only a step of one of them changes that.
    expect(patienceMs(paces, 5, 1_000 + patience)).toBe(Number.POSITIVE_INFINITY);
  });
});

/** Two tabs; `handle` is that of one of them. */
async function two(which: "leader" | "follower", handle: (app: App) => unknown) {
  const tabs = world();
  tabs.hub.window = 16;
  const open = async (own: boolean) => {
    const app: App = await tabs.open({ handle: () => (own ? handle(app) : undefined) });
    await tabs.pass(100);
    return app;
  };
  const first = await open(which === "leader");
  const second = await open(which === "follower");
  return { tabs, odd: which === "leader" ? first : second, other: which === "leader" ? second : first };
}

const never = () => new Promise(() => {});

describe.each(["leader", "follower"] as const)("a %s", (which) => {
  test.each([0, 3_600_000])(
    "that is slow slows the stream, also after %i ms without any message",
    async (idleMs) => {
      const { tabs, odd, other } = await two(which, ({ tab }) => inTab(tab, 300));
      await tabs.pass(idleMs);
      tabs.hub.publish(100);
      for (let passed = 0; passed < 100; passed += 1) {
        await tabs.pass(300);
        const sent = tabs.hub.open[0]?.sent ?? 0;
        // What is on its way besides the window: acknowledgements that wait for company.
        expect(sent - odd.seen.length).toBeLessThanOrEqual(16 + ackMessages);
      }
      await tabs.pass(5_000);
      expect(odd.seen).toEqual(ids(1, 100));
      expect(other.seen).toEqual(ids(1, 100));
      expect(tabs.hub.tried).toHaveLength(1);
    },
  );

  test("that is stuck holds the stream up for a while, and no longer", async () => {
    const { tabs, odd, other } = await two(which, never);
    tabs.hub.publish(100);
    await tabs.pass(patience - 1_000);
    expect(other.seen).toEqual(ids(1, 16));
    await tabs.pass(2_500);
    expect(other.seen).toEqual(ids(1, 100));
    tabs.hub.publish(100);
    await tabs.pass(1_000);
    expect(other.seen).toEqual(ids(1, 200));
    expect(odd.seen).toEqual([]);
  });

  test("that is stuck holds the stream up only for a while after each new connection", async () => {
    const { tabs, other } = await two(which, never);
    tabs.hub.publish(50);
    await tabs.pass(2 * patience);
    tabs.hub.end(4203);
    await tabs.pass(15_000);
    tabs.hub.publish(50);
    await tabs.pass(2 * patience);
    expect(other.seen).toEqual(ids(1, 100));
    expect(tabs.hub.complaints).toEqual([]);
  });
});

test("one tab alone that is stuck holds the stream up", async () => {
  const tabs = world();
  tabs.hub.window = 16;
  await tabs.open({ handle: never });
  await tabs.pass(100);
  tabs.hub.publish(100);
  await tabs.pass(60_000);
  expect(tabs.hub.open[0]).toMatchObject({ sent: 16, acked: 0 });
});

test("a follower that crashed or was closed holds nothing up", async () => {
  for (const how of ["crash", "close"] as const) {
    const { tabs, odd, other } = await two("follower", never);
    tabs.hub.publish(100);
    await tabs.pass(1_000);
    odd[how]();
    await tabs.pass(how === "close" ? 1_000 : patience + 1_000);
    expect(other.seen).toEqual(ids(1, 100));
  }
});

test("what the others go on with does not pile up in a tab that is stuck, which gets it when it is not any more", async () => {
  const tabs = world();
  await tabs.open();
  await tabs.pass(100);
  const gate = Promise.withResolvers<void>();
  const stuck = await tabs.open({ handle: () => gate.promise });
  await tabs.pass(100);
  for (let round = 0; round < 50; round += 1) {
    tabs.hub.publish(100);
    await tabs.pass(5_000);
  }
  // Nothing more comes from the hub: what it handles now is what it has in memory.
  tabs.hub.vanish();
  gate.resolve();
  await tabs.pass(100);
  // What it was told, and what the leader holds for whoever joins.
  expect(stuck.seen.length).toBeLessThan(2 * heldForTabs + 200);
  await tabs.pass(120_000);
  expect(stuck.seen).toEqual(ids(1, 5_000));
});

test("a tab that lags far behind is waited for, and does not make the others connect again and again", async () => {
  for (const [busyMs, awakeMs] of [
    [300, 1],
    [600, 8],
  ] as const) {
    const tabs = world();
    await tabs.open({ device: "d" });
    await tabs.pass(100);
    tabs.hub.publish(1_000);
    await tabs.pass(60_000);
    const late = await tabs.open({ device: "d", storage: memoryStorage() });
    for (let round = 0; round < 200; round += 1) {
      late.tab.freeze();
      await tabs.pass(busyMs);
      late.tab.thaw();
      await tabs.pass(awakeMs);
    }
    expect(tabs.hub.tried.length).toBeLessThan(8);
    await tabs.pass(60_000);
    expect(late.seen).toEqual(ids(1, 1_000));
  }
});
