/**
 * Who is asking. Servers show an API key with scopes; devices show a connect token, which opens their own
 * user's inbox and nothing else. Every key that is not good is answered alike.
 */
import {
  type ApiKeyRecord,
  apiKeyPrefix,
  opensPattern,
  opensTopic,
  type Scope,
  verifyApiKey,
} from "../auth/api-key.ts";
import type { ConnectToken } from "../auth/claims.ts";
import { verifyConnectToken } from "../auth/connect-token.ts";
import { tokenLimits } from "../limits.ts";
import type { Topic, UserId } from "../protocol/ids.ts";
import type { PublishedMessage } from "../protocol/message.ts";
import type { TopicPattern } from "../protocol/topic-pattern.ts";
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
  if (!record.scopes.includes(scope)) throw lacking(scope, "this route");
  return record;
}

/** Refuses a key whose patterns leave the topic out. */
export function requireTopic(record: ApiKeyRecord, topic: Topic): void {
  if (opensTopic(record, topic)) return;
  throw new Problem("insufficient_scope", "the API key is for other topics");
}

/** Refuses a key whose patterns leave out some topic of one of these. */
export function requirePatterns(record: ApiKeyRecord, patterns: readonly TopicPattern[]): void {
  if (patterns.every((pattern) => opensPattern(record, pattern))) return;
  throw new Problem("insufficient_scope", "the API key is for other topics, or for fewer of them");
}

/** Refuses a key that may not address this audience: a topic that its patterns leave out, or everyone without the scope `broadcast`. */
export function requireAudience(record: ApiKeyRecord, audience: PublishedMessage["to"]): void {
  if ("topic" in audience) requireTopic(record, audience.topic);
  if ("everyone" in audience && !record.scopes.includes("broadcast")) {
    throw lacking("broadcast", "a message to everyone");
  }
}

/** Whoever may do what a device may do for its own user. */
export type Asker = { readonly key: ApiKeyRecord } | { readonly token: ConnectToken };

/** Lets in an API key with the scope, and a connect token of the very user that was not revoked. */
export async function requireScopeOrSelf(context: HubContext, scope: Scope, user: UserId): Promise<Asker> {
  const credential = bearerOf(context.req.raw.headers);
  if (credential === undefined || isApiKey(credential)) return { key: requireScope(context, scope) };
  return { token: await ownToken(context, credential, user) };
}

/** Lets in a connect token of the very user that was not revoked, and no API key. */
export async function requireSelf(context: HubContext, user: UserId): Promise<ConnectToken> {
  const credential = bearerOf(context.req.raw.headers);
  if (credential === undefined) {
    throw new Problem("unauthenticated", "send Authorization: Bearer <connect token>");
  }
  if (isApiKey(credential)) {
    throw new Problem("wrong_credential_type", "this route takes a connect token, not an API key");
  }
  return ownToken(context, credential, user);
}

async function ownToken(context: HubContext, credential: string, user: UserId): Promise<ConnectToken> {
  const token = await requireToken(context, credential);
  if (token.user !== user) throw new Problem("forbidden", "a connect token opens its own user's inbox only");
  // What was revoked, only the object knows.
  if (await context.env.USER_HUB.getByName(user).admits(token.issued)) return token;
  throw new Problem("token_invalid", "the token was revoked");
}

/** What a connect token says, if it is good. */
export async function requireToken(context: HubContext, token: string): Promise<ConnectToken> {
  if (token.length > tokenLimits.maxBytes) throw tokenTooLong();
  const verdict = await verifyConnectToken(token, context.var.settings.tokens, Date.now());
  if ("refused" in verdict) throw new Problem(verdict.refused, verdict.reason);
  return verdict.ok;
}

function lacking(scope: Scope, what: string): Problem {
  return new Problem("insufficient_scope", `${what} takes an API key with the scope ${scope}`, {
    headers: { "WWW-Authenticate": `Bearer error="insufficient_scope", scope="${scope}"` },
  });
}

function tokenTooLong(): Problem {
  return new Problem("token_too_long", `a token has at most ${tokenLimits.maxBytes} bytes`);
}
