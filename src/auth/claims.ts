/**
 * What a connect token must say once its signature is known to be good. Every claim is checked here, and a
 * token that any of the rules does not fit is refused, whoever signed it. Only what a claim of its own name
 * grants is left to who signed it: `scopes` of an identity provider may mean something else, and then mean nothing here.
 */
import { z } from "zod";
import { tokenLimits } from "../limits.ts";
import { type DeviceId, deviceId, type UserId, userId } from "../protocol/ids.ts";
import { type Grants, grantedScopes, grantedTopics } from "./grants.ts";

/** A token that may connect. Times in milliseconds since 1970. */
export interface ConnectToken {
  readonly user: UserId;
  readonly issued: number;
  readonly expires: number;
  /** `jti`: by which a token is known again where it opens one connection only. */
  readonly id: string;
  /** The only device that may use it, if it names one. */
  readonly device?: DeviceId;
  readonly grants: Grants;
}

/** Why not. `token_expired` is worth a fresh token; `token_invalid` will not get better by one of the same kind. */
export interface TokenRefusal {
  readonly refused: "token_invalid" | "token_expired";
  /** What is wrong, without any of the token's values. */
  readonly reason: string;
}

export type TokenVerdict = { readonly ok: ConnectToken } | TokenRefusal;

/** A NumericDate (RFC 7519 section 2): seconds since 1970, fractions allowed; as milliseconds. */
const numericDate = z
  .number("must be a number of seconds")
  .min(0, "must be a number of seconds")
  .transform((seconds) => Math.round(seconds * 1_000));

const claimSet = z.object({
  iss: z.string("must be a string"),
  aud: z.union([z.string(), z.array(z.string())], "must be a string or strings"),
  sub: userId,
  iat: numericDate,
  exp: numericDate,
  nbf: numericDate.optional(),
  jti: z
    .string("must be a string")
    .regex(/^[\x21-\x7e]{1,128}$/, "must be 1 to 128 visible ASCII characters"),
  device: deviceId.optional(),
  topics: grantedTopics.default([]),
  scopes: grantedScopes.default([]),
});

/** As {@link claimSet}, of an issuer who may not know what the hub's own claims say. */
const foreignClaimSet = claimSet.extend({
  topics: claimSet.shape.topics.catch([]),
  scopes: claimSet.shape.scopes.catch([]),
});

/** Whose tokens are read. */
export interface Issuer {
  readonly issuer: string;
  readonly audience: string;
  /** Whether it is an identity provider, and not the hub. */
  readonly foreign: boolean;
}

/** Reads the payload of a token with a good signature. `now` in milliseconds since 1970. */
export function readClaims(payload: unknown, expected: Issuer, now: number): TokenVerdict {
  const parsed = (expected.foreign ? foreignClaimSet : claimSet).safeParse(payload);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
    return invalid(faults.join("; "));
  }
  const { iss, aud, sub, iat, exp, nbf, jti, device, topics, scopes } = parsed.data;
  const { leewayMs } = tokenLimits;
  if (iss !== expected.issuer) return invalid("iss is not the issuer that this key belongs to");
  if (![aud].flat().includes(expected.audience)) return invalid("aud does not name this hub");
  if (exp <= iat) return invalid("exp is not after iat");
  if (exp - iat > tokenLimits.maxLifetimeSeconds * 1_000) {
    return invalid(`the lifetime is longer than ${tokenLimits.maxLifetimeSeconds} seconds`);
  }
  if (iat > now + leewayMs) return invalid("iat is in the future");
  if (nbf !== undefined && nbf > now + leewayMs) return invalid("nbf is in the future");
  if (exp + leewayMs <= now) return { refused: "token_expired", reason: "the token has expired" };
  return {
    ok: {
      user: sub,
      issued: iat,
      expires: exp,
      id: jti,
      ...(device === undefined ? {} : { device }),
      grants: { topics, scopes },
    },
  };
}

/** A refusal that no fresh token of the same kind will change. */
export function invalid(reason: string): TokenRefusal {
  return { refused: "token_invalid", reason };
}
