/** The pages, as the hub serves them beside its API. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HubProcess, startHub } from "../support/hub-process.ts";

let hub: HubProcess;

beforeAll(async () => {
  hub = await startHub();
});

afterAll(() => hub?.stop());

/** An answer as it comes, without following it. */
function get(path: string, options: RequestInit = {}): Promise<Response> {
  return fetch(`${hub.url}${path}`, { redirect: "manual", ...options });
}

describe("the pages", () => {
  test.each(["/", "/demo", "/console"])(
    "are at %s, under a policy that lets them load nothing from elsewhere",
    async (path) => {
      const { status, headers } = await get(path);
      expect(status).toBe(200);
      expect(headers.get("Content-Type")).toBe("text/html; charset=utf-8");
      const policy = headers.get("Content-Security-Policy")?.split("; ") ?? [];
      for (const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ]) {
        expect(policy).toContain(rule);
      }
      expect(policy.join()).not.toContain("unsafe");
      expect(headers.get("Referrer-Policy")).toBe("no-referrer");
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("Cross-Origin-Opener-Policy")).toBe("same-origin");
      expect(headers.get("Permissions-Policy")).toContain("geolocation=()");
    },
  );

  test.each(["/demo/", "/demo.html"])("are found by %s as well", async (path) => {
    const { status, headers } = await get(path);
    expect({ status, to: headers.get("Location") }).toEqual({ status: 307, to: "/demo" });
  });

  test("can't be posted to", async () => {
    expect((await get("/demo", { method: "POST" })).status).toBe(405);
  });
});

describe("everything else", () => {
  test.each(["/nothing", "/demo.json", "/demo/more", "/_headers", "/v1", "/%zz"])(
    "is the Worker's: %s is a problem",
    async (path) => {
      const answer = await get(path);
      expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
      expect(await answer.json()).toMatchObject({ status: 404, code: "not_found" });
      expect(answer.headers.get("Cache-Control")).toBe("no-store");
    },
  );

  test("of the API answers as before", async () => {
    expect(await (await get("/health")).json()).toEqual({ status: "healthy" });
    expect(await (await get("/v1/messages", { method: "POST" })).json()).toMatchObject({
      code: "unauthenticated",
    });
  });
});
