import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  apiKeyRecord,
  apiKeyRecords,
  mintApiKey,
  opensTopic,
  scopes,
  verifyApiKey,
} from "../../../src/auth/api-key.ts";
import { topic } from "../../../src/protocol/ids.ts";
import { topicPattern } from "../../../src/protocol/topic-pattern.ts";
import { apiKeys } from "../../support/credentials.ts";

describe("an API key", () => {
  const { key, record } = mintApiKey(["publish", "tokens"]);

  test("has a public id, 190 random bits and a checksum, and is found by its record", () => {
    expect(key).toMatch(/^hub_[0-9a-z]{8}_[0-9A-Za-z]{38}$/);
    expect(key).toContain(record.id);
    expect(record.scopes).toEqual(["publish", "tokens"]);
    expect(verifyApiKey(key, [record])).toBe(record);
  });

  test("is not kept: the record holds its SHA-256 only", () => {
    expect(record.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(record)).not.toContain(key.slice(-38));
  });

  test("is another one each time", () => {
    expect(new Set(Array.from({ length: 50 }, () => mintApiKey(["publish"]).key)).size).toBe(50);
  });

  test("keeps being good while a second one replaces it", () => {
    const next = mintApiKey(["publish"]);
    const both = [record, next.record];
    expect(verifyApiKey(key, both)).toBe(record);
    expect(verifyApiKey(next.key, both)).toBe(next.record);
    expect(verifyApiKey(key, [next.record])).toBeUndefined();
  });

  test("A27 unknown, revoked and mistyped keys are refused alike", () => {
    const mistyped = key.slice(0, -1) + (key.endsWith("a") ? "b" : "a");
    for (const bad of [
      apiKeys.revoked,
      mistyped,
      "",
      "hub_",
      key.slice(0, -1),
      `${key}a`,
      ` ${key}`,
      key.toUpperCase(),
    ]) {
      expect(verifyApiKey(bad, [record])).toBeUndefined();
    }
  });

  test("A27 a key with a wrong checksum costs no lookup", () => {
    const untouchable = new Proxy([record], {
      get: () => {
        throw new Error("looked up");
      },
    });
    const mistyped = key.slice(0, -1) + (key.endsWith("a") ? "b" : "a");
    expect(verifyApiKey(mistyped, untouchable)).toBeUndefined();
    expect(() => verifyApiKey(key, untouchable)).toThrow("looked up");
  });

  test("is refused where only its id is known", () => {
    const impostor = { ...apiKeyRecord(apiKeys.revoked, scopes), id: record.id };
    expect(verifyApiKey(key, [impostor])).toBeUndefined();
  });

  test("A11 with one character changed anywhere is never accepted", () => {
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(key, "latin1");
        bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at);
        expect(verifyApiKey(bytes.toString("latin1"), [record])).toBeUndefined();
      }),
    );
  });
});

test("B29 a key is for any topic, unless it names patterns of some", () => {
  const patterns = [topicPattern.parse("team.*")];
  expect(opensTopic(mintApiKey(["topics"]).record, topic.parse("news"))).toBe(true);
  const { record } = mintApiKey(["topics"], patterns);
  expect(opensTopic(record, topic.parse("team.7"))).toBe(true);
  expect(opensTopic(record, topic.parse("news"))).toBe(false);
  expect(apiKeyRecords.parse(JSON.stringify([record]))).toEqual([record]);
});

describe("API_KEYS", () => {
  const good = apiKeyRecord(apiKeys.all, ["publish"]);

  test("is the records as JSON", () => {
    expect(apiKeyRecords.parse(JSON.stringify([good]))).toEqual([good]);
  });

  test.each([
    ["no JSON", "{", "is not JSON"],
    ["no list", "{}", "must be a list of keys"],
    ["no key", "[]", "holds no key"],
    ["an id twice", JSON.stringify([good, good]), "holds an id twice"],
    ["a key in place of its hash", JSON.stringify([{ ...good, sha256: apiKeys.all }]), "must be a SHA-256"],
    ["an unknown scope", JSON.stringify([{ ...good, scopes: ["everything"] }]), "dead-letters"],
    ["a bad pattern", JSON.stringify([{ ...good, topics: ["a..b"] }]), "must be segments between dots"],
    ["no pattern", JSON.stringify([{ ...good, topics: [] }]), "topics"],
    ["a bad id", JSON.stringify([{ ...good, id: "A" }]), "must be 8 characters"],
  ])("with %s is refused, and the refusal repeats no value", (_, text, reason) => {
    const message = apiKeyRecords.safeParse(text).error?.message;
    expect(message).toContain(reason);
    expect(message).not.toContain(apiKeys.all);
    expect(message).not.toContain("everything");
  });
});
