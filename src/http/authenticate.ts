/**
 * Who is asking. Servers show an API key with scopes; devices show a connect token, which opens their own
 * user's inbox and nothing else. Every key that is not good is answered alike.
 */
import { type ApiKeyRecord, apiKeyPrefix, type Scope, verifyApiKey } from "../auth/api-key.ts";
import type { ConnectToken } from "../auth/claims.ts";
import { verifyConnectToken } from "../auth/connect-token.ts";
import { tokenLimits } from "../limits.ts";
import type { UserId } from "../protocol/ids.ts";
import type { HubContext } from "./context.ts";
import { Problem } from "./problem.ts";

/** RFC 6750 section 2.1. */
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** The credential in `Authorization`; `undefined` where there is none, or of another scheme. */
export function bearerOf(headers: Headers): string | undefined {
  const header = headers.get("Authorization");
  if (header === null) return undefined;
  // Before the expression looks at it: no key and no token comes near.
  if (header.length > 2 * tokenLimits.maxBytes) throw tokenTooLong();
  return bearer.exec(header)?.[1];
}

/** Whether a credential has the form of an API key, good or not. */
export function isApiKey(credential: string): boolean {
  return credential.startsWith(apiKeyPrefix);
}

/** The API key that a request shows, whatever its scopes. */
export function requireApiKey(context: HubContext): ApiKeyRecord {
  const credential = bearerOf(context.req.raw.headers);
  if (credential === undefined) throw new Problem("unauthenticated", "send Authorization: Bearer <API key>");
  if (!isApiKey(credential) && credential.split(".").length === 3) {
    throw new Problem("wrong_credential_type", "this route takes an API key, not a connect token");
  }
  const record = verifyApiKey(credential, context.var.settings.apiKeys);
  if (record === undefined)
    throw new Problem("api_key_invalid", "the API key is unknown, revoked or mistyped");
  return record;
}

/** The API key that a request shows, if it has the scope. */
export function requireScope(context: HubContext, scope: Scope): ApiKeyRecord {
  const record = requireApiKey(context);
  if (record.scopes.includes(scope)) return record;
  throw new Problem("insufficient_scope", `this route takes an API key with the scope ${scope}`, {
    headers: { "WWW-Authenticate": `Bearer error="insufficient_scope", scope="${scope}"` },
  });
}

/** Lets in an API key with the scope, and a connect token of the very user that was not revoked. */
export async function requireScopeOrSelf(context: HubContext, scope: Scope, user: UserId): Promise<void> {
  const credential = bearerOf(context.req.raw.headers);
  if (credential === undefined || isApiKey(credential)) {
    requireScope(context, scope);
    return;
  }
  const token = await requireToken(context, credential);
  if (token.user !== user) throw new Problem("forbidden", "a connect token opens its own user's inbox only");
  // What was revoked, only the object knows.
  if (!(await context.env.USER_HUB.getByName(user).admits(token.issued))) {
    throw new Problem("token_invalid", "the token was revoked");
  }
}

/** What a connect token says, if it is good. */
export async function requireToken(context: HubContext, token: string): Promise<ConnectToken> {
  if (token.length > tokenLimits.maxBytes) throw tokenTooLong();
  const verdict = await verifyConnectToken(token, context.var.settings.tokens, Date.now());
  if ("refused" in verdict) throw new Problem(verdict.refused, verdict.reason);
  return verdict.ok;
}

function tokenTooLong(): Problem {
  return new Problem("token_too_long", `a token has at most ${tokenLimits.maxBytes} bytes`);
}
