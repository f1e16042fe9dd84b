import { describe, expect, test } from "vitest";
import { Misconfigured, settingsOf } from "../../src/settings.ts";
import { testBindings, tokenSettings } from "../support/credentials.ts";

/** With everything that may be said. */
const environment = {
  ...testBindings,
  TOKEN_ISSUER: "hubbub",
  TOKEN_AUDIENCE: "hubbub:connect",
  ALLOW_QUERY_TOKEN: "false",
  SINGLE_USE_TOKENS: "false",
};

/** With nothing but what must be said. */
const { API_KEYS, TOKEN_SECRET } = testBindings;
const least = { API_KEYS, TOKEN_SECRET };

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

  test("need nothing but the API keys and the secret", () => {
    const settings = settingsOf({ ...least });
    expect(settings.tokens).toEqual({ ...tokenSettings, secrets: [TOKEN_SECRET], jwks: undefined });
    expect(settings.allowedOrigins.size).toBe(0);
    expect(settings.allowQueryToken).toBe(false);
  });

  test("may name an earlier secret, a provider and origins, and leave them empty", () => {
    const empty = { TOKEN_SECRET_PREVIOUS: "", TOKEN_JWKS: "", TOKEN_JWKS_ISSUER: "", ALLOWED_ORIGINS: "" };
    expect(settingsOf({ ...least, ...empty })).toEqual(settingsOf({ ...least }));
  });

  test("let types pass that are not defined, unless they are to be strict", () => {
    expect(settingsOf({ ...least }).messageTypes).toBe("permissive");
    expect(settingsOf({ ...least, MESSAGE_TYPES: "strict" }).messageTypes).toBe("strict");
    expect(faults({ MESSAGE_TYPES: "lenient" })).toEqual(['MESSAGE_TYPES must be "permissive" or "strict"']);
  });

  test("spread everyone over 16 shards, or as many as are asked for, from 1 to 1,024", () => {
    expect(settingsOf({ ...least }).everyoneShards).toBe(16);
    expect(settingsOf({ ...least, EVERYONE_SHARDS: "" }).everyoneShards).toBe(16);
    expect(settingsOf({ ...least, EVERYONE_SHARDS: "1" }).everyoneShards).toBe(1);
    expect(settingsOf({ ...least, EVERYONE_SHARDS: "1024" }).everyoneShards).toBe(1_024);
    for (const EVERYONE_SHARDS of ["0", "1025", "9999", "-1", "1.5", "16 ", "many"]) {
      expect(faults({ EVERYONE_SHARDS })).toEqual(["EVERYONE_SHARDS must be a whole number from 1 to 1024"]);
    }
    expect(faults({ EVERYONE_SHARDS: 16 })).toEqual(["EVERYONE_SHARDS must be a number in quotes"]);
  });

  test("switch on what is off unless it is asked for", () => {
    const settings = settingsOf({ ...least, ALLOW_QUERY_TOKEN: "true", SINGLE_USE_TOKENS: "true" });
    expect(settings.allowQueryToken).toBe(true);
    expect(settings.tokens.singleUse).toBe(true);
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
      "0123456789abcdef0123456789abcdef",
      "12345678901234567890123456789012",
      "a-string-secret-at-least-256-bits-long",
      "super-secret-jwt-token-with-at-least-32-characters-long",
      "my-super-secret-key-that-is-32-bytes-long!!",
      "Zk3vQ9tXw2Lr7YbN5cHs8GdJ-ChangeMe",
      "this-is-just-an-Example-of-a-long-key",
      "correct-PASSWORD-horse-battery-staple",
      "Zk3vQ9tXw2Lr7YbN-<placeholder>-5cHs8GdJ4",
    ]) {
      expect(faults({ TOKEN_SECRET: example })).toEqual(["TOKEN_SECRET is an example, not a secret"]);
    }
    // A piece of 17 characters, twice: long enough to be no example.
    expect(faults({ TOKEN_SECRET: "Zk3vQ9tXw2Lr7YbN5".repeat(2) })).toEqual([]);
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
    ["TOKEN_AUDIENCE", ""],
    ["ALLOW_QUERY_TOKEN", "yes"],
    ["SINGLE_USE_TOKENS", ""],
    ["TOKEN_JWKS", "http://id.example.com"],
    ["TOKEN_JWKS_ISSUER", ""],
  ])("%s = %j is refused by name", (name, value) => {
    expect(faults({ [name]: value })).toEqual([expect.stringMatching(`^${name}\\b`)]);
  });

  test.each(["http://id.example.com", "{}", '{"keys":[]}', '{"keys":[{"kty":"oct","k":"AAAA"}]}'])(
    "TOKEN_JWKS = %j is told what it must be",
    (TOKEN_JWKS) => {
      expect(faults({ TOKEN_JWKS })).toEqual([
        "TOKEN_JWKS must be an https URL or a JWKS of public keys as JSON",
      ]);
    },
  );

  test("never repeat a value in a refusal", () => {
    expect(faults({ API_KEYS: '[{"id":"canary"}]', TOKEN_SECRET: "canary" }).join()).not.toContain("canary");
  });

  describe("of the receipts' webhook", () => {
    const [RECEIPT_SECRET, RECEIPT_SECRET_PREVIOUS] = [
      "4Y7xGgFiXFuoIaNv7YGQaUzy",
      "Olj5Y27MAA4STmzoXJRMY8O5",
    ].map((bytes) => `whsec_${Buffer.from(bytes).toString("base64")}`);
    const RECEIPT_URL = "https://app.example.com/hooks/receipts";

    test("are none where no address is given, whatever secrets are there", () => {
      expect(settingsOf({ ...least }).webhook).toBeUndefined();
      expect(settingsOf({ ...least, RECEIPT_URL: "", RECEIPT_SECRET: "" }).webhook).toBeUndefined();
      expect(settingsOf({ ...least, RECEIPT_SECRET }).webhook).toBeUndefined();
    });

    test("are the address and the keys, the current one first", () => {
      const { webhook } = settingsOf({ ...least, RECEIPT_URL, RECEIPT_SECRET, RECEIPT_SECRET_PREVIOUS });
      expect(webhook?.url).toBe(RECEIPT_URL);
      expect(webhook?.keys.map((key) => Buffer.from(key).toString())).toEqual([
        "4Y7xGgFiXFuoIaNv7YGQaUzy",
        "Olj5Y27MAA4STmzoXJRMY8O5",
      ]);
      expect(settingsOf({ ...least, RECEIPT_URL, RECEIPT_SECRET }).webhook?.keys).toHaveLength(1);
    });

    test("are refused by name where one is missing, not safe, or an example", () => {
      expect(faults({ RECEIPT_URL })).toEqual(["RECEIPT_SECRET is missing, although RECEIPT_URL is set"]);
      expect(faults({ RECEIPT_URL: "http://app.example.com", RECEIPT_SECRET })).toEqual([
        "RECEIPT_URL must be an https URL without user and password; http only on localhost",
      ]);
      expect(faults({ RECEIPT_SECRET: "whsec_dG9vIHNob3J0" })).toEqual([
        "RECEIPT_SECRET must be whsec_ and the base64 of 24 to 64 bytes",
      ]);
      for (const example of [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "whsec_changemechangemechangemechangeme",
        "secretsecretsecretsecretsecret12",
      ]) {
        expect(faults({ RECEIPT_SECRET_PREVIOUS: example })).toEqual([
          "RECEIPT_SECRET_PREVIOUS is an example, not a secret",
        ]);
      }
    });
  });

  test("that were refused stay refused", () => {
    const env = { ...environment, TOKEN_SECRET: "" };
    expect(() => settingsOf(env)).toThrow(Misconfigured);
    expect(() => settingsOf(env)).toThrow("TOKEN_SECRET is missing");
  });
});
