import { expect, test } from "vitest";
import { scopes } from "../../../src/auth/api-key.ts";
import { api, problem } from "../../support/api.ts";
import { apiKeys, tokenFor } from "../../support/credentials.ts";

test("an API key is told its own id and scopes, and no secret", async () => {
  const response = await api("GET", "/v1/key", { credential: apiKeys.reader });
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ id: "r2hy7s1f", scopes: ["users:read"] });
  const all = await api("GET", "/v1/key", { credential: apiKeys.all });
  expect(await all.json()).toEqual({ id: "8wg5c1a1", scopes: [...scopes] });
});

test("a key for some topics is told which", async () => {
  const response = await api("GET", "/v1/key", { credential: apiKeys.team });
  expect(await response.json()).toEqual({
    id: "1bsvdzyx",
    scopes: ["publish", "topics"],
    topics: ["team.*"],
  });
});

test("a key that is not good is told nothing, and neither is a connect token", async () => {
  expect(await problem(api("GET", "/v1/key", { credential: apiKeys.revoked }))).toMatchObject({
    status: 401,
    code: "api_key_invalid",
  });
  expect(await problem(api("GET", "/v1/key", { credential: await tokenFor("alice") }))).toMatchObject({
    status: 401,
    code: "wrong_credential_type",
  });
});
