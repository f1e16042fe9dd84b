import { describe, expect, test } from "vitest";
import { readClaims } from "../../../src/auth/claims.ts";
import { tokenLimits } from "../../../src/limits.ts";

const now = 1_800_000_000_000;
const seconds = now / 1_000;
const expected = { issuer: "hubbub", audience: "hubbub:connect", foreign: false };
const good = {
  iss: "hubbub",
  aud: "hubbub:connect",
  sub: "alice",
  iat: seconds - 60,
  exp: seconds + 600,
  jti: "one",
};

function refusal(change: object, at = now): string {
  const verdict = readClaims({ ...good, ...change }, expected, at);
  return "ok" in verdict ? "accepted" : verdict.refused;
}

describe("the claims of a connect token", () => {
  test("say who connects, since when and until when, to the millisecond", () => {
    expect(readClaims({ ...good, iat: seconds - 0.123, device: "phone" }, expected, now)).toEqual({
      ok: {
        user: "alice",
        issued: now - 123,
        expires: now + 600_000,
        id: "one",
        device: "phone",
        grants: { topics: [], scopes: [] },
      },
    });
  });

  test("say which topics the user may join, and which scopes it has for the handlers", () => {
    const topics = ["news", "team.7.*", "public.**"];
    const scopes = ["orders", "chat:write"];
    const verdict = readClaims({ ...good, topics, scopes }, expected, now);
    expect(verdict).toMatchObject({ ok: { grants: { topics, scopes } } });
    const most = Array.from({ length: tokenLimits.maxGrants }, (_, index) => `a${index}`);
    expect(refusal({ topics: most, scopes: most })).toBe("accepted");
    expect(refusal({ topics: [...most, "b"] })).toBe("token_invalid");
    expect(refusal({ scopes: [...most, "b"] })).toBe("token_invalid");
  });

  test("A13 an expiry is forgiven inside the leeway and not at its end", () => {
    const expiry = good.exp * 1_000;
    const { leewayMs } = tokenLimits;
    expect(refusal({}, expiry - 1)).toBe("accepted");
    expect(refusal({}, expiry + 1_000)).toBe("accepted");
    expect(refusal({}, expiry + leewayMs - 1)).toBe("accepted");
    expect(refusal({}, expiry + leewayMs)).toBe("token_expired");
    expect(refusal({}, expiry + leewayMs + 1_000)).toBe("token_expired");
  });

  test("A14 a token of the future is refused, a clock ahead by the leeway is not", () => {
    expect(refusal({ nbf: seconds + 31 })).toBe("token_invalid");
    expect(refusal({ nbf: seconds + 30 })).toBe("accepted");
    expect(refusal({ iat: seconds + 31 })).toBe("token_invalid");
    expect(refusal({ iat: seconds + 30 })).toBe("accepted");
    expect(refusal({ iat: 1e300, exp: 1e300 })).toBe("token_invalid");
  });

  test("A16 a lifetime above an hour is refused", () => {
    expect(refusal({ iat: seconds, exp: seconds + 3_600 })).toBe("accepted");
    expect(refusal({ iat: seconds, exp: seconds + 3_601 })).toBe("token_invalid");
    expect(refusal({ iat: seconds, exp: seconds + 86_400 })).toBe("token_invalid");
    expect(refusal({ iat: seconds, exp: seconds })).toBe("token_invalid");
  });

  test("A17 a token for another hub, or by another issuer, is refused", () => {
    expect(refusal({ aud: "hubbub:api" })).toBe("token_invalid");
    expect(refusal({ aud: ["other", "hubbub:connect"] })).toBe("accepted");
    expect(refusal({ aud: ["other"] })).toBe("token_invalid");
    expect(refusal({ aud: [] })).toBe("token_invalid");
    expect(refusal({ iss: "other" })).toBe("token_invalid");
  });

  test.each([undefined, null, "", [], ["alice"], {}, 1, true, "a/b", "../x", "a\u0000b", "a".repeat(129)])(
    "A18 a sub of %j is refused",
    (sub) => {
      expect(refusal({ sub })).toBe("token_invalid");
    },
  );

  test.each(["iss", "aud", "sub", "iat", "exp", "jti"])("%s is required", (claim) => {
    expect(refusal({ [claim]: undefined })).toBe("token_invalid");
  });

  test.each([
    { iat: "1800000000" },
    { exp: null },
    { exp: Number.POSITIVE_INFINITY },
    { iat: -1 },
    { nbf: "now" },
    { jti: "" },
    { jti: "j".repeat(129) },
    { jti: 7 },
    { jti: "a\r\nb" },
    { jti: "ä" },
    { device: "a b" },
    { topics: "news" },
    { topics: ["a..b"] },
    { topics: ["**.a"] },
    { topics: [7] },
    { scopes: "orders" },
    { scopes: [""] },
    { scopes: ["a b"] },
  ])("%j is refused", (change) => {
    expect(refusal(change)).toBe("token_invalid");
  });

  const foreign = { ...expected, foreign: true };

  test.each([
    { scopes: "openid profile" },
    { scopes: ["*"] },
    { scopes: ["orders", "a b"] },
    { scopes: null },
    { topics: "news" },
    { topics: ["news", "a..b"] },
    { topics: { news: true } },
  ])("%j of an identity provider grants nothing, and opens the inbox all the same", (change) => {
    expect(readClaims({ ...good, ...change }, foreign, now)).toMatchObject({
      ok: { user: "alice", grants: { topics: [], scopes: [] } },
    });
  });

  test("of an identity provider grant what they say in the hub's own terms, and are checked as all others", () => {
    const grants = { topics: ["team.*"], scopes: ["orders"] };
    expect(readClaims({ ...good, ...grants }, foreign, now)).toMatchObject({ ok: { grants } });
    expect(readClaims({ ...good, ...grants, scopes: "orders" }, foreign, now)).toMatchObject({
      ok: { grants: { topics: ["team.*"], scopes: [] } },
    });
    for (const change of [{ device: "a b" }, { sub: "a/b" }, { iss: "other" }]) {
      expect(readClaims({ ...good, ...change }, foreign, now)).toMatchObject({ refused: "token_invalid" });
    }
  });

  test.each([null, "text", 1, []])("a payload of %j is refused", (payload) => {
    expect(readClaims(payload, expected, now)).toMatchObject({ refused: "token_invalid" });
  });

  test("are not repeated in the reason for a refusal", () => {
    const verdict = readClaims({ ...good, sub: "secret value", iss: "secret value" }, expected, now);
    expect(verdict).toHaveProperty("reason");
    expect(JSON.stringify(verdict)).not.toContain("secret value");
  });
});
