import { afterEach, expect, test, vi } from "vitest";
import { hubApi } from "../../../src/local/hub-api.ts";

const hub = { url: "http://hub.test", apiKey: "hub_abc_def" };

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a push carries the key and the message, and gives the id", async () => {
  const fetched = vi.fn(async (_url: URL, _init: RequestInit) =>
    Response.json({ id: "message-1" }, { status: 202 }),
  );
  vi.stubGlobal("fetch", fetched);
  expect(await hubApi(hub).push({ type: "note" })).toBe("message-1");
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect(url?.href).toBe("http://hub.test/v1/messages");
  expect(init).toMatchObject({ method: "POST", body: '{"type":"note"}' });
  expect(new Headers(init?.headers).get("Authorization")).toBe("Bearer hub_abc_def");
});

test("a token is asked for by user", async () => {
  vi.stubGlobal("fetch", async (_url: URL, { body }: RequestInit) => Response.json({ token: `for ${body}` }));
  expect(await hubApi(hub).token("alice")).toBe('for {"user":"alice"}');
});

test("a hub that does not run is told as such", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("fetch failed")));
  await expect(hubApi(hub).token("alice")).rejects.toThrow("No hub answers at http://hub.test");
});

test("a refusal is told with the hub's words", async () => {
  vi.stubGlobal("fetch", async () => new Response("too fast", { status: 429 }));
  await expect(hubApi(hub).token("alice")).rejects.toThrow("429 too fast");
});
