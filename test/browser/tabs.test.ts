/** The tabs of a real browser share one connection, and hand it on, without a message missed or doubled. */
import { describe, expect, test } from "vitest";
import type { Visitor } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { hubAndBrowser } from "../support/hub-and-browser.ts";
import { ask, push } from "../support/publisher.ts";
import { openSdkTab, type SdkTab } from "../support/sdk-tab.ts";

const tested = hubAndBrowser();

async function openTabs(user: string, count: number): Promise<{ somebody: Visitor; tabs: SdkTab[] }> {
  const somebody = await tested.visit();
  const tabs: SdkTab[] = [];
  for (let index = 0; index < count; index += 1) tabs.push(await openSdkTab(somebody, user));
  return { somebody, tabs };
}

async function send(user: string, count = 1): Promise<void> {
  const message = { to: { user }, type: "note", priority: "high" };
  await push(tested.hub.url, { messages: Array.from({ length: count }, () => message) });
}

/** The connections of a user, by their ids. */
async function connections(user: string): Promise<readonly string[]> {
  const text = JSON.stringify(await ask(tested.hub.url, `users/${user}`));
  return [...text.matchAll(/"connection":"([^"]+)"/g)].map(([, id = ""]) => id);
}

async function leaders(tabs: readonly SdkTab[]): Promise<number> {
  return (await Promise.all(tabs.map(({ leading }) => leading()))).filter(Boolean).length;
}

describe("tabs", () => {
  test("share one connection and one device; one of them leads, and each gets every message once", async () => {
    const { somebody, tabs } = await openTabs("shared", 3);
    await send("shared", 20);
    for (const tab of tabs) await tab.sees(20);
    expect(await connections("shared")).toHaveLength(1);
    expect(await leaders(tabs)).toBe(1);
    await eventually(async () =>
      JSON.stringify(await ask(tested.hub.url, "users/shared")).includes('"cursor":20'),
    );
    somebody.expectClean();
  });

  test.each(["closed", "crashed"])("go on when the leader is %s in the middle of a stream", async (how) => {
    const { somebody, tabs } = await openTabs(how, 3);
    const [leader, ...others] = tabs;
    expect(await leader?.leading()).toBe(true);
    const before = await connections(how);
    await send(how, 5);
    for (const tab of tabs) await tab.sees(5);

    const streamed = (async () => {
      for (let sent = 0; sent < 15; sent += 1) await send(how);
    })();
    if (how === "closed") {
      await leader?.page.close();
    } else {
      const session = await somebody.context.newCDPSession(leader?.page ?? (await somebody.open("/")));
      session.send("Page.crash").catch(() => {});
    }
    await eventually(async () => (await leaders(others)) === 1);
    await streamed;
    await send(how, 5);
    for (const tab of others) await tab.sees(25);
    expect(await connections(how)).toHaveLength(1);
    expect(await connections(how)).not.toEqual(before);
  });

  test("that are opened later begin where the browser is, and not at the beginning", async () => {
    const { somebody, tabs } = await openTabs("later", 1);
    await send("later", 3);
    await tabs[0]?.sees(3);
    await eventually(async () =>
      JSON.stringify(await ask(tested.hub.url, "users/later")).includes('"cursor":3'),
    );
    const late = await openSdkTab(somebody, "later");
    await send("later");
    await tabs[0]?.sees(4);
    await expect.poll(late.seen).toEqual([4]);
    somebody.expectClean();
  });

  test("of a browser without locks are devices of their own, and do not take the connection from each other", async () => {
    const somebody = await tested.visit();
    await somebody.context.addInitScript(
      "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })",
    );
    const tabs = [await openSdkTab(somebody, "lockless"), await openSdkTab(somebody, "lockless")];
    await send("lockless", 3);
    for (const tab of tabs) await tab.sees(3);
    expect(await connections("lockless")).toHaveLength(2);
    expect(await Promise.all(tabs.map(({ state }) => state()))).toEqual(["live", "live"]);
    somebody.expectClean();
  });
});
