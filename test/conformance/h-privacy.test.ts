/** Rows H of the test matrix that the API reaches: what it tells to whom. */
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { accepted, api, broken, problem, publish, quietly, to } from "../support/api.ts";
import { apiKeys, tokenFor } from "../support/credentials.ts";

const uuid = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe("an error", () => {
  test("H4 nobody expected tells nothing but the id under which it is logged", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const fault = new Error("SQLITE_ERROR: no such table: users\n    at UserHub (/src/hub/user-hub.ts:1:1)");
    const response = await api("GET", "/v1/users/alice", {
      bindings: { USER_HUB: broken(env.USER_HUB, fault) },
    });
    const told = await problem(response);
    expect(told).toEqual({
      type: "urn:hubbub:problem:internal",
      title: "The hub failed",
      status: 500,
      code: "internal",
      detail: expect.any(String),
      instance: expect.stringMatching(uuid),
    });
    expect(JSON.stringify(told)).not.toMatch(/SQL|users|user-hub|src|alice/);
    const [line] = error.mock.calls.flat();
    expect(line).toContain(told.instance.slice("urn:uuid:".length));
    expect(line).toContain("no such table");
    error.mockRestore();
  });

  test.each([{ retryable: true }, { overloaded: true }])(
    "of an object that shows %j is worth another try",
    async (mark) => {
      const fault = Object.assign(new Error("Durable Object is overloaded"), mark);
      const bindings = { USER_HUB: broken(env.USER_HUB, fault) };
      const response = await quietly(() => api("GET", "/v1/users/alice", { bindings }));
      expect(response.headers.get("Retry-After")).toBe("2");
      expect(await problem(response)).toMatchObject({ status: 503, code: "user_unavailable" });
    },
  );

  test("H4 repeats no value that was sent", async () => {
    const canary = "canary-5f3759df";
    const answers = await Promise.all([
      publish({ to: { user: `${canary} ` }, type: canary, priority: canary, ttl: canary, [`${canary}!`]: 1 }),
      publish({ messages: [{ to: canary }] }),
      api("POST", "/v1/messages", { body: canary }),
      api("GET", `/v1/users/${canary}%20`),
      api("GET", `/v1/users/alice/messages?limit=${canary}&cursor=${canary}&unread=${canary}`),
      api("GET", `/v1/dead-letters?reason=${canary}`),
      api("POST", `/v1/dead-letters/${canary}!/redrive`),
      api("GET", `/v1/${canary}`),
      api("GET", "/v1/users/alice", { credential: `hub_${canary}` }),
      api("GET", "/v1/users/alice/messages", { credential: canary }),
      api("POST", "/v1/tokens", { json: { user: canary, ttl: canary } }),
      publish(to("alice"), { headers: { "Idempotency-Key": `${canary} with blanks` } }),
    ]);
    for (const answer of answers) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(await answer.text()).not.toContain(canary);
    }
  });

  test("is never kept by a cache, and neither is an answer", async () => {
    for (const answer of [
      await api("GET", "/v1/nowhere"),
      await api("GET", "/v1/users/alice"),
      await publish(to("alice")),
    ]) {
      expect(answer.headers.get("Cache-Control")).toBe("no-store");
    }
  });
});

describe("the API", () => {
  test("H5 answers a publish to a known and to an unknown user alike", async () => {
    await accepted(publish({ ...to("h5-known"), priority: "critical" }));
    const shape = async (user: string): Promise<string[]> => Object.keys(await accepted(publish(to(user))));
    expect(await shape("h5-unknown")).toEqual(await shape("h5-known"));
  });

  const routes = [
    ["GET", "/v1/users/alice", "users:read"],
    ["DELETE", "/v1/users/alice", "users:write"],
    ["DELETE", "/v1/users/alice/connections", "users:write"],
    ["GET", "/v1/users/alice/messages", "users:read"],
    ["GET", "/v1/users/alice/messages/some-message", "users:read"],
    ["POST", "/v1/users/alice/read", "users:write"],
    ["POST", "/v1/tokens", "tokens"],
    ["GET", "/v1/dead-letters", "dead-letters"],
    ["POST", "/v1/dead-letters/aaaaaaaaaaaaaaaaaaaaaa/redrive", "dead-letters"],
    ["DELETE", "/v1/dead-letters/aaaaaaaaaaaaaaaaaaaaaa", "dead-letters"],
    ["GET", "/v1/lanes", "metrics"],
  ] as const;

  test.each(routes)(
    "H6 takes %s %s from nobody without a key, and not from a publisher",
    async (method, path, scope) => {
      const anonymous = await api(method, path, { headers: { Authorization: "" } });
      expect(await problem(anonymous)).toMatchObject({ status: 401, code: "unauthenticated" });
      const publisher = await api(method, path, { credential: apiKeys.publish });
      expect(publisher.headers.get("WWW-Authenticate")).toContain(`scope="${scope}"`);
      expect(await problem(publisher)).toMatchObject({ status: 403, code: "insufficient_scope" });
    },
  );

  test("H6 takes what operators do from no connect token", async () => {
    const credential = await tokenFor("alice");
    for (const [method, path] of routes) {
      if (path.includes("messages") || path.includes("read")) continue;
      const refused = await problem(api(method, path, { credential }));
      expect(refused).toMatchObject({ status: 401, code: "wrong_credential_type" });
    }
  });

  test.each(["/health", "/v1/messages", "/v1/connect", "/v1/users/alice", "/nowhere"])(
    "H8 serves nothing at %s with missing or example secrets, and says which",
    async (path) => {
      const response = await api("GET", path, {
        bindings: { TOKEN_SECRET: "change-me-change-me-change-me-change-me", API_KEYS: "" },
      });
      expect(response.headers.get("Retry-After")).toBe("60");
      expect(await problem(response)).toMatchObject({
        status: 503,
        code: "misconfigured",
        detail: "API_KEYS is missing; TOKEN_SECRET is an example, not a secret",
      });
    },
  );

  test("says that it is healthy, to everybody", async () => {
    const response = await api("GET", "/health", { headers: { Authorization: "" } });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "healthy" });
  });

  test("has nothing at any other path", async () => {
    for (const path of [
      "/",
      "/v1",
      "/v1/messages/",
      "/v2/messages",
      "/v1/users/a/b/c",
      "/v1/users/../lanes/x",
    ]) {
      expect(await problem(api("GET", path))).toMatchObject({ status: 404, code: "not_found" });
    }
  });
});
