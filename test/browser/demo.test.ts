/** The inbox demo in real Chromium, against a real hub. */
import type { BrowserContextOptions } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { accessibilityFaults, bytesOfFirstLoad, layoutShift } from "../support/browser.ts";
import { apiKeys, tokenFor, withKey } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { hubAndBrowser } from "../support/hub-and-browser.ts";
import { inboxOn, openInbox } from "../support/inbox-page.ts";
import { ask, listen, push } from "../support/publisher.ts";

const tested = hubAndBrowser();

/** Pushes a message whose title is all that matters. Critical, so that it is in the stream when this resolves. */
async function send(
  user: string,
  title: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await push(tested.hub.url, {
    to: { user },
    type: "notification",
    priority: "critical",
    data: { title },
    ...more,
  });
}

/** Asks the API for something that it does not refuse. */
async function call(method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(`${tested.hub.url}/v1/${path}`, {
    method,
    headers: withKey(apiKeys.all),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.ok).toBe(true);
}

describe("what arrives", () => {
  test("is seen in two tabs, counted in the title and by the bell, and said to those who listen", async () => {
    const somebody = await tested.visit();
    const one = await openInbox(somebody, "arrives");
    const other = await openInbox(somebody, "arrives");
    expect(await one.page.title()).toBe("Inbox · Hubbub");
    await send("arrives", "The kettle is on");
    for (const tab of [one, other]) {
      await tab.shows(["The kettle is on"]);
      await tab.showsUnread(["The kettle is on"]);
      await eventually(async () => (await tab.page.title()) === "(1) Inbox · Hubbub");
      await tab.page.getByRole("button", { name: "1 unread message" }).waitFor();
      const said = tab.page.locator("[aria-live=polite]");
      await eventually(
        async () => (await said.textContent()) === "New message, critical priority: The kettle is on",
      );
    }
    somebody.expectClean();
  });

  test("has its priority beside it as a word, whatever publishers write as data, and runs nothing of it", async () => {
    const somebody = await tested.visit();
    const nasty = `<img src="https://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>`;
    const { page, shows } = await openInbox(somebody, "priorities");
    await send("priorities", "Low", { priority: "low" });
    await shows(["Low"]);
    await send("priorities", nasty);
    await send("priorities", "", { type: "build.done", data: { minutes: 4 } });
    await shows(["Build done", nasty, "Low"]);
    const facts = await page.locator("#list .priority").allTextContents();
    expect(facts).toEqual(["Critical", "Critical", "Low"]);
    await page.getByText('{"minutes":4}').waitFor();
    somebody.expectClean();
  });

  test("is listed by priority, the newest first within each, and stays in its place when it is read", async () => {
    const somebody = await tested.visit();
    const { page, message, shows, showsUnread } = await openInbox(somebody, "ordered");
    const pushes = ["normal", "critical", "low", "high", "normal", "critical"];
    for (const [index, priority] of pushes.entries()) {
      await send("ordered", `${priority} ${index + 1}`, { priority });
      await page.getByRole("button", { name: `${index + 1} unread message` }).waitFor();
    }
    const ordered = ["critical 6", "critical 2", "high 4", "normal 5", "normal 1", "low 3"];
    await shows(ordered);
    await message("critical 6").click();
    await message("normal 5").click();
    await showsUnread(["critical 2", "high 4", "normal 1", "low 3"]);
    await shows(ordered);
    await page.reload();
    await shows(ordered);
    await page.getByRole("button", { name: "4 unread messages" }).press("Enter");
    expect(await page.locator(":focus").textContent()).toBe("Mark as read: critical 2");
    somebody.expectClean();
  });

  test("without a title is shown, announced and noticed by its text", async () => {
    const somebody = await tested.visit();
    const { page, shows } = await openInbox(somebody, "untitled");
    await send("untitled", "", { type: "greeting", data: { text: "Hello, Alice!" } });
    await shows(["Hello, Alice!"]);
    expect(await page.locator("#list .text").count()).toBe(0);
    const said = page.locator("[aria-live=polite]");
    await eventually(
      async () => (await said.textContent()) === "New message, critical priority: Hello, Alice!",
    );
    await send("untitled", "", { type: "typing", data: { text: "Bob is typing" }, ttl: 0 });
    await page.getByLabel("Notices").getByText("For who is here right now: Bob is typing").waitFor();
    somebody.expectClean();
  });

  test("and is in no inbox, being for who is there only, is a notice", async () => {
    const somebody = await tested.visit();
    const { page, titles } = await openInbox(somebody, "present");
    await send("present", "Bob is typing", { ttl: 0 });
    await page.getByLabel("Notices").getByText("For who is here right now: Bob is typing").waitFor();
    await page.getByRole("button", { name: "Dismiss" }).click();
    expect(await page.locator(".notice").count()).toBe(0);
    expect(await titles()).toEqual([]);
    somebody.expectClean();
  });

  test("is listed page by page, without holes", async () => {
    const expected = Array.from({ length: 40 }, (_, index) => `Message ${40 - index}`);
    const messages = expected.toReversed().map((title) => ({
      to: { user: "pages" },
      type: "notification",
      priority: "critical",
      data: { title },
    }));
    for (let from = 0; from < 40; from += 10)
      await push(tested.hub.url, { messages: messages.slice(from, from + 10) });
    const somebody = await tested.visit();
    const { page, shows } = await openInbox(somebody, "pages");
    await shows(expected.slice(0, 30));
    await page.getByRole("button", { name: "Load older" }).click();
    await shows(expected);
    await page.getByRole("button", { name: "Load older" }).waitFor({ state: "hidden" });
    somebody.expectClean();
  });

  test("not any more, is told as a gap, with the reason", async () => {
    const somebody = await tested.visit();
    const first = await openInbox(somebody, "gap");
    await send("gap", "Hello");
    await first.shows(["Hello"]);
    await eventually(async () =>
      JSON.stringify(await ask(tested.hub.url, "users/gap")).includes('"cursor":1'),
    );
    await first.page.close();
    await send("gap", "10 %", { collapseKey: "build" });
    await send("gap", "20 %", { collapseKey: "build" });
    const { page, shows } = await openInbox(somebody, "gap");
    await page
      .getByLabel("Notices")
      .getByText("Message #2 will not come: a newer one took its place.")
      .waitFor();
    await shows(["20 %", "Hello"]);
    somebody.expectClean();
  });
});

describe("what is taken back", () => {
  test("disappears from the list, in every tab, and is not counted any more", async () => {
    const somebody = await tested.visit();
    const one = await openInbox(somebody, "retracts");
    const other = await openInbox(somebody, "retracts");
    await send("retracts", "Wrong", { id: "retracts-0001" });
    await send("retracts", "Right");
    await other.shows(["Right", "Wrong"]);
    await call("POST", "messages/retracts-0001/retract", { to: { user: "retracts" } });
    for (const tab of [one, other]) {
      await tab.shows(["Right"]);
      await tab.page.getByRole("button", { name: "1 unread message" }).waitFor();
    }
    await one.page.reload();
    await one.shows(["Right"]);
    somebody.expectClean();
  });

  test("because another message replaces it leaves its place to that one", async () => {
    const somebody = await tested.visit();
    const { shows } = await openInbox(somebody, "replaces");
    await send("replaces", "10 %", { id: "replaces-0001" });
    await shows(["10 %"]);
    await send("replaces", "20 %", { replaces: "replaces-0001" });
    await shows(["20 %"]);
    somebody.expectClean();
  });
});

describe("what is not to disturb", () => {
  test("is in the list and counted, but not said; and what came in quiet hours is told once they are over", async () => {
    const somebody = await tested.visit();
    const { page, shows } = await openInbox(somebody, "quiet");
    await page.evaluate(`globalThis.said = [];
      new MutationObserver(() => said.push(document.getElementById("announcement").textContent))
        .observe(document.getElementById("announcement"), { childList: true, characterData: true, subtree: true })`);
    const clock = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
    const quietHours = { timeZone: "UTC", from: clock(-1), to: clock(1) };
    await call("PUT", "users/quiet/preferences", { quietHours });
    await send("quiet", "Quietly", { priority: "high" });
    await shows(["Quietly"]);
    await page.getByText("silent", { exact: true }).waitFor();
    await page.getByRole("button", { name: "1 unread message" }).waitFor();
    await send("quiet", "Loudly");
    const said = () => page.evaluate<readonly string[]>("said");
    await eventually(async () => (await said()).length > 0);
    expect(await said()).toEqual(["New message, critical priority: Loudly"]);
    await call("DELETE", "users/quiet/preferences");
    await page.getByLabel("Notices").getByText("1 message came silently").waitFor();
    await shows(["Loudly", "Quietly"]);
    somebody.expectClean();
  });
});

describe("what is read", () => {
  test("in one tab is read in the other, and on another device of the user", async () => {
    const somebody = await tested.visit();
    const one = await openInbox(somebody, "reads");
    const other = await openInbox(somebody, "reads");
    const somebodyElsewhere = await tested.visit();
    const elsewhere = await openInbox(somebodyElsewhere, "reads");
    for (const title of ["First", "Second", "Third"]) await send("reads", title);
    await other.shows(["Third", "Second", "First"]);
    await elsewhere.shows(["Third", "Second", "First"]);

    await one.message("Second").click();
    for (const tab of [one, other, elsewhere]) {
      await tab.showsUnread(["Third", "First"]);
      await tab.page.getByRole("button", { name: "2 unread messages" }).waitFor();
    }
    await other.page.getByRole("button", { name: "Mark all as read" }).click();
    for (const tab of [one, other, elsewhere]) {
      await tab.showsUnread([]);
      await tab.page.getByRole("button", { name: "No unread messages" }).waitFor();
    }
    await one.page.reload();
    await one.shows(["Third", "Second", "First"]);
    await one.showsUnread([]);
    for (const each of [somebody, somebodyElsewhere]) each.expectClean();
  });

  test("needs no mouse: from the bell to a message, marked, and on to the next one", async () => {
    const somebody = await tested.visit();
    const { page, showsUnread, shows } = await openInbox(somebody, "keys");
    for (const title of ["First", "Second"]) await send("keys", title);
    await shows(["Second", "First"]);
    const focused = () => page.evaluate("document.activeElement.getAttribute('aria-label')");
    for (let tabs = 0; tabs < 5 && (await focused()) !== "2 unread messages"; tabs += 1) {
      await page.keyboard.press("Tab");
    }
    expect(await focused()).toBe("2 unread messages");
    await page.keyboard.press("Enter");
    expect(await page.locator(":focus").textContent()).toBe("Mark as read: Second");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.press("Enter");
    await showsUnread(["First"]);
    expect(await page.locator(":focus").textContent()).toBe("Mark as read: First");
    await page.keyboard.press("Space");
    await showsUnread([]);
    expect(await page.locator(":focus").textContent()).toBe("Inbox");
    somebody.expectClean();
  });
});

describe("when the connection breaks", () => {
  test("by the hub, both tabs say when they try again, come back by themselves, and get what was pushed meanwhile", async () => {
    const somebody = await tested.visit();
    const one = await openInbox(somebody, "cut");
    const other = await openInbox(somebody, "cut");
    await send("cut", "Before");
    await other.shows(["Before"]);
    await tested.hub.kill();
    for (const tab of [one, other]) {
      await tab.says(/^Offline: the connection was lost/);
      await tab.page.getByText(/Trying again in \d+ s|Trying again …/).waitFor();
    }
    await tested.hub.restart();
    await send("cut", "Meanwhile");
    for (const tab of [one, other]) {
      await tab.says(/^Live/, 60_000);
      await tab.shows(["Meanwhile", "Before"]);
    }
    somebody.expectClean({ cut: true });
  });

  test("because the device is in use elsewhere, the page says so, and takes it back when asked to", async () => {
    const somebody = await tested.visit();
    const { page, says } = await openInbox(somebody, "replaced");
    const [, device = ""] =
      /"device":"([^"]+)"/.exec(JSON.stringify(await ask(tested.hub.url, "users/replaced"))) ?? [];
    const elsewhere = await listen(tested.hub.url, "replaced", device);
    await says(/^Stopped: another window took this device over/);
    await page.getByRole("button", { name: "Connect again" }).click();
    await says(/^Live/);
    await eventually(() => elsewhere.statuses.includes("stopped"));
    somebody.expectClean();
  });

  test("by the network, what is marked as read meanwhile is kept, and what was pushed comes with the network", async () => {
    const somebody = await tested.visit();
    const { message, says, shows, showsUnread } = await openInbox(somebody, "offline");
    await send("offline", "Before");
    await shows(["Before"]);
    await somebody.context.setOffline(true);
    await says(/no network/i);
    await message("Before").click();
    await send("offline", "Meanwhile");
    await somebody.context.setOffline(false);
    await says(/^Live/, 60_000);
    await shows(["Meanwhile", "Before"]);
    await showsUnread(["Meanwhile"]);
    await eventually(async () =>
      JSON.stringify(await ask(tested.hub.url, "users/offline")).includes('"unread":1'),
    );
    somebody.expectClean({ cut: true });
  });
});

describe("who wants to try it", () => {
  test("copies the line that pushes, and opens a second tab of the same user", async () => {
    const somebody = await tested.visit();
    const { page } = await openInbox(somebody, "tries");
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByText("Copied", { exact: true }).waitFor();
    const opened = somebody.context.waitForEvent("page");
    await page.getByRole("link", { name: "Open a second tab" }).click();
    const second = inboxOn(await opened);
    await second.says(/^Live/);
    expect(second.page.url()).toBe(`${tested.hub.url}/demo`);
    expect(await second.page.locator("#who").textContent()).toBe("tries");
    somebody.expectClean();
  });
});

describe("the token", () => {
  test("leaves the address bar at once, and survives a reload", async () => {
    const somebody = await tested.visit();
    const { page, says } = await openInbox(somebody, "token");
    expect(page.url()).toBe(`${tested.hub.url}/demo`);
    await page.reload();
    await says(/^Live/);
    expect(await page.locator("#push-line").textContent()).toContain('"to": { "user": "token" }');
    somebody.expectClean();
  });

  test("is asked for where there is none or one that is over, with where to get it; what is no token is refused", async () => {
    const somebody = await tested.visit();
    const page = await somebody.open("/demo");
    await page.getByText("npm run --silent dev:env -- alice").waitFor();
    await page.getByText("POST /v1/tokens").waitFor();
    await page.getByLabel("Connect token").fill("a.b.c");
    await page.getByRole("button", { name: "Show the inbox" }).click();
    await page.getByText("That is no connect token, or not the whole of one.").waitFor();
    const over = await tokenFor("asks", { now: Date.now() - 7_200_000 });
    await page.goto(`${tested.hub.url}/demo#token=${over}`);
    await page.getByText("The token of asks is over").waitFor();
    await page.getByLabel("Connect token").fill(` ${await tokenFor("asks")}\n`);
    await page.getByRole("button", { name: "Show the inbox" }).click();
    await inboxOn(page).says(/^Live/);
    somebody.expectClean();
  });

  test("that is revoked or wrong is asked for again", async () => {
    const somebody = await tested.visit();
    const { page } = await openInbox(somebody, "revoked");
    await fetch(`${tested.hub.url}/v1/users/revoked/connections?revoke=true`, {
      method: "DELETE",
      headers: withKey(apiKeys.all),
    });
    await page.getByText("The token is over, or was refused. Paste a fresh one to go on.").waitFor();
    expect(await page.title()).toBe("Inbox · Hubbub");
    // The list may just have been asked for.
    somebody.expectClean({ refused: [401] });
  });
});

describe("the page", () => {
  const screens: readonly BrowserContextOptions[] = [
    { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
    { viewport: { width: 360, height: 740 }, colorScheme: "light" },
    { viewport: { width: 1_280, height: 800 }, colorScheme: "dark" },
    { viewport: { width: 1_280, height: 800 }, colorScheme: "light" },
  ];

  beforeAll(async () => {
    for (const [index, priority] of ["low", "normal", "high", "critical"].entries()) {
      await send("looks", priority, { priority });
      await eventually(async () =>
        JSON.stringify(await ask(tested.hub.url, "users/looks")).includes(`"head":${index + 1}`),
      );
    }
  });

  test.each(screens)("has no fault that axe finds, and no sideways scrolling, with %o", async (screen) => {
    const somebody = await tested.visit({ ...screen, reducedMotion: "reduce" });
    const { page, shows } = await openInbox(somebody, "looks");
    await shows(["critical", "high", "normal", "low"]);
    expect(await accessibilityFaults(page)).toEqual([]);
    const width = () => page.evaluate<number>("document.documentElement.scrollWidth");
    expect(await width()).toBe(screen.viewport?.width);
    await page.getByRole("button", { name: "Use another token" }).click();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await width()).toBe(screen.viewport?.width);
    await page.goto(tested.hub.url);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await width()).toBe(screen.viewport?.width);
    somebody.expectClean();
  });

  test("takes less than 50 kB of the wire to its first message, and nothing moves while it loads", async () => {
    await send("light", "Here");
    const somebody = await tested.visit();
    expect(await bytesOfFirstLoad(somebody.context, `${tested.hub.url}/demo`)).toBeLessThan(50_000);
    const { page, shows } = await openInbox(somebody, "light");
    await shows(["Here"]);
    expect(await layoutShift(page)).toBe(0);
    somebody.expectClean();
  });

  test("runs no script but its own, reads no string as markup, and asks nobody but its hub", async () => {
    const somebody = await tested.visit();
    const page = await somebody.open("/demo");
    await page.evaluate(`(async () => {
      const script = document.createElement("script");
      try { script.textContent = "globalThis.ran = true"; document.body.append(script); } catch {}
      try { document.body.innerHTML = "<b>injected</b>"; } catch {}
      await fetch("https://hub.example.com/").catch(() => {});
    })()`);
    expect(await page.evaluate("globalThis.ran ?? document.querySelector('b') ?? 'nothing'")).toBe("nothing");
    for (const refused of ["TrustedScript", "TrustedHTML", "connect-src 'self'"]) {
      expect(somebody.complaints.join("\n")).toContain(refused);
    }
  });
});
