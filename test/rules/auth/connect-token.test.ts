import fc from "fast-check";
import { exportJWK, exportSPKI, generateKeyPair } from "jose";
import { describe, expect, test, vi } from "vitest";
import type { TokenSettings } from "../../../src/auth/connect-token.ts";
import { mintConnectToken, verifyConnectToken } from "../../../src/auth/connect-token.ts";
import { ProviderUnavailable, providerKeys } from "../../../src/auth/provider-keys.ts";
import { tokenLimits } from "../../../src/limits.ts";
import { deviceId, userId } from "../../../src/protocol/ids.ts";
import { topicPattern } from "../../../src/protocol/topic-pattern.ts";
import {
  apiKeys,
  type Forgery,
  forgedToken,
  previousToken,
  providerIssuer,
  providerToken,
  tokenFor,
  tokenSettings,
  unsignedToken,
} from "../../support/credentials.ts";

const now = 1_800_000_000_000;
const alice = userId.parse("alice");
/** All that a token must claim, for one whose signature is at fault. */
const goodClaims = {
  iss: "hubbub",
  aud: "hubbub:connect",
  sub: "alice",
  iat: now / 1_000,
  exp: now / 1_000 + 60,
  jti: "a",
};

async function outcome(token: string, settings: TokenSettings = tokenSettings): Promise<string> {
  const verdict = await verifyConnectToken(token, settings, now);
  return "ok" in verdict ? "accepted" : verdict.refused;
}

const forged = (forgery: Forgery): Promise<string> => forgedToken({ now, ...forgery });

describe("a connect token of the hub's own", () => {
  test("says who connects, with which device and until when", async () => {
    const device = deviceId.parse("phone");
    const { token, expires } = await mintConnectToken(alice, tokenSettings, now + 5, {
      device,
      lifetimeSeconds: 60,
    });
    expect(expires).toBe(now + 60_005);
    expect(await verifyConnectToken(token, tokenSettings, now)).toEqual({
      ok: {
        user: "alice",
        issued: now + 5,
        expires,
        id: expect.stringMatching(/^.{36}$/),
        device: "phone",
        grants: { topics: [], scopes: [] },
      },
    });
  });

  test("carries the topics and scopes that it grants", async () => {
    const grants = { topics: [topicPattern.parse("team.*")], scopes: ["orders"] };
    const { token } = await mintConnectToken(alice, tokenSettings, now, grants);
    expect(await verifyConnectToken(token, tokenSettings, now)).toMatchObject({ ok: { grants } });
  });

  test("lasts an hour unless less is asked for", async () => {
    const { token, expires } = await mintConnectToken(alice, tokenSettings, now);
    expect(expires).toBe(now + 3_600_000);
    expect(await outcome(token)).toBe("accepted");
  });

  test("A7 signed with another secret is refused", async () => {
    const key = new TextEncoder().encode("another secret that is long enough");
    expect(await outcome(await forged({ key }))).toBe("token_invalid");
  });

  test.each(["none", "None", "nOnE", "NONE", "", "HS512", "hs256", 1, null, undefined])(
    "A8 alg %j without a signature is refused",
    async (alg) => {
      expect(await outcome(unsignedToken({ alg, typ: "JWT" }, goodClaims))).toBe("token_invalid");
      expect(await outcome(unsignedToken({ alg, typ: "JWT" }, goodClaims, "AAAA"))).toBe("token_invalid");
    },
  );

  test("A8 another algorithm of the same secret is refused", async () => {
    const key = new TextEncoder().encode(tokenSettings.secrets[0].repeat(2));
    const settings: TokenSettings = { ...tokenSettings, secrets: [tokenSettings.secrets[0].repeat(2)] };
    expect(await outcome(await forged({ key, alg: "HS256" }), settings)).toBe("accepted");
    expect(await outcome(await forged({ key, alg: "HS384" }), settings)).toBe("token_invalid");
    expect(await outcome(await forged({ key, alg: "HS512" }), settings)).toBe("token_invalid");
  });

  test("A11 with one byte changed anywhere is never accepted", async () => {
    const token = await tokenFor("alice", { now });
    expect(await outcome(token)).toBe("accepted");
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bytes = Buffer.from(token, "latin1");
        bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at);
        expect(await outcome(bytes.toString("latin1"))).toBe("token_invalid");
      }),
      { numRuns: 500 },
    );
  });

  test("A11 the spare bits of the last character can't be changed either", async () => {
    const token = await tokenFor("alice", { now });
    const spellings = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].map(
      (last) => token.slice(0, -1) + last,
    );
    const accepted = await Promise.all(spellings.map(async (text) => (await outcome(text)) === "accepted"));
    expect(accepted.filter(Boolean)).toHaveLength(1);
  });

  test("A17 of another type is a token for another purpose, and refused", async () => {
    expect(await outcome(await forged({ header: { typ: "at+jwt" } }))).toBe("token_invalid");
    expect(await outcome(await forged({ header: { typ: "hubbub-api+jwt" } }))).toBe("token_invalid");
    expect(await outcome(await forged({ header: { typ: "JWT" } }))).toBe("accepted");
    expect(await outcome(await forged({ header: { typ: undefined } }))).toBe("accepted");
  });

  test("A24 that is too long is refused before anything is done with it", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    const token = await forged({ claims: { padding: "x".repeat(16_384) } });
    expect(await outcome(token)).toBe("token_invalid");
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
  });

  test("with an extension that nobody here understands is refused", async () => {
    expect(
      await outcome(unsignedToken({ alg: "HS256", crit: ["b64"], b64: false }, goodClaims, "AAAA")),
    ).toBe("token_invalid");
  });

  test("H10 signed with the previous secret is good until that is taken away", async () => {
    const token = await forged({ key: new TextEncoder().encode(tokenSettings.secrets[1]) });
    expect(await outcome(token)).toBe("accepted");
    expect(await outcome(token, { ...tokenSettings, secrets: [tokenSettings.secrets[0]] })).toBe(
      "token_invalid",
    );
    expect(await previousToken()).not.toBe(token);
  });

  test.each([
    "",
    ".",
    "..",
    "a.b.c",
    "a.b",
    "a.b.c.d",
    `${unsignedToken({ alg: "HS256" }, {}, "AAAA")}.x.y`,
    "{}.{}.{}",
    apiKeys.all,
    "ä.ö.ü",
  ])("%j is none", async (text) => {
    expect(await outcome(text)).toBe("token_invalid");
  });
});

describe("a token of an identity provider", () => {
  test.each(["RS256", "ES256", "EdDSA"])("signed with %s by a configured key is good", async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const keys = providerKeys.parse(
      JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg }] }),
    );
    const settings: TokenSettings = { ...tokenSettings, jwks: { keys, issuer: providerIssuer } };
    const token = await forged({
      key: privateKey,
      alg,
      header: { typ: "JWT", kid: "k1" },
      claims: { iss: providerIssuer },
    });
    expect(await verifyConnectToken(token, settings, now)).toMatchObject({ ok: { user: "alice" } });
    expect(await outcome(token, { ...tokenSettings, jwks: undefined })).toBe("token_invalid");
    const foreign = await generateKeyPair(alg);
    expect(
      await outcome(
        await forged({
          key: foreign.privateKey,
          alg,
          header: { kid: "k1" },
          claims: { iss: providerIssuer },
        }),
        settings,
      ),
    ).toBe("token_invalid");
    expect(
      await outcome(
        await forged({ key: privateKey, alg, header: { kid: "k2" }, claims: { iss: providerIssuer } }),
        settings,
      ),
    ).toBe("token_invalid");
  });

  test("A9 the public key used as a secret signs nothing", async () => {
    const { publicKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = await exportJWK(publicKey);
    const settings: TokenSettings = {
      ...tokenSettings,
      jwks: { keys: providerKeys.parse(JSON.stringify({ keys: [jwk] })), issuer: providerIssuer },
    };
    for (const text of [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? ""]) {
      const key = new TextEncoder().encode(text);
      expect(await outcome(await forged({ key, claims: { iss: providerIssuer } }), settings)).toBe(
        "token_invalid",
      );
      expect(await outcome(await forged({ key }), settings)).toBe("token_invalid");
    }
  });

  test("A17 must name the provider as issuer, and the hub's own tokens the hub", async () => {
    expect(await outcome(await providerToken({ now }))).toBe("accepted");
    expect(await outcome(await providerToken({ now, claims: { iss: "hubbub" } }))).toBe("token_invalid");
    // Its clock may run ahead, and a revocation must miss no token of before.
    const iat = Math.floor(now / 1_000);
    expect(await verifyConnectToken(await providerToken({ now }), tokenSettings, now)).toMatchObject({
      ok: { issued: iat * 1_000 - tokenLimits.leewayMs },
    });
    expect(await outcome(await forged({ claims: { iss: providerIssuer } }))).toBe("token_invalid");
  });

  test("signed with an algorithm that is not on the list is refused", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES384");
    const keys = providerKeys.parse(JSON.stringify({ keys: [await exportJWK(publicKey)] }));
    const settings: TokenSettings = { ...tokenSettings, jwks: { keys, issuer: providerIssuer } };
    const token = await forged({ key: privateKey, alg: "ES384", claims: { iss: providerIssuer } });
    expect(await outcome(token, settings)).toBe("token_invalid");
  });

  test("is refused where several of its keys would fit", async () => {
    const one = await generateKeyPair("ES256");
    const two = await generateKeyPair("ES256");
    const jwks = { keys: [await exportJWK(one.publicKey), await exportJWK(two.publicKey)] };
    const settings: TokenSettings = {
      ...tokenSettings,
      jwks: { keys: providerKeys.parse(JSON.stringify(jwks)), issuer: providerIssuer },
    };
    const token = await forged({ key: one.privateKey, alg: "ES256", claims: { iss: providerIssuer } });
    expect(await outcome(token, settings)).toBe("token_invalid");
  });

  test("is fetched for once, and not judged while the provider does not answer", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const settings: TokenSettings = {
      ...tokenSettings,
      jwks: { keys: providerKeys.parse("https://id.example.com/jwks.json"), issuer: providerIssuer },
    };
    const token = await forged({ key: privateKey, alg: "ES256", claims: { iss: providerIssuer } });
    const fetching = vi.spyOn(globalThis, "fetch");
    fetching.mockRejectedValueOnce(new TypeError("network down"));
    await expect(verifyConnectToken(token, settings, now)).rejects.toBeInstanceOf(ProviderUnavailable);
    fetching.mockImplementation(async () => Response.json({ keys: [await exportJWK(publicKey)] }));
    expect(await outcome(token, settings)).toBe("accepted");
    expect(await outcome(token, settings)).toBe("accepted");
    expect(fetching).toHaveBeenCalledTimes(2);
    fetching.mockRestore();
  });
});

describe("TOKEN_JWKS", () => {
  const key = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };

  test.each([
    "http://id.example.com/jwks.json",
    "id.example.com",
    "{",
    "{}",
    '{"keys":[]}',
    '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}',
    JSON.stringify({ keys: [{ ...key, d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" }] }),
  ])("%s is refused", (text) => {
    expect(providerKeys.safeParse(text).success).toBe(false);
  });

  test("is an https URL, or the keys themselves", () => {
    expect(providerKeys.parse("https://id.example.com/jwks.json")).toBeInstanceOf(URL);
    expect(providerKeys.parse(JSON.stringify({ keys: [key] }))).toEqual({ keys: [key] });
  });
});
