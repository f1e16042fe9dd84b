/**
 * Connect tokens: short-lived JWTs (RFC 7519) that let one user's devices connect. Signed by the hub with
 * its own secret, or by an identity provider whose public keys are configured. The header of a token
 * chooses among the keys that are pinned for its algorithm, and never how a key is used.
 */
import {
  base64url,
  compactVerify,
  decodeProtectedHeader,
  type ProtectedHeaderParameters,
  SignJWT,
} from "jose";
import { tokenLimits } from "../limits.ts";
import type { DeviceId, UserId } from "../protocol/ids.ts";
import { invalid, readClaims, type TokenVerdict } from "./claims.ts";
import type { Grants } from "./grants.ts";
import { type ProviderKeys, providerKey } from "./provider-keys.ts";

/** Which tokens a deployment trusts. */
export interface TokenSettings {
  /** The current secret first; a token signed with any of them is good. */
  readonly secrets: readonly [current: string, ...previous: string[]];
  readonly issuer: string;
  readonly audience: string;
  /** An identity provider whose tokens are good as well, known by its `iss`. */
  readonly jwks: { readonly keys: ProviderKeys; readonly issuer: string } | undefined;
  /** Whether a token opens one connection only. */
  readonly singleUse: boolean;
}

/** The algorithm of the hub's own tokens. */
const ownAlgorithm = "HS256";
/** What an identity provider may sign with. Asymmetric only, so that a public key can never pass for a secret. */
const providerAlgorithms: readonly string[] = ["RS256", "ES256", "EdDSA"];

/** `typ` of a token made for nothing but connecting. */
const connectType = "hubbub-connect+jwt";
/** Providers write `JWT` or nothing; any other type is a token for another purpose (RFC 8725 section 3.11). */
const acceptedTypes: readonly unknown[] = [connectType, "JWT", undefined];

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Whether a token may connect, as whom and until when. `now` in milliseconds since 1970.
 * @throws {ProviderUnavailable} when the keys of the identity provider can't be fetched.
 */
export async function verifyConnectToken(
  token: string,
  settings: TokenSettings,
  now: number,
): Promise<TokenVerdict> {
  // The length comes first: nothing below is done for a text that is too long.
  if (token.length > tokenLimits.maxBytes)
    return invalid(`the token is longer than ${tokenLimits.maxBytes} bytes`);
  const header = headerOf(token);
  if (header === undefined || !isCanonical(token)) return invalid("it is not a signed JWT");
  if (!acceptedTypes.includes(header.typ)) return invalid(`typ must be ${connectType} or JWT`);
  // No extension is understood (RFC 7515 section 4.1.11).
  if ("crit" in header) return invalid("crit is not supported");

  const { issuer, audience, jwks } = settings;
  if (header.alg === ownAlgorithm) {
    for (const secret of settings.secrets) {
      const payload = await payloadOf(token, utf8.encode(secret), ownAlgorithm);
      if (payload !== undefined) return readClaims(payload, { issuer, audience, foreign: false }, now);
    }
  } else if (jwks !== undefined && header.alg !== undefined && providerAlgorithms.includes(header.alg)) {
    const { alg } = header;
    const key = await providerKey(jwks.keys, { ...header, alg });
    const payload = key && (await payloadOf(token, key, alg));
    if (payload !== undefined) {
      return datedEarly(readClaims(payload, { issuer: jwks.issuer, audience, foreign: true }, now));
    }
  } else {
    return invalid("alg is not accepted");
  }
  return invalid("the signature is not by a key of this hub");
}

/** A provider's clock may run ahead. Its tokens count as issued as early as they may have been, so that a revocation misses none. */
function datedEarly(verdict: TokenVerdict): TokenVerdict {
  if ("refused" in verdict) return verdict;
  return { ok: { ...verdict.ok, issued: verdict.ok.issued - tokenLimits.leewayMs } };
}

/** What a token of the hub's own may be narrowed to, and what it grants. */
export interface TokenOptions {
  /** The only device that may use it. */
  readonly device?: DeviceId | undefined;
  /** At most, and without it, {@link tokenLimits}.maxLifetimeSeconds. */
  readonly lifetimeSeconds?: number | undefined;
  /** What it grants; without them nothing. */
  readonly topics?: Grants["topics"] | undefined;
  readonly scopes?: Grants["scopes"] | undefined;
}

/** A token for a user, signed with the current secret; `now` and `expires` in milliseconds since 1970. */
export async function mintConnectToken(
  user: UserId,
  settings: TokenSettings,
  now: number,
  { device, lifetimeSeconds = tokenLimits.maxLifetimeSeconds, topics, scopes }: TokenOptions = {},
): Promise<{ readonly token: string; readonly expires: number }> {
  const expires = now + lifetimeSeconds * 1_000;
  // `iat` carries the milliseconds: a token made right after a revocation must not fall under it.
  const token = await new SignJWT({
    iat: now / 1_000,
    exp: expires / 1_000,
    ...(device === undefined ? {} : { device }),
    ...(topics === undefined ? {} : { topics }),
    ...(scopes === undefined ? {} : { scopes }),
  })
    .setProtectedHeader({ alg: ownAlgorithm, typ: connectType })
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setSubject(user)
    .setJti(crypto.randomUUID())
    .sign(utf8.encode(settings.secrets[0]));
  return { token, expires };
}

function headerOf(token: string): ProtectedHeaderParameters | undefined {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

/**
 * Three parts, with a signature in the one spelling that base64url has for it: a decoder overlooks the
 * spare bits of the last character, so that one signature could be written in several ways.
 */
function isCanonical(token: string): boolean {
  const [, , signature, ...more] = token.split(".");
  if (signature === undefined || more.length > 0) return false;
  try {
    return base64url.encode(base64url.decode(signature)) === signature;
  } catch {
    return false;
  }
}

/** The payload as JSON value, if the key has signed it. */
async function payloadOf(
  token: string,
  key: Parameters<typeof compactVerify>[1] & object,
  algorithm: string,
): Promise<unknown> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return JSON.parse(strictUtf8.decode(payload));
  } catch {
    return undefined;
  }
}
