/** The examples of docs/client.md, one after the other as a reader would run them. */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { afterEach, expect, test, vi } from "vitest";
import * as client from "../../../src/client/index.ts";
import { liveMessage, streamMessage, welcome, withdrawal } from "../../support/client-driver.ts";
import { unsignedToken } from "../../support/credentials.ts";
import { FakeSocket } from "../../support/fake-socket.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const state = { unread: 2, readUpTo: 0, rev: 0 };
const pushed = [
  { ...streamMessage(1), type: "order.shipped", data: { order: 7 } },
  { ...streamMessage(2), type: "notification", data: { title: "Hello" } },
];
const marked: unknown[] = [];
const subscribed: string[] = [];
let preferences: unknown = { muted: [] };
const came = { topic: "team.7", user: "bob", online: true, asOf: 1 };

/** Welcomes every device, has two messages for it, takes back the second once it is handled, and tells that somebody has come. */
class HubSocket extends FakeSocket {
  override send(text: string): void {
    if (!text.includes('"seq":2')) return;
    this.receive({ type: "messages", messages: [withdrawal(3, "message-2")], unread: 1 });
  }

  constructor(url: string, protocols: readonly string[]) {
    super(url, protocols);
    queueMicrotask(() => {
      this.receive(welcome({ resumed: false, reason: "new", head: 2, ...state }));
      this.receive({ type: "messages", messages: pushed, unread: 2 });
      this.receive({
        type: "live",
        message: { ...liveMessage("presence-1"), type: "hubbub.presence", data: came },
      });
    });
  }
}

async function fakeFetch(
  target: string | URL,
  init: { readonly method?: string; readonly body?: string },
): Promise<Response> {
  const url = new URL(target, "https://app.example.com");
  if (url.pathname === "/hub-token")
    return new Response(unsignedToken({}, { sub: "alice", exp: 4_000_000_000 }));
  if (url.pathname.endsWith("/read")) {
    marked.push(JSON.parse(init.body ?? ""));
    return Response.json(state);
  }
  if (url.pathname.includes("/topics/")) {
    subscribed.push(`${init.method} ${url.pathname.split("/").at(-1)}`);
    return Response.json({ topic: "team.7", presence: true, pending: false });
  }
  if (url.pathname.endsWith("/topics"))
    return Response.json({ topics: [{ topic: "team.7", presence: true, pending: false }] });
  if (url.pathname.endsWith("/send")) return Response.json({ data: { left: 3 } });
  if (url.pathname.endsWith("/preferences")) {
    preferences = init.method === "PUT" ? JSON.parse(init.body ?? "") : preferences;
    return Response.json(preferences);
  }
  const messages = pushed.map((message) => ({ ...message, read: false }));
  return Response.json({
    messages: messages.reverse(),
    ...(url.searchParams.has("cursor") ? {} : { next: 1 }),
    state,
  });
}

test("every example of the guide works", async () => {
  const guide = await readFile("docs/client.md", "utf8");
  const examples = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  expect(examples).toHaveLength(9);
  const script = stripTypeScriptTypes(
    examples.join("\n").replaceAll(/^import .* from "hubbub\/client";$/gm, ""),
  );

  vi.stubGlobal("WebSocket", HubSocket);
  vi.stubGlobal("fetch", fakeFetch);
  const said: unknown[][] = [];
  // As in a module, where `await` needs no function around it.
  const run = new Function(
    "client",
    "console",
    `const { HubClient, webStorage } = client; return (async () => {${script}; return { devices: [client, typed, reader, careful, teammate, device, phone], files } })()`,
  );
  const { devices, files } = await run(client, { log: (...words: unknown[]) => said.push(words) });

  await expect
    .poll(() => JSON.parse(files.get("progress") ?? "{}"))
    .toMatchObject({ device: "phone", cursor: 3 });
  for (const device of devices) device.close();
  expect(said).toContainEqual([{ title: "Hello" }]);
  expect(said).toContainEqual(["message-1", 7]);
  expect(said).toContainEqual(["order.shipped", { order: 7 }]);
  expect(said).toContainEqual(["notification", { title: "Hello" }]);
  expect(said).toContainEqual(["message-2", "notification", { title: "Hello" }, false]);
  expect(said).toContainEqual([2]);
  expect(said).toContainEqual(["team.7", true]);
  expect(said).toContainEqual(["team.7", "bob", true]);
  expect(said).toContainEqual([3]);
  expect(said).toContainEqual([expect.objectContaining({ muted: ["marketing"] })]);
  expect(subscribed.toSorted()).toEqual(["DELETE team.7.builds", "PUT team.7", "PUT team.7.builds"]);
  expect(marked).toEqual([{ ids: ["message-2", "message-1"] }]);
});
