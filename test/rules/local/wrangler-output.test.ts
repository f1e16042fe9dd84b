import { expect, test } from "vitest";
import { isReady, shown } from "../../../src/local/wrangler-output.ts";

test("requests, the log and errors are shown", () => {
  expect(shown("[wrangler:info] POST /v1/messages 202 Accepted (14ms)")).toBe(
    "POST /v1/messages 202 Accepted (14ms)",
  );
  for (const line of [
    '{"level":"warn","event":"origin_refused"}',
    "✘ [ERROR] Build failed with 1 error:",
    "    src/index.ts:3:9: ERROR: Unexpected end of file",
    "[wrangler:error] Error: boom",
    "[custom build] Error: /demo has 60000 bytes gzipped; a first load has at most 50000",
    "    at fetch (index.ts:1:1)",
  ]) {
    expect(shown(line)).toBe(line);
  }
});

test("what wrangler says of itself, of the bindings and of the internet is not shown", () => {
  for (const line of [
    "",
    " ⛅️ wrangler 4.124.0 (update available 4.164.0)",
    "───────────────────────────────────────────────",
    "Using secrets defined in .dev.vars",
    "Your Worker has access to the following bindings:",
    "Binding                                Resource                  Mode",
    "env.USER_HUB (UserHub)                 Durable Object            local",
    'env.API_KEYS ("(hidden)")              Environment Variable      local',
    "⎔ Starting local server...",
    "❓ Your types might be out of date. Re-run `wrangler types` to ensure your types are correct.",
    "The file src/pages/demo/main.ts changed, restarting build...",
    "[wrangler:warn] Unable to fetch the `Request.cf` object! Falling back to a default placeholder...",
    "Error: getaddrinfo ENOTFOUND workers.cloudflare.com",
    "    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:123:26)",
    "[custom build] Running: node src/pages/build.ts",
    "[custom build] page /demo: 18.2 kB",
    "[custom build] ",
    "[wrangler:info] ✨ Parsed 1 valid header rule.",
    "[wrangler:info] Ready on http://localhost:8787",
  ]) {
    expect(shown(line), line).toBeUndefined();
  }
});

test("the line that says that the hub answers is known", () => {
  expect(isReady("[wrangler:info] Ready on http://localhost:8787")).toBe(true);
  expect(isReady("⎔ Starting local server...")).toBe(false);
});
