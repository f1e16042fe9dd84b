import { describe, expect, test } from "vitest";
import { api } from "../../support/api.ts";
import { tokenFor } from "../../support/credentials.ts";

const page = "https://app.example.com";
const foreign = ["https://evil.example.com", "https://app.example.com.evil.example", "null"];

const routes = [
  ["GET", "/v1/users/paged/messages"],
  ["GET", "/v1/users/paged/messages/message-1"],
  ["POST", "/v1/users/paged/read"],
] as const;

/** What the answer allows a page. */
function allowances(response: Response): Record<string, string> {
  return Object.fromEntries([...response.headers].filter(([name]) => name.startsWith("access-control-")));
}

function preflight(path: string, method: string, origin: string): Promise<Response> {
  const asked = {
    "Access-Control-Request-Method": method,
    "Access-Control-Request-Headers": "authorization",
  };
  // A browser sends no credential with a preflight.
  return api("OPTIONS", path, { headers: { Authorization: "", Origin: origin, ...asked } });
}

describe.each(routes)("a page that asks for %s %s", (method, path) => {
  test("is allowed to, where its origin is allowed", async () => {
    const response = await preflight(path, method, page);
    expect(response.status).toBe(204);
    expect(response.headers.get("Vary")).toBe("Origin");
    expect(allowances(response)).toEqual({
      "access-control-allow-origin": page,
      "access-control-allow-methods": method,
      "access-control-allow-headers": "authorization, content-type",
      "access-control-max-age": "7200",
    });
  });

  test.each(foreign)("B34 is allowed nothing from %s", async (origin) => {
    const refused = await preflight(path, method, origin);
    expect(refused.status).toBe(405);
    expect(allowances(refused)).toEqual({});
    const answer = await api(method, path, { headers: { Origin: origin } });
    expect(allowances(answer)).toEqual({});
    expect(answer.headers.get("Vary")).toBe("Origin");
  });

  test("B34 is no preflight without the method that it is about", async () => {
    const response = await api("OPTIONS", path, { headers: { Origin: page } });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe(method);
  });

  test.each(["", "?limit=x", `?${"x".repeat(9_000)}`])(
    "may read the answer, problem or not: %#",
    async (query) => {
      const response = await api(method, path + query, {
        credential: await tokenFor("paged"),
        headers: { Origin: page },
      });
      expect(allowances(response)).toEqual({ "access-control-allow-origin": page });
      expect(response.headers.get("Vary")).toBe("Origin");
    },
  );
});

test("a page may read its inbox", async () => {
  const credential = await tokenFor("paged");
  const response = await api("GET", "/v1/users/paged/messages", { credential, headers: { Origin: page } });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ messages: [] });
});

test("any page is allowed by *, but one without an origin of its own", async () => {
  const from = (origin: string): Promise<Response> =>
    api("GET", "/v1/users/paged/messages", {
      headers: { Origin: origin },
      bindings: { ALLOWED_ORIGINS: "*" },
    });
  expect(allowances(await from("https://any.example.org"))).toEqual({
    "access-control-allow-origin": "https://any.example.org",
  });
  expect(allowances(await from("null"))).toEqual({});
});

test.each([
  ["POST", "/v1/messages"],
  ["POST", "/v1/tokens"],
  ["GET", "/v1/users/paged"],
  ["DELETE", "/v1/users/paged"],
  ["DELETE", "/v1/users/paged/connections"],
  ["GET", "/v1/dead-letters"],
  ["GET", "/v1/lanes"],
  ["GET", "/v1/connect"],
])("B34 no page is allowed %s %s, which no connect token opens to it", async (method, path) => {
  const response = await preflight(path, method, page);
  expect(response.status).toBe(405);
  expect(allowances(response)).toEqual({});
});
