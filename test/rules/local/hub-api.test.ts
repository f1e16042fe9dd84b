import { afterEach, expect, test, vi } from "vitest";
import { hubApi } from "../../../src/local/hub-api.ts";
import { problem } from "../publisher/model-hub.ts";

const hub = { url: "http://hub.test", apiKey: "hub_abc_def" };

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a push carries the key and the message, and gives the id", async () => {
  const fetched = vi.fn(async (_url: string, _init: RequestInit) =>
    Response.json({ id: "message-1", recipients: 1, state: "queued" }, { status: 202 }),
  );
  vi.stubGlobal("fetch", fetched);
  expect(await hubApi(hub).push({ to: { user: "alice" }, type: "note" })).toBe("message-1");
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect(url).toBe("http://hub.test/v1/messages");
  expect(init).toMatchObject({ method: "POST", body: '{"to":{"user":"alice"},"type":"note"}' });
  expect(new Headers(init?.headers).get("Authorization")).toBe("Bearer hub_abc_def");
});

test("a token is asked for by user", async () => {
  vi.stubGlobal("fetch", async (_url: string, { body }: RequestInit) =>
    Response.json({ token: `for ${body}`, expires: 1 }),
  );
  expect(await hubApi(hub).token("alice")).toBe('for {"user":"alice"}');
});

test("a hub that does not run is told as such, at once", async () => {
  const fetched = vi.fn(() => Promise.reject(new TypeError("fetch failed")));
  vi.stubGlobal("fetch", fetched);
  await expect(hubApi(hub).token("alice")).rejects.toThrow("No hub answers at http://hub.test");
  expect(fetched).toHaveBeenCalledOnce();
});

test("a refusal is told with the hub's words", async () => {
  vi.stubGlobal("fetch", async () => problem(429, { detail: "too fast" }));
  await expect(hubApi(hub).token("alice")).rejects.toThrow("The hub refused: 429 code_429: too fast");
});
