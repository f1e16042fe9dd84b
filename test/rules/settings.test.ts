import { describe, expect, test } from "vitest";
import { Misconfigured, settingsOf } from "../../src/settings.ts";
import { testBindings, tokenSettings } from "../support/credentials.ts";

const environment = {
  ...testBindings,
  TOKEN_ISSUER: "hubbub",
  TOKEN_AUDIENCE: "hubbub:connect",
  ALLOW_QUERY_TOKEN: "false",
  SINGLE_USE_TOKENS: "false",
};

function faults(change: object): readonly string[] {
  try {
    settingsOf({ ...environment, ...change });
    return [];
  } catch (error) {
    if (error instanceof Misconfigured) return error.faults;
    throw error;
  }
}

describe("the settings", () => {
  test("are read from the environment, once", () => {
    const env = { ...environment };
    const settings = settingsOf(env);
    expect(settings.tokens).toEqual(tokenSettings);
    expect(settings.apiKeys.map(({ scopes }) => scopes)).toContainEqual(["publish"]);
    expect(settings.allowedOrigins).toEqual(new Set(["https://app.example.com"]));
    expect(settings.allowQueryToken).toBe(false);
    expect(settingsOf(env)).toBe(settings);
  });

  test("need neither an earlier secret nor a provider nor an origin", () => {
    const { TOKEN_SECRET_PREVIOUS, TOKEN_JWKS, TOKEN_JWKS_ISSUER, ALLOWED_ORIGINS, ...least } = environment;
    const settings = settingsOf({ ...least, ALLOW_QUERY_TOKEN: "true" });
    expect(settings.tokens.secrets).toEqual([tokenSettings.secrets[0]]);
    expect(settings.tokens.jwks).toBeUndefined();
    expect(settings.allowedOrigins.size).toBe(0);
    expect(settings.allowQueryToken).toBe(true);
    expect(settingsOf({ ...least, TOKEN_JWKS: "" }).tokens.jwks).toBeUndefined();
  });

  test("H8 a missing, short or example secret is refused by name", () => {
    expect(faults({ TOKEN_SECRET: undefined })).toEqual(["TOKEN_SECRET is missing"]);
    expect(faults({ TOKEN_SECRET: "" })).toEqual(["TOKEN_SECRET is missing"]);
    expect(faults({ TOKEN_SECRET: "k3J9" })).toEqual(["TOKEN_SECRET is shorter than 32 bytes"]);
    for (const example of [
      "change-me-change-me-change-me-1234",
      "your-256-bit-secret-your-256-bit-secret",
      "secret123secret123secret123secret123",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "0123012301230123012301230123012301230123",
    ]) {
      expect(faults({ TOKEN_SECRET: example })).toEqual(["TOKEN_SECRET is an example, not a secret"]);
    }
    expect(faults({ TOKEN_SECRET_PREVIOUS: "short" })).toEqual([
      "TOKEN_SECRET_PREVIOUS is shorter than 32 bytes",
    ]);
  });

  test.each([
    ["API_KEYS", undefined],
    ["API_KEYS", ""],
    ["API_KEYS", "[]"],
    ["ALLOWED_ORIGINS", "https://app.example.com/"],
    ["ALLOWED_ORIGINS", "app.example.com"],
    ["TOKEN_ISSUER", ""],
    ["TOKEN_AUDIENCE", undefined],
    ["ALLOW_QUERY_TOKEN", "yes"],
    ["SINGLE_USE_TOKENS", undefined],
    ["TOKEN_JWKS", "http://id.example.com"],
    ["TOKEN_JWKS_ISSUER", ""],
  ])("%s = %j is refused by name", (name, value) => {
    expect(faults({ [name]: value })).toEqual([expect.stringMatching(`^${name}\\b`)]);
  });

  test("never repeat a value in a refusal", () => {
    expect(faults({ API_KEYS: '[{"id":"canary"}]', TOKEN_SECRET: "canary" }).join()).not.toContain("canary");
  });

  test("that were refused stay refused", () => {
    const env = { ...environment, TOKEN_SECRET: "" };
    expect(() => settingsOf(env)).toThrow(Misconfigured);
    expect(() => settingsOf(env)).toThrow("TOKEN_SECRET is missing");
  });
});
