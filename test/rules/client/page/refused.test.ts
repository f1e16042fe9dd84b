/** What the hub refuses to one tab, it refuses to all of them, and is asked no more often than by one. */
import { describe, expect, test } from "vitest";
import { closeCodes } from "../../../../src/protocol/close-codes.ts";
import { world } from "../../../support/tab-app.ts";

const { forbidden, replaced, token_invalid } = closeCodes;

/** How often one client asks that is refused: a token is tried twice. */
const asks = (code: number) => (code === token_invalid ? 2 : 1);

async function three(seed = 1) {
  const tabs = world({ seed });
  for (let count = 0; count < 3; count += 1) await tabs.open();
  // Long after it began: soon after, a connection may be replaced by one of a tab that is gone.
  await tabs.pass(30_000);
  return tabs;
}

describe.each([token_invalid, forbidden, replaced])("refused with %i", (code) => {
  test("while connected, all tabs stop", async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { hub, apps, pass } = await three(seed);
      hub.refuse = code;
      hub.end(code);
      await pass(120_000);
      for (const { client } of apps) expect(client.status).toMatchObject({ state: "stopped", code });
      expect(hub.tried).toHaveLength(asks(code));
    }
  });

  test("after the network was down for a while, all tabs stop", async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { browser, hub, apps, pass } = await three(seed);
      hub.refuse = 1006;
      hub.end(1006);
      await pass(60_000 * browser.random.next());
      const before = hub.tried.length;
      hub.refuse = code;
      await pass(180_000);
      for (const { client } of apps) expect(client.status).toMatchObject({ state: "stopped", code });
      expect(hub.tried.length - before).toBe(asks(code));
    }
  });

  test("at the first connection, all tabs stop, and start when they are told to", async () => {
    const tabs = world();
    const { hub, apps, pass } = tabs;
    hub.refuse = code;
    for (let count = 0; count < 3; count += 1) await tabs.open();
    await pass(120_000);
    for (const { client } of apps) expect(client.status).toMatchObject({ state: "stopped", code });
    const asked = code === replaced ? 2 : asks(code);
    expect(hub.tried).toHaveLength(asked);
    hub.refuse = undefined;
    for (const app of apps) app.start();
    await pass(1_000);
    for (const { client } of apps) expect(client.status).toEqual({ state: "live" });
    expect(hub.tried).toHaveLength(asked + 1);
  });
});

test("a token that was refused once and is good again stops nobody", async () => {
  const { hub, apps, pass } = await three();
  hub.end(token_invalid);
  await pass(60_000);
  for (const { client } of apps) expect(client.status).toEqual({ state: "live" });
  expect(hub.tried).toHaveLength(2);
});

test("a hub that asks to wait is asked again by the leader only", async () => {
  const { hub, apps, pass } = await three();
  hub.refuse = closeCodes.over_capacity;
  hub.end(closeCodes.over_capacity);
  await pass(300_000);
  expect(hub.tried.length).toBeLessThan(30);
  const byTab = new Set(hub.tried.map(({ far }) => far.token.split("-")[1]));
  expect(byTab.size).toBe(1);
  hub.refuse = undefined;
  await pass(60_000);
  for (const { client } of apps) expect(client.status).toEqual({ state: "live" });
});

test("close() in one tab stops that tab only", async () => {
  const { apps, pass, running } = await three();
  apps[0]?.close();
  await pass(1_000);
  expect(apps[0]?.client.status).toMatchObject({ state: "stopped", code: 1000 });
  expect(running().map(({ client }) => client.status)).toEqual([{ state: "live" }, { state: "live" }]);
});

test("a token that is refused once, and a fresh one that is good, leave every tab live", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const tabs = await three(seed);
    tabs.hub.end(token_invalid);
    await tabs.pass(60_000);
    expect(tabs.apps.map(({ client }) => client.status.state)).toEqual(["live", "live", "live"]);
  }
});
