import { describe, expect, test } from "vitest";
import { mintApiKey } from "../../../src/auth/api-key.ts";
import { verifyConnectToken } from "../../../src/auth/connect-token.ts";
import { requestLimits, tokenLimits } from "../../../src/limits.ts";
import { topicPattern } from "../../../src/protocol/topic-pattern.ts";
import { api, problem } from "../../support/api.ts";
import { connect } from "../../support/connect.ts";
import { tokenSettings } from "../../support/credentials.ts";

interface Minted {
  readonly token: string;
  readonly expires: number;
}

async function mint(json: unknown): Promise<Minted> {
  const response = await api("POST", "/v1/tokens", { json });
  expect(response.status).toBe(201);
  return response.json<Minted>();
}

describe("a minted token", () => {
  test("lets the user connect until it expires", async () => {
    const before = Date.now();
    const { token, expires } = await mint({ user: "minted", ttl: 60 });
    expect(expires).toBeGreaterThanOrEqual(before + 60_000);
    expect(expires).toBeLessThanOrEqual(Date.now() + 60_000);
    const device = await connect("minted", { token });
    expect(device.last("welcome").expires).toBe(expires);
    device.close();
  });

  test("lasts an hour, unless less is asked for", async () => {
    expect((await mint({ user: "minted" })).expires).toBeGreaterThan(Date.now() + 3_500_000);
  });

  test("grants the topics and the scopes that are asked for", async () => {
    const { token } = await mint({ user: "minted", topics: ["team.*", "news"], scopes: ["orders"] });
    const verdict = await verifyConnectToken(token, tokenSettings, Date.now());
    expect(verdict).toMatchObject({ ok: { grants: { topics: ["team.*", "news"], scopes: ["orders"] } } });
  });

  test("grants no more topics than the key is for that asks for it", async () => {
    const { key: credential, record } = mintApiKey(
      ["tokens"],
      ["team.*", "news.**"].map((pattern) => topicPattern.parse(pattern)),
    );
    const bindings = { API_KEYS: JSON.stringify([record]) };
    const asked = (topics?: string[]) =>
      api("POST", "/v1/tokens", { credential, bindings, json: { user: "minted", topics } });
    for (const topics of [undefined, [], ["team.*"], ["team.7", "news.*", "news.a.**"]]) {
      expect((await asked(topics)).status).toBe(201);
    }
    for (const topics of [["**"], ["*"], ["team.**"], ["team.7", "board"], ["news"]]) {
      expect(await problem(asked(topics))).toMatchObject({ status: 403, code: "insufficient_scope" });
    }
  });

  test("is not given where what it grants makes it longer than a token may be", async () => {
    const names = Array.from({ length: 16 }, (_, index) => "x".repeat(120) + index);
    expect(
      await problem(api("POST", "/v1/tokens", { json: { user: "minted", topics: names, scopes: names } })),
    ).toMatchObject({
      status: 400,
      code: "invalid_body",
    });
    const { token } = await mint({ user: "minted", topics: names });
    expect(token.length).toBeLessThanOrEqual(tokenLimits.maxBytes);
  });

  test.each([
    {},
    { user: "alice", topics: ["a..b"] },
    { user: "alice", topics: Array.from({ length: 17 }, () => "a") },
    { user: "alice", scopes: ["a b"] },
    { user: "" },
    { user: "alice", ttl: 0 },
    { user: "alice", ttl: 3_601 },
    { user: "alice", ttl: 1.5 },
    { user: "alice", ttl: "60" },
    { user: "alice", device: "a b" },
    { user: "alice", scope: "all" },
  ])("is not given for %j", async (json) => {
    expect(await problem(api("POST", "/v1/tokens", { json }))).toMatchObject({
      status: 400,
      code: "invalid_body",
    });
  });

  test("is not given for a body that is too large", async () => {
    const json = { user: "alice", device: "d".repeat(requestLimits.maxSmallBodyBytes) };
    expect(await problem(api("POST", "/v1/tokens", { json }))).toMatchObject({
      status: 413,
      code: "too_large",
    });
  });
});
