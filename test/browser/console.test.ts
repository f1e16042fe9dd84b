/** The operator's console in real Chromium, against a real hub. */
import { readFile } from "node:fs/promises";
import type { BrowserContextOptions } from "playwright-core";
import { afterEach, describe, expect, test } from "vitest";
import type { HubClientOptions } from "../../src/client/index.ts";
import { accessibilityFaults, bytesOfFirstLoad } from "../support/browser.ts";
import { consoleOn, openConsole } from "../support/console-page.ts";
import { apiKeys, withKey } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { hubAndBrowser } from "../support/hub-and-browser.ts";
import { ask, type Listener, listen, push } from "../support/publisher.ts";

const tested = hubAndBrowser();
const listeners: Listener[] = [];

afterEach(() => {
  for (const { client } of listeners.splice(0)) client.close();
});

/** A connected device of a user. */
async function device(
  user: string,
  name: string,
  options: Partial<HubClientOptions> = {},
): Promise<Listener> {
  const made = await listen(tested.hub.url, user, name, options);
  listeners.push(made);
  await eventually(() => made.statuses.includes("live"));
  return made;
}

/** Makes users members of a topic. */
async function join(topic: string, add: readonly string[]): Promise<void> {
  const response = await fetch(`${tested.hub.url}/v1/topics/${topic}/members`, {
    method: "POST",
    headers: withKey(apiKeys.all),
    body: JSON.stringify({ add }),
  });
  expect(response.status).toBe(200);
}

/** A message of this user that becomes a dead letter, as its id is another one's already. */
async function conflict(user: string, id: string): Promise<void> {
  const message = { id, to: { user }, type: "alarm", priority: "critical" };
  await push(tested.hub.url, { ...message, data: { text: "Door open" } });
  await push(tested.hub.url, { ...message, data: { text: "Window open" } });
}

/** While a message is on its way, asking for its state is answered with 404. */
const onItsWay = { refused: [404] };

describe("the key", () => {
  test("is asked for, kept by this tab only, and forgotten on demand with all that was shown", async () => {
    const operator = await tested.visit();
    const { page, watch } = await openConsole(operator);
    await page.getByText("key 8wg5c1a1").waitFor();
    await watch("forgotten");
    expect(page.url()).toBe(`${tested.hub.url}/console`);
    const stored = () =>
      page.evaluate<unknown>("[{ ...localStorage }, document.cookie, { ...sessionStorage }]");
    expect(await stored()).toEqual([{}, "", { "hubbub.console.key": apiKeys.all }]);
    await page.reload();
    await page.getByText("key 8wg5c1a1").waitFor();

    const elsewhere = await operator.open("/console");
    await elsewhere.getByRole("textbox", { name: "API key" }).waitFor();

    await page.getByRole("button", { name: "Forget key" }).click();
    await page.getByText("The key is forgotten.").waitFor();
    expect(await stored()).toEqual([{}, "", {}]);
    expect(await page.getByRole("textbox", { name: "API key" }).inputValue()).toBe("");
    operator.expectClean();
  });

  test("that is wrong is told so, and can be mended", async () => {
    const operator = await tested.visit();
    const page = await operator.open("/console");
    const field = page.getByRole("textbox", { name: "API key" });
    await field.fill("eyJhbGciOiJIUzI1NiJ9.e30.x");
    await field.press("Enter");
    await page.getByText("That is no API key: they begin with hub_.").waitFor();
    await field.fill(apiKeys.revoked);
    await field.press("Enter");
    await page.getByText("The API key is unknown, revoked or mistyped (api_key_invalid).").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("key");
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    await field.fill(` ${apiKeys.all} `);
    await field.press("Enter");
    await page.getByText("key 8wg5c1a1").waitFor();
    operator.expectClean({ refused: [401] });
  });

  test("that is refused later on is dropped, and the page says why", async () => {
    const operator = await tested.visit();
    const { page } = await openConsole(operator);
    await page.route("**/v1/lanes", (route) =>
      route.fulfill({
        status: 401,
        contentType: "application/problem+json",
        body: JSON.stringify({ code: "api_key_invalid", detail: "revoked" }),
      }),
    );
    await page.getByText("The hub takes the key no more.").waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    operator.expectClean({ refused: [401] });
  });

  test("for publishing only sends, and what else there is says which scope it lacks", async () => {
    const operator = await tested.visit();
    const { page, sending, user, letters, panel, send } = await openConsole(operator, apiKeys.publish);
    await panel("Lanes").getByText("lacks the scope metrics").waitFor();
    await panel("Latency").getByText("lacks the scope metrics").waitFor();
    await user.getByText("lacks the scope users:read").waitFor();
    await user.getByText("lacks the scope users:write").waitFor();
    await letters.getByText("lacks the scope dead-letters").waitFor();
    await panel("Topics").getByText("lacks the scope topics").waitFor();
    expect(await sending.getByRole("option", { name: "everyone", exact: true }).isDisabled()).toBe(true);
    for (const name of ["Watch", "Export", "Disconnect…", "Disconnect and revoke…", "Members", "Show"]) {
      expect(await page.getByRole("button", { name, exact: true }).isDisabled()).toBe(true);
    }
    await send({ To: "scopes" });
    await sending.getByText("Accepted for 1 user.").waitFor();
    await sending.getByText("lacks the scope users:read: what becomes of the message is not shown").waitFor();
    operator.expectClean();
  });

  test("for reading only watches", async () => {
    const operator = await tested.visit();
    const { sending, user, watch } = await openConsole(operator, apiKeys.reader);
    await sending.getByText("lacks the scope publish").waitFor();
    expect(await sending.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    expect(await user.getByRole("button", { name: "Disconnect…" }).isDisabled()).toBe(true);
    await watch("scopes");
    await user.getByText("No device has been here.").waitFor();
    operator.expectClean();
  });
});

describe("sending", () => {
  test("shows the receipt, and what becomes of the message for each user until it is settled", async () => {
    const phone = await device("receipt", "phone");
    const operator = await tested.visit();
    const { page, sending, send } = await openConsole(operator);
    await send({ To: "receipt, nobody", Type: "order.shipped", "Data, as JSON": '{ "order": 1001 }' });
    await sending.getByText("Accepted for 2 users.").waitFor();
    const users = page.getByRole("list", { name: "What becomes of it" }).getByRole("listitem");
    await users.filter({ hasText: /^receipt.*no\. 1 of the stream, handled by phone within/ }).waitFor();
    await users.filter({ hasText: /^nobody.*no\. 1 of the stream, waits for a device/ }).waitFor();
    expect(phone.received).toMatchObject([
      { type: "order.shipped", priority: "normal", data: { order: 1001 } },
    ]);
    operator.expectClean(onItsWay);
  });

  test("says everything that the form says", async () => {
    const phone = await device("everything", "phone");
    const operator = await tested.visit();
    const { sending, send } = await openConsole(operator);
    await sending.getByRole("radio", { name: "critical" }).check();
    await send({ To: "everything", "ttl in seconds": "60", "Collapse key": "door", Id: "console-0001" });
    await sending.getByText("console-0001").waitFor();
    await eventually(() => phone.received.length === 1);
    const [message] = phone.received;
    expect(message).toMatchObject({ id: "console-0001", priority: "critical", data: { title: "Hello" } });
    expect(Number(message?.expires) - Number(message?.at)).toBe(60_000);
    operator.expectClean(onItsWay);
  });

  test("to who is connected only, is told as that", async () => {
    await device("live", "phone");
    const operator = await tested.visit();
    const { sending, send } = await openConsole(operator);
    await sending.getByRole("radio", { name: "critical" }).check();
    await send({ To: "live", "ttl in seconds": "0" });
    await sending.getByText("sent to 1 device, kept for nobody").waitFor();
    operator.expectClean();
  });

  test("is told while typing where the data is no JSON, and does nothing then", async () => {
    const operator = await tested.visit();
    const { page, sending, send } = await openConsole(operator);
    const data = sending.getByRole("textbox", { name: "Data, as JSON" });
    await data.fill('{ "a": 1,\n  b: 2 }');
    const fault = sending.getByText("line 2, column 3: expected a name in double quotes, found b");
    await fault.waitFor();
    expect(await data.getAttribute("aria-invalid")).toBe("true");
    await send({ To: "typing" });
    await sending.getByText("Not sent: see the fields.").waitFor();
    // The place itself is selected, ready to be overwritten.
    expect(await page.evaluate("document.activeElement.selectionStart")).toBe(12);
    await page.keyboard.type('"b"');
    await sending.getByText("13 B of 65.5 kB").waitFor();
    expect(await fault.count()).toBe(0);
    expect(await data.getAttribute("aria-invalid")).toBeNull();
    operator.expectClean();
  });

  test("shows the hub's own faults at the fields that they are of", async () => {
    const operator = await tested.visit();
    const { page, sending, send } = await openConsole(operator);
    await send({ To: "al!ce", Type: "a type", Id: "short" });
    await sending.getByText(/must be 1 to 128 characters .*invalid_body/).waitFor();
    const describedBy = async (name: string) => {
      const field = sending.getByRole("textbox", { name, exact: true });
      const ids = ((await field.getAttribute("aria-describedby")) ?? "").split(" ");
      return page.locator(`#${ids.at(-1)}`).textContent();
    };
    expect(await describedBy("To")).toContain("must be 1 to 128 characters");
    expect(await describedBy("Type")).toContain("must be 1 to 128 characters");
    expect(await describedBy("Id")).toContain("must be 8 to 64 characters");
    expect(await describedBy("Collapse key")).toBe("");
    expect(await page.evaluate("document.activeElement.id")).toBe("send-users");
    operator.expectClean({ refused: [400] });
  });

  test("again after no answer came delivers once", async () => {
    const phone = await device("once", "phone");
    const operator = await tested.visit();
    const { page, sending, send } = await openConsole(operator);
    await page.route(
      "**/v1/messages",
      async (route) => {
        // It reached the hub; only the answer is lost.
        await route.fetch();
        await route.abort();
      },
      { times: 1 },
    );
    await send({ To: "once" });
    await sending.getByText("The hub gave no answer.").waitFor();
    await eventually(() => phone.received.length === 1);
    await send({ To: "once" });
    await sending.getByText("Accepted for 1 user.").waitFor();
    // Another one, to see what came before it.
    await send({ To: "once", Type: "last" });
    await eventually(() => phone.received.some(({ type }) => type === "last"));
    expect(phone.received.map(({ type }) => type)).toEqual(["notification", "last"]);
    operator.expectClean({ cut: true, refused: [404] });
  });
});

describe("sending to many", () => {
  test("reaches the members of a topic, and counts how far it got where receipts are asked for", async () => {
    const phone = await device("member", "phone");
    await join("team.7.builds", ["member", "away"]);
    const operator = await tested.visit();
    const { page, sending, send } = await openConsole(operator);
    await sending.getByRole("combobox", { name: "Audience" }).selectOption("members of a topic");
    expect(await sending.getByRole("textbox", { name: "To", exact: true }).count()).toBe(0);
    await send({});
    await sending.getByText("Not sent: see the fields.").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("send-topic");
    await sending.getByRole("checkbox", { name: "receipts" }).check();
    await send({ Topic: "team.7.builds" });
    await sending.getByText("Accepted for the topic team.7.builds.").waitFor();
    await sending.getByText("Who gets it is found out on its way.").waitFor();
    await eventually(() => phone.received.length === 1);
    expect(phone.received).toMatchObject([{ topic: "team.7.builds" }]);
    await eventually(async () =>
      /stored2.*acknowledged1/.test((await page.locator("#receipt-counts").textContent()) ?? ""),
    );
    operator.expectClean(onItsWay);
  });

  test("reaches who is connected, or everyone, and can be taken back from all of them", async () => {
    const withdrawn: string[] = [];
    const phone = await device("everywhere", "phone", { onWithdrawn: ({ id }) => withdrawn.push(id) });
    const operator = await tested.visit();
    const { sending, send, answer } = await openConsole(operator);
    const audience = sending.getByRole("combobox", { name: "Audience" });
    await audience.selectOption("everyone who is connected");
    await send({ Type: "online" });
    await sending.getByText("Accepted for everyone who is connected.").waitFor();
    await eventually(() => phone.received.some(({ type }) => type === "online"));
    await audience.selectOption("everyone");
    await send({ Type: "everyone", Id: "console-everyone" });
    await sending.getByText("Accepted for everyone.").waitFor();
    await eventually(() => phone.received.some(({ type }) => type === "everyone"));
    await sending.getByRole("button", { name: "Retract…" }).click();
    await answer("Cancel");
    await sending.getByRole("button", { name: "Retract…" }).click();
    await answer("Retract");
    await sending.getByText("Retracted from everyone: console-everyone.").waitFor();
    await eventually(() => withdrawn.includes("console-everyone"));
    operator.expectClean();
  });

  test("says what the hub refuses of it", async () => {
    const operator = await tested.visit();
    const { page, sending, send } = await openConsole(operator, apiKeys.team);
    await sending.getByRole("combobox", { name: "Audience" }).selectOption("members of a topic");
    await send({ Topic: "news" });
    await sending.getByText("The API key is for other topics (insufficient_scope).").waitFor();
    await send({ Topic: "team..7" });
    await sending.getByText(/invalid_body/).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("send-topic");
    operator.expectClean({ refused: [400, 403] });
  });
});

describe("a message for later", () => {
  test("waits for its time, and can be taken back before it", async () => {
    const operator = await tested.visit();
    const { page, sending, send, watch, user, answer } = await openConsole(operator);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);
    await page.evaluate("document.getElementById('send-more').open = true");
    await sending.getByLabel("Deliver at").fill(tomorrow);
    await send({ To: "later", Id: "later-0001" });
    await sending.getByText("waits for its time").waitFor();
    await sending.getByText(/to be delivered.*in \d+ h/).waitFor();
    await watch("later");
    await user.getByRole("textbox", { name: "Id of a message" }).fill("later-0001");
    await page.keyboard.press("Enter");
    const steps = user.getByRole("list", { name: "One message" }).getByRole("listitem");
    await steps.filter({ hasText: /^waits for its time in \d+ h/ }).waitFor();
    await user.getByRole("button", { name: "Retract…" }).click();
    await page.getByRole("dialog", { name: "Retract later-0001?" }).waitFor();
    await answer("Retract");
    await user.getByText("Retracted from later: later-0001.").waitFor();
    await steps.filter({ hasText: "retracted before it came" }).waitFor();
    expect(await user.getByRole("button", { name: "Retract…" }).count()).toBe(0);
    operator.expectClean(onItsWay);
  });

  test("is not sent now when its time is typed by half", async () => {
    const operator = await tested.visit();
    const { page, sending, send } = await openConsole(operator);
    await page.evaluate("document.getElementById('send-more').open = true");
    await sending.getByLabel("Deliver at").focus();
    await page.keyboard.type("11");
    await send({ To: "half" });
    await sending.getByText("must be a date and a time").waitFor();
    operator.expectClean();
  });
});

describe("watching a user", () => {
  test("shows devices, their place, and the inbox, and keeps up", async () => {
    const operator = await tested.visit();
    const { page, user, watch } = await openConsole(operator);
    await watch("watched");
    await user.getByText("offline").first().waitFor();
    await user.getByText("Nothing here.").waitFor();
    const phone = await device("watched", "phone");
    await push(tested.hub.url, {
      to: { user: "watched" },
      type: "first",
      priority: "high",
      data: { html: "<b>bold</b>" },
    });
    const row = user.getByRole("row", { name: /phone/ });
    await user.getByRole("row", { name: /^phone live 1 0 / }).waitFor();
    const message = page.locator("#inbox-rows > li");
    await message.filter({ hasText: /^1high *first.*unread/ }).waitFor();
    await message.click();
    await user.getByText('"html": "<b>bold</b>"').waitFor();
    await phone.client.read({ upTo: 1 });
    await message
      .filter({ hasText: /first.*read/ })
      .filter({ hasNotText: "unread" })
      .waitFor();
    // What was opened stays open while the list is asked for again.
    expect(await user.getByText('"html": "<b>bold</b>"').isVisible()).toBe(true);
    phone.client.close();
    await row.filter({ hasText: "offline" }).waitFor();
    operator.expectClean();
  });

  test("pages through the inbox, and through what is unread only", async () => {
    const messages = Array.from({ length: 25 }, (_, index) => ({
      to: { user: "paged" },
      type: `m${index + 1}`,
      priority: "high",
    }));
    await push(tested.hub.url, { messages });
    const phone = await device("paged", "phone");
    await eventually(() => phone.received.length === 25);
    await phone.client.read({ upTo: 20 });
    const operator = await tested.visit();
    const { page, user, watch } = await openConsole(operator);
    await watch("paged");
    const shows = async (first: number, last: number) => {
      const wanted = Array.from({ length: first - last + 1 }, (_, index) => `${first - index}`);
      await eventually(
        async () => (await page.locator("#inbox-rows .seq").allTextContents()).join() === wanted.join(),
      );
    };
    await shows(25, 16);
    await user.getByRole("button", { name: "Older" }).click();
    await shows(15, 6);
    await user.getByRole("button", { name: "Older" }).click();
    await shows(5, 1);
    expect(await user.getByRole("button", { name: "Older" }).isDisabled()).toBe(true);
    await user.getByRole("button", { name: "Newer" }).click();
    await shows(15, 6);
    await user.getByLabel("unread only").check();
    await shows(25, 21);
    operator.expectClean();
  });

  test("tells the timeline of a message, and takes it back from devices that have it", async () => {
    const withdrawn: string[] = [];
    await device("timeline", "phone", { onWithdrawn: ({ id }) => withdrawn.push(id) });
    await push(tested.hub.url, {
      to: { user: "timeline" },
      id: "timeline-0001",
      type: "news",
      priority: "critical",
    });
    const operator = await tested.visit();
    const { page, user, watch, answer } = await openConsole(operator);
    await watch("timeline");
    await page.locator("#inbox-rows summary").click();
    await user.getByRole("button", { name: "Timeline of timeline-0001" }).click();
    expect(await page.evaluate("document.activeElement.id")).toBe("message-title");
    const steps = user.getByRole("list", { name: "One message" }).getByRole("listitem");
    await steps.filter({ hasText: /^handled by phone (now|\d+ s ago)/ }).waitFor();
    expect((await steps.allTextContents()).map((step) => step.replace(/ (now|in \d+|\d+).*/, ""))).toEqual([
      "accepted",
      "stored as no.",
      "handled by phone",
      "expires",
    ]);
    await user.getByRole("button", { name: "Retract…" }).click();
    await answer("Retract");
    await steps.filter({ hasText: /^retracted$/ }).waitFor();
    await eventually(() => withdrawn.includes("timeline-0001"));
    await user.getByText("Nothing here.").waitFor();
    await user.getByRole("textbox", { name: "Id of a message" }).fill("never-0001");
    await user.getByRole("button", { name: "Timeline", exact: true }).click();
    await user.getByText("It is on its way, was forgotten, or never was.").waitFor();
    operator.expectClean(onItsWay);
  });

  test("shows the topics and leaves one, what is not to disturb, and marks what came so", async () => {
    await join("console.news", ["marked"]);
    await join("console.other", ["marked"]);
    const set = await fetch(`${tested.hub.url}/v1/users/marked/preferences`, {
      method: "PUT",
      headers: withKey(apiKeys.all),
      body: JSON.stringify({ muted: ["marketing"], minPriority: "normal" }),
    });
    expect(set.status).toBe(200);
    await push(tested.hub.url, {
      to: { topic: "console.news" },
      type: "offer",
      category: "marketing",
      data: { n: 1 },
    });
    const operator = await tested.visit();
    const { page, user, watch, answer } = await openConsole(operator);
    await watch("marked");
    const message = page.locator("#inbox-rows > li");
    await message.filter({ hasText: /offer.*console\.news.*silent/ }).waitFor();
    await user.getByText("Silent: the category marketing").waitFor();
    await user.getByText("Silent: what is less urgent than normal").waitFor();

    const topics = user.getByRole("list", { name: "Topics" }).getByRole("listitem");
    expect(await topics.count()).toBe(2);
    await user.getByRole("button", { name: "Leave console.other" }).click();
    await user.getByText("marked has left console.other.").waitFor();
    await eventually(async () => (await topics.count()) === 1);
    expect(await page.evaluate("document.activeElement.id")).toBe("topics-of-title");

    await user.getByRole("button", { name: "Forget…" }).click();
    await answer("Forget");
    await user.getByText("None: everything may disturb.").waitFor();
    expect(await ask(tested.hub.url, "users/marked/preferences")).toEqual({ muted: [] });
    operator.expectClean();
  });

  test("hands over all that is held of the user, as a file", async () => {
    await push(tested.hub.url, {
      to: { user: "exported" },
      id: "export-0001",
      type: "n",
      priority: "critical",
    });
    const operator = await tested.visit();
    const { page, user } = await openConsole(operator);
    await user.getByRole("textbox", { name: "User" }).fill("exported");
    const coming = page.waitForEvent("download");
    await user.getByRole("button", { name: "Export" }).click();
    const file = await coming;
    expect(file.suggestedFilename()).toBe("exported.ndjson");
    const text = await readFile(await file.path(), "utf8");
    expect(text).toContain("export-0001");
    expect(text.trim().split("\n").at(-1)).toContain('"kind":"end"');
    await user.getByText(/^Exported of exported: \d+ records, /).waitFor();
    operator.expectClean();
  });

  test("asks nothing while nobody can see the tab, and at once when somebody can", async () => {
    const operator = await tested.visit();
    const { page, watch } = await openConsole(operator);
    await watch("hidden");
    await page.getByText("No device has been here.").waitFor();
    await page.clock.install();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    const see = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { configurable: true, value: ${hidden} });
        document.dispatchEvent(new Event("visibilitychange"))`);
    await see(true);
    // What was on its way ends, and each timer runs out once.
    await page.clock.fastForward(60_000);
    await page.waitForLoadState("networkidle");
    asked.length = 0;
    await page.clock.fastForward(600_000);
    expect(asked).toEqual([]);
    await see(false);
    await eventually(() =>
      ["/v1/users/hidden", "/v1/lanes", "/v1/dead-letters"].every((path) => asked.includes(path)),
    );
    operator.expectClean();
  });
});

describe("disconnecting a user", () => {
  test("is asked about first; then the devices come back", async () => {
    const phone = await device("cut", "phone");
    const operator = await tested.visit();
    const { page, user, watch, answer } = await openConsole(operator);
    await watch("cut");
    const button = user.getByRole("button", { name: "Disconnect…" });
    await button.click();
    await page.getByRole("dialog", { name: "Disconnect cut?" }).waitFor();
    await answer("Cancel");
    await button.click();
    await page.keyboard.press("Escape");
    expect(await page.evaluate("document.activeElement.id")).toBe("disconnect");
    expect(phone.statuses.at(-1)).toBe("live");
    await button.click();
    await answer("Disconnect");
    await user.getByText("1 connection of cut closed.").waitFor();
    await eventually(() => phone.statuses.filter((status) => status === "live").length === 2);
    operator.expectClean();
  });

  test("and revoking keeps them away", async () => {
    const phone = await device("banned", "phone");
    const operator = await tested.visit();
    const { user, answer } = await openConsole(operator);
    await user.getByRole("button", { name: "Disconnect and revoke…" }).click();
    await user.getByText("Name a user.").waitFor();
    await user.getByRole("textbox", { name: "User" }).fill("banned");
    await user.getByRole("button", { name: "Disconnect and revoke…" }).click();
    await answer("Disconnect and revoke");
    await user.getByText("1 connection of banned closed.").waitFor();
    await eventually(() => phone.statuses.at(-1) === "stopped");
    operator.expectClean();
  });
});

describe("topics", () => {
  test("show their members, online or not, and are changed", async () => {
    await device("topic.b", "phone");
    const operator = await tested.visit();
    const { page, topics } = await openConsole(operator);
    await topics.getByRole("textbox", { name: "Topic" }).fill("console.team");
    await topics.getByRole("button", { name: "Members" }).click();
    await topics.getByText("0 members").waitFor();
    await topics.getByRole("button", { name: "Add" }).click();
    await topics.getByText("Name a user.").waitFor();
    await topics.getByRole("textbox", { name: "Users" }).fill("topic.a, topic.b");
    await page.keyboard.press("Enter");
    await topics.getByText("2 users done.").waitFor();
    await topics.getByText("2 members").waitFor();
    const rows = topics.getByRole("list", { name: "Topic console.team" }).getByRole("listitem");
    await rows.filter({ hasText: /^topic\.aoffline/ }).waitFor();
    await rows.filter({ hasText: /^topic\.bonline/ }).waitFor();

    await topics.getByRole("button", { name: "Remove topic.a" }).click();
    await topics.getByText("1 user done.").waitFor();
    await eventually(async () => (await rows.count()) === 1);
    expect(await page.evaluate("document.activeElement.id")).toBe("topic-title");
    await topics.getByRole("button", { name: "Watch topic.b" }).click();
    await page.getByRole("heading", { name: "Watching topic.b" }).waitFor();
    await topics.getByRole("textbox", { name: "Users" }).fill("topic.b");
    await topics.getByRole("button", { name: "Remove", exact: true }).click();
    await topics.getByText("0 members").waitFor();
    operator.expectClean();
  });

  test("are paged through, and say what the hub refuses", async () => {
    const all = Array.from({ length: 12 }, (_, index) => `page.${String(index).padStart(2, "0")}`);
    await join("team.paged", all);
    const operator = await tested.visit();
    const { page, topics } = await openConsole(operator, apiKeys.team);
    await topics.getByRole("textbox", { name: "Topic" }).fill("team.paged");
    await page.keyboard.press("Enter");
    await topics.getByText("12 members").waitFor();
    const shows = (users: readonly string[]) =>
      eventually(async () => (await page.locator("#topic-rows b").allTextContents()).join() === users.join());
    await shows(all.slice(0, 10));
    await topics.getByRole("button", { name: "More" }).click();
    await shows(all.slice(10));
    await topics.getByRole("button", { name: "Back" }).click();
    await shows(all.slice(0, 10));
    // The key may not watch, nor ask who is online.
    expect(await topics.getByRole("button", { name: "Watch" }).count()).toBe(0);
    expect(await page.locator("#topic-rows .state").count()).toBe(0);
    await topics.getByRole("textbox", { name: "Topic" }).fill("news");
    await page.keyboard.press("Enter");
    await topics.getByText("The API key is for other topics (insufficient_scope).").waitFor();
    operator.expectClean({ refused: [403] });
  });
});

describe("dead letters", () => {
  test("are shown with their content, sent again, and discarded after a question", async () => {
    await conflict("dead", "dead-0001");
    const operator = await tested.visit();
    const { page, letters, answer } = await openConsole(operator);
    await letters.getByRole("textbox", { name: "User" }).fill("dead");
    await letters.getByRole("combobox", { name: "Reason" }).selectOption("id_conflict");
    await letters.getByRole("button", { name: "Show" }).click();
    const letter = page.locator("#letters-rows > li");
    await letter.filter({ hasText: "to dead, dead-0001" }).waitFor();
    await eventually(async () => (await letter.count()) === 1);
    await letter.locator("summary").click();
    await letters.getByText('"text": "Window open"').waitFor();

    await letters.getByRole("button", { name: "Redrive dead-0001 of dead" }).click();
    await letters.getByText("On its way again: dead-0001 of dead.").waitFor();
    // The same conflict as before.
    await letter.filter({ hasText: "dead again, 1×" }).waitFor();

    const discard = letters.getByRole("button", { name: "Discard… dead-0001 of dead" });
    await discard.click();
    await answer("Cancel");
    expect(await letter.count()).toBe(1);
    await discard.click();
    await answer("Discard");
    await letters.getByText("Discarded: dead-0001 of dead.").waitFor();
    await letters.getByText("None. Whatever was accepted is delivered, or on its way.").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("letters-title");
    operator.expectClean();
  });

  test("lead to their user, and say what the hub refuses", async () => {
    await conflict("led", "led-00001");
    const operator = await tested.visit();
    const { page, letters } = await openConsole(operator);
    await letters.getByRole("button", { name: "Watch user led-00001 of led" }).click();
    await page.getByRole("heading", { name: "Watching led" }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("user-title");
    // Meanwhile, another operator discards it.
    const listed = JSON.stringify(await ask(tested.hub.url, "dead-letters?user=led"));
    const [key] = /(?<="key":")[\w-]+/.exec(listed) ?? [];
    await fetch(`${tested.hub.url}/v1/dead-letters/${key}`, {
      method: "DELETE",
      headers: withKey(apiKeys.all),
    });
    await letters.getByRole("button", { name: "Redrive led-00001 of led" }).click();
    await letters.getByText("There is no dead letter of this key (not_found).").waitFor();
    operator.expectClean({ refused: [404] });
  });

  test("that nobody asked for are left out", async () => {
    await conflict("filtered", "filter-01");
    const operator = await tested.visit();
    const { page, letters } = await openConsole(operator);
    await letters.getByText("to filtered, filter-01").waitFor();
    await letters.getByRole("combobox", { name: "Reason" }).selectOption("poison");
    await letters.getByRole("button", { name: "Show" }).click();
    await eventually(async () => (await page.locator("#letters-rows > li").count()) === 0);
    operator.expectClean();
  });
});

describe("the lanes", () => {
  test("count what was accepted and delivered, and tell how long it took, in words and numbers too", async () => {
    const phone = await device("counted", "phone");
    const operator = await tested.visit();
    const { page, panel } = await openConsole(operator);
    const lanes = panel("Lanes");
    const accepted = async () => {
      const cells = lanes.getByRole("row", { name: /^low / }).getByRole("cell");
      return Number((await cells.nth(4).textContent())?.replace(",", ""));
    };
    await lanes.getByRole("row", { name: /^low / }).waitFor();
    const before = await accepted();
    for (let sent = 0; sent < 5; sent += 1)
      await push(tested.hub.url, { to: { user: "counted" }, type: "n", priority: "low" });
    await eventually(() => phone.received.length === 5);
    await eventually(async () => (await accepted()) === before + 5, { timeoutMs: 30_000 });
    const latency = panel("Latency");
    await latency
      .getByRole("listitem")
      .filter({ hasText: /^low.*half of the messages took up to \d/ })
      .waitFor();
    await latency.getByText("The numbers").click();
    await page
      .locator("#latency-rows tr")
      .filter({ hasText: /\d\d:\d\d:\d\dlow\d/ })
      .first()
      .waitFor();
    operator.expectClean();
  });

  test("say since when they are not told, and go on when they are", async () => {
    const operator = await tested.visit();
    const { page, panel } = await openConsole(operator);
    const lanes = panel("Lanes");
    await lanes.getByRole("row", { name: /^critical / }).waitFor();
    await page.route("**/v1/lanes", (route) => route.abort());
    await lanes.getByText("The hub gave no answer.").waitFor();
    await page.unroute("**/v1/lanes");
    await eventually(async () => (await lanes.getByText("The hub gave no answer.").count()) === 0, {
      timeoutMs: 30_000,
    });
    operator.expectClean({ cut: true });
  });

  test("of a hub that answers otherwise are not guessed", async () => {
    const operator = await tested.visit();
    const page = await operator.open("/console");
    await page.route("**/v1/lanes", (route) => route.fulfill({ json: { lanes: [] } }));
    await page.getByRole("textbox", { name: "API key" }).fill(apiKeys.all);
    await page.keyboard.press("Enter");
    await consoleOn(page).panel("Lanes").getByText("The hub's answer could not be read.").waitFor();
    operator.expectClean();
  });
});

describe("the page", () => {
  const screens: readonly BrowserContextOptions[] = [
    { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
    { viewport: { width: 360, height: 740 }, colorScheme: "light" },
    { viewport: { width: 1_440, height: 900 }, colorScheme: "dark" },
    { viewport: { width: 1_440, height: 900 }, colorScheme: "light" },
  ];

  test.each(screens)("has no fault that axe finds, and no sideways scrolling, with %o", async (screen) => {
    const phone = await device("looks", "phone");
    await push(tested.hub.url, {
      to: { user: "looks" },
      type: "order.shipped",
      priority: "high",
      data: { order: 1 },
    });
    await conflict("looks", "looks-0001");
    await eventually(() => phone.received.length >= 2);
    const operator = await tested.visit({ ...screen, reducedMotion: "reduce" });
    const width = (page: { evaluate<Value>(script: string): Promise<Value> }) =>
      page.evaluate<number>("document.documentElement.scrollWidth");
    const locked = await operator.open("/console");
    await locked.getByRole("textbox", { name: "API key" }).waitFor();
    expect(await accessibilityFaults(locked)).toEqual([]);
    expect(await width(locked)).toBe(screen.viewport?.width);

    await join("looks.topic", ["looks", "looks-like-a-user-with-a-name-of-more-than-fifty-characters"]);
    const { page, user, letters, sending, send, topics, watch } = await openConsole(operator);
    await watch("looks");
    await user.getByText("order.shipped").first().waitFor();
    await topics.getByRole("textbox", { name: "Topic" }).fill("looks.topic");
    await page.keyboard.press("Enter");
    await topics.getByText("2 members").waitFor();
    await user.getByRole("textbox", { name: "Id of a message" }).fill("looks-0001");
    await page.keyboard.press("Enter");
    await user.getByText("handled by").first().waitFor();
    await letters.getByText("to looks, looks-0001").first().waitFor();
    await page.getByText("Rates over the last minute.").waitFor();
    await page.getByText("The numbers").click();
    await page.locator("#inbox-rows summary").first().click();
    await page.locator("#letters-rows summary").first().click();
    await send({ To: "looks" });
    await sending.getByText("handled by phone").waitFor();
    await send({ "Data, as JSON": "{", "ttl in seconds": "a day" });
    await sending.getByText("must be whole seconds").waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await width(page)).toBe(screen.viewport?.width);

    await user.getByRole("button", { name: "Disconnect…" }).click();
    expect(await accessibilityFaults(page)).toEqual([]);
    operator.expectClean(onItsWay);
  });

  test.each([
    { width: 1_280, whole: true },
    { width: 360, whole: false },
  ])("has room for devices of long names at $width px, and shows and says them whole", async (screen) => {
    const names = ["1f5bqk21xk2v0y0hj8trm1w9ob2", `warehouse-${"scanner-".repeat(14)}${screen.width}`];
    const user = `long-names-${screen.width}`;
    for (const name of names) await device(user, name);
    const operator = await tested.visit({ viewport: { width: screen.width, height: 800 } });
    const console = await openConsole(operator);
    const { page, sending, send, watch } = console;
    await watch(user);
    await send({ To: user });
    await eventually(async () => (await sending.locator(".device").count()) === names.length);
    const line = page.getByRole("list", { name: "What becomes of it" }).getByRole("listitem");
    expect(await line.textContent()).toMatch(new RegExp(`^${user} no\\. 1 of the stream`));
    for (const name of names) {
      await console.user.getByRole("rowheader", { name, exact: true }).waitFor();
      for (const panel of [console.user, sending]) {
        expect(await panel.getByTitle(name, { exact: true }).textContent()).toBe(name);
        const { width = 0, height = 0 } = (await panel.getByTitle(name, { exact: true }).boundingBox()) ?? {};
        expect({ broad: width >= 100, oneLine: height > 0 && height < 30 }).toEqual({
          broad: true,
          oneLine: true,
        });
      }
    }
    const table = await page.evaluate<{ shown: number; all: number }>(
      "(({ clientWidth: shown, scrollWidth: all }) => ({ shown, all }))(document.getElementById('devices'))",
    );
    expect(table.all <= table.shown).toBe(screen.whole);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(screen.width);
    expect(await accessibilityFaults(page)).toEqual([]);
    operator.expectClean(onItsWay);
  });

  test("needs no mouse: from the key to a message sent and a user disconnected", async () => {
    await device("keys", "phone");
    const operator = await tested.visit();
    const page = await operator.open("/console");
    const focused = () =>
      page.evaluate<string>(
        "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()",
      );
    const tabTo = async (name: string) => {
      for (let tabs = 0; tabs < 40 && (await focused()) !== name; tabs += 1) await page.keyboard.press("Tab");
      expect(await focused()).toBe(name);
    };
    await page.getByRole("textbox", { name: "API key" }).waitFor();
    await page.keyboard.type(apiKeys.all);
    await page.keyboard.press("Enter");
    await page.getByText("key 8wg5c1a1").waitFor();
    await tabTo("To");
    await page.keyboard.type("keys");
    await tabTo("normal");
    await page.keyboard.press("ArrowLeft");
    expect(await focused()).toBe("high");
    await tabTo("Send");
    await page.keyboard.press("Enter");
    await page.getByText("handled by phone").waitFor();
    await tabTo("User");
    await page.keyboard.type("keys");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Watching keys" }).waitFor();
    await tabTo("Disconnect…");
    await page.keyboard.press("Enter");
    expect(await focused()).toBe("Cancel");
    await tabTo("Disconnect");
    await page.keyboard.press("Enter");
    await page.getByText("1 connection of keys closed.").waitFor();
    expect(await focused()).toBe("Disconnect…");
    operator.expectClean(onItsWay);
  });

  test("takes less than 50 kB of the wire", async () => {
    const operator = await tested.visit();
    expect(await bytesOfFirstLoad(operator.context, `${tested.hub.url}/console`)).toBeLessThan(50_000);
  });
});
