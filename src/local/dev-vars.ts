/** The text of `.dev.vars`, where wrangler finds the secrets of the local hub. What stands there is never changed. */
import { parseEnv } from "node:util";
import { type ApiKeyRecord, mintApiKey, type Scope, scopes, verifyApiKey } from "../auth/api-key.ts";
import { tokenLimits } from "../limits.ts";

const heading = "# Secrets of the local hub, made by `npm start`. Never commit them.\n";

export interface DevVars {
  readonly text: string;
  /** The API key whose record was added; `undefined` where records stood there before. */
  readonly apiKey: string | undefined;
}

/** The text with what it lacks: a token secret, and an API key with every scope. */
export function completeDevVars(text: string | undefined): DevVars {
  const { API_KEYS: records, TOKEN_SECRET: secret } = parseEnv(text ?? "");
  const minted = records ? undefined : mintApiKey(scopes);
  const added = [
    ...(minted === undefined ? [] : [`API_KEYS='${JSON.stringify([minted.record])}'`]),
    ...(secret ? [] : [`TOKEN_SECRET='${randomSecret()}'`]),
  ];
  const before = text === undefined ? heading : withoutEmptySecrets(text);
  return {
    text: added.length === 0 ? (text ?? "") : before + added.join("\n").concat("\n"),
    apiKey: minted?.key,
  };
}

/** What a key may not do: scopes that there were none of yet when an earlier version made it. */
export function missingScopes(key: string, records: readonly ApiKeyRecord[]): readonly Scope[] {
  const granted = verifyApiKey(key, records)?.scopes ?? [];
  return scopes.filter((scope) => !granted.includes(scope));
}

function randomSecret(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(tokenLimits.minSecretBytes))).toString(
    "base64url",
  );
}

function withoutEmptySecrets(text: string): string {
  const lines = text.replace(/^(?:API_KEYS|TOKEN_SECRET)[ \t]*=[ \t]*(?:\r?\n|$)/gm, "");
  return lines === "" || lines.endsWith("\n") ? lines : `${lines}\n`;
}
