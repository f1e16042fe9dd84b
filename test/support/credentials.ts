/** Keys, secrets and tokens of the hub under test; made for it, and worth nothing elsewhere. */
import { importJWK, type JWTPayload, SignJWT } from "jose";
import { apiKeyRecord, scopes } from "../../src/auth/api-key.ts";
import type { TokenSettings } from "../../src/auth/connect-token.ts";
import { mintConnectToken, type TokenOptions } from "../../src/auth/connect-token.ts";
import { userId } from "../../src/protocol/ids.ts";
import { topicPattern } from "../../src/protocol/topic-pattern.ts";

export const apiKeys = {
  /** Every scope. */
  all: "hub_8wg5c1a1_4Y7xGgFiXFuoIaNv7YGQaUzySNcUDjG20U1lzx",
  /** `publish` only. */
  publish: "hub_hykv13r7_Olj5Y27MAA4STmzoXJRMY8O5hIufAB1K18lk9m",
  /** `users:read` only. */
  reader: "hub_r2hy7s1f_2MZWunbYlg1Xg7SRXxSwUKfEkm5cbk0f1GLAKw",
  /** `publish` and `topics`, for the topics `team.*` only. */
  team: "hub_1bsvdzyx_EGzLltxmc5rCg9fJQMuhjvzgiRdpxur332UQZe",
  /** Well-formed, but of no record: never made for this hub, or revoked. */
  revoked: "hub_o9my71ui_QmsDvp2POupvZoQOTFCnTYCiyfFJpZE03NyMbF",
} as const;

const secret = "Zk3vQ9tXw2Lr7YbN5cHs8GdJ4mPf6AeU";
const previousSecret = "Hq8sB1nVy6Kd3XgT0jRw5MzC7pLf2UaE";

/** The key pair of an identity provider. */
const providerPrivate = {
  kty: "EC",
  crv: "P-256",
  x: "dfw3bgYkXvbsEcaggzLGAh9dydAYX3ezpHtzo3zrwLE",
  y: "4HnG2D4S2wrNmCwElf-3XAFdT5LqvnIdPPi5ufBnLto",
  d: "5j5vPJoX6m_cUXSNbWCsC7zs2dv3tuPXRsxxwRzN-qE",
} as const;
const { d: _private, ...providerPublic } = providerPrivate;
export const providerIssuer = "https://id.example.com";

/** What `wrangler.toml` leaves to the deployment, for the hub under test. */
export const testBindings = {
  TOKEN_SECRET: secret,
  TOKEN_SECRET_PREVIOUS: previousSecret,
  API_KEYS: JSON.stringify([
    apiKeyRecord(apiKeys.all, scopes),
    apiKeyRecord(apiKeys.publish, ["publish"]),
    apiKeyRecord(apiKeys.reader, ["users:read"]),
    apiKeyRecord(apiKeys.team, ["publish", "topics"], [topicPattern.parse("team.*")]),
  ]),
  TOKEN_JWKS: JSON.stringify({ keys: [providerPublic] }),
  TOKEN_JWKS_ISSUER: providerIssuer,
  ALLOWED_ORIGINS: "https://app.example.com",
};

/** As `settingsOf` reads them from the bindings above and `wrangler.toml`. */
export const tokenSettings: TokenSettings = {
  secrets: [secret, previousSecret],
  issuer: "hubbub",
  audience: "hubbub:connect",
  jwks: { keys: { keys: [providerPublic] }, issuer: providerIssuer },
  singleUse: false,
};

/** `Authorization` and, if there is a body, `Content-Type`, as a publisher sends them. */
export function withKey(key: string = apiKeys.all): Record<string, string> {
  return { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
}

/** A good token of a user. */
export async function tokenFor(user: string, options: TokenOptions & { now?: number } = {}): Promise<string> {
  const minted = await mintConnectToken(
    userId.parse(user),
    tokenSettings,
    options.now ?? Date.now(),
    options,
  );
  return minted.token;
}

export interface Forgery {
  /** Claims in place of the good ones; `undefined` leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Header fields beside `alg`. */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: Parameters<SignJWT["sign"]>[0];
  readonly alg?: string;
  /** Milliseconds; when it is issued. */
  readonly now?: number;
}

/** A token that is good but for what is named, for the user `alice` and one hour. */
export async function forgedToken({
  claims,
  header,
  key,
  alg = "HS256",
  now = Date.now(),
}: Forgery): Promise<string> {
  const iat = Math.floor(now / 1_000);
  const payload: JWTPayload = {
    iss: tokenSettings.issuer,
    aud: tokenSettings.audience,
    sub: "alice",
    iat,
    exp: iat + 3_600,
    jti: crypto.randomUUID(),
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ typ: "hubbub-connect+jwt", ...header, alg })
    .sign(key ?? new TextEncoder().encode(secret));
}

/** A token signed by the identity provider. */
export async function providerToken(forgery: Forgery = {}): Promise<string> {
  const key = await importJWK(providerPrivate, "ES256");
  return forgedToken({
    header: { typ: "JWT" },
    ...forgery,
    key,
    alg: "ES256",
    claims: { iss: providerIssuer, ...forgery.claims },
  });
}

/** A token signed with the secret that was current before. */
export function previousToken(): Promise<string> {
  return forgedToken({ key: new TextEncoder().encode(previousSecret) });
}

/** JWT text out of any header and payload, with a signature of one's own choice; nothing is signed. */
export function unsignedToken(header: unknown, payload: unknown, signature = ""): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(payload)}.${signature}`;
}
