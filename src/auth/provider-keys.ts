/**
 * The public keys of an identity provider whose tokens the hub takes: a JWKS (RFC 7517), fetched from an
 * https URL and cached in the isolate, or written into the configuration as JSON.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from "jose";
import { z } from "zod";

/** Where the keys are, or what they are. */
export type ProviderKeys = URL | JSONWebKeySet;

type Lookup = ReturnType<typeof createLocalJWKSet> | ReturnType<typeof createRemoteJWKSet>;
type PublicKey = Awaited<ReturnType<Lookup>>;

/** `TOKEN_JWKS`: an https URL, or the key set itself as JSON. Secret or private keys in it are refused. */
export const providerKeys = z.string().transform((text, context): ProviderKeys => {
  if (URL.parse(text)?.protocol === "https:") return new URL(text);
  try {
    const value: unknown = JSON.parse(text);
    if (isPublicKeySet(value)) return value;
  } catch {}
  context.addIssue({ code: "custom", message: "must be an https URL or a JWKS of public keys as JSON" });
  return z.NEVER;
});

/** The provider could not be asked for its keys: nothing is known about the token, and a later try may go through. */
export class ProviderUnavailable extends Error {
  override readonly name = "ProviderUnavailable";
}

const lookups = new WeakMap<ProviderKeys, Lookup>();

/**
 * The provider's key for a token with this header; `undefined` where it has no such key, or more than one.
 * @throws {ProviderUnavailable} when the keys can't be fetched.
 */
export async function providerKey(
  keys: ProviderKeys,
  header: JWSHeaderParameters,
): Promise<PublicKey | undefined> {
  let lookup = lookups.get(keys);
  if (lookup === undefined) {
    lookup = keys instanceof URL ? createRemoteJWKSet(keys) : createLocalJWKSet(keys);
    lookups.set(keys, lookup);
  }
  try {
    return await lookup(header);
  } catch (cause) {
    if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys)
      return undefined;
    throw new ProviderUnavailable("the identity provider's keys can't be used", { cause });
  }
}

const publicKeySet = z.object({
  keys: z.array(z.object({ kty: z.enum(["RSA", "EC", "OKP"]), d: z.undefined().optional() })).min(1),
});

function isPublicKeySet(value: unknown): value is JSONWebKeySet {
  return publicKeySet.safeParse(value).success;
}
