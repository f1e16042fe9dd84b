import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { apiKeyRecords, scopes, verifyApiKey } from "../../../src/auth/api-key.ts";
import { tokenLimits } from "../../../src/limits.ts";
import { completeDevVars } from "../../../src/local/dev-vars.ts";

describe("the secrets of a local hub", () => {
  test("are made when there are none, long enough and with a key for every scope", () => {
    const { text, apiKey = "" } = completeDevVars(undefined);
    const { API_KEYS = "", TOKEN_SECRET = "" } = parseEnv(text);
    expect(verifyApiKey(apiKey, apiKeyRecords.parse(API_KEYS))?.scopes).toEqual(scopes);
    expect(Buffer.from(TOKEN_SECRET, "base64url")).toHaveLength(tokenLimits.minSecretBytes);
    expect(text).not.toContain(apiKey);
  });

  test("are others each time", () => {
    expect(completeDevVars(undefined).text).not.toBe(completeDevVars(undefined).text);
  });

  test("are never changed once they are there", () => {
    const { text } = completeDevVars(undefined);
    expect(completeDevVars(text)).toEqual({ text, apiKey: undefined });
  });

  test("are completed where one is missing, and the rest stays as it is", () => {
    const before = "# mine\nTOKEN_SECRET=a-secret-of-my-own\nALLOWED_ORIGINS=*";
    const { text, apiKey } = completeDevVars(before);
    expect(apiKey).toBeDefined();
    expect(text.startsWith(`${before}\nAPI_KEYS=`)).toBe(true);
    const other = completeDevVars("API_KEYS=[]\n");
    expect(other.apiKey).toBeUndefined();
    expect(parseEnv(other.text)).toMatchObject({
      API_KEYS: "[]",
      TOKEN_SECRET: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  test("that stand there empty are filled, and stand there once", () => {
    const { text, apiKey } = completeDevVars("API_KEYS=\nTOKEN_SECRET = \n");
    expect(apiKey).toBeDefined();
    expect(text.match(/API_KEYS/g)).toHaveLength(1);
    expect(text.match(/TOKEN_SECRET/g)).toHaveLength(1);
    expect(parseEnv(text)).toMatchObject({ TOKEN_SECRET: expect.stringMatching(/^[\w-]{43}$/) });
  });
});
