/**
 * The deployment's settings: what `wrangler.toml` and the secrets say, parsed once into types. A Worker
 * whose secrets are missing, short or copied from an example serves nothing and says which one it is.
 */
import { z } from "zod";
import { type ApiKeyRecord, apiKeyRecords } from "./auth/api-key.ts";
import type { TokenSettings } from "./auth/connect-token.ts";
import { providerKeys } from "./auth/provider-keys.ts";
import { type Strictness, strictnesses } from "./define/judge.ts";
import { everyoneLimits, tokenLimits } from "./limits.ts";
import { utf8Length } from "./protocol/json.ts";
import { type Webhook, webhookKey, webhookUrl } from "./receipts/webhook.ts";

export interface Settings {
  readonly apiKeys: readonly ApiKeyRecord[];
  readonly tokens: TokenSettings;
  /** Origins as browsers write them; `"*"` for any. */
  readonly allowedOrigins: ReadonlySet<string>;
  readonly allowQueryToken: boolean;
  /** Where receipts are posted to; absent where they are only counted. */
  readonly webhook: Webhook | undefined;
  /** What becomes of messages whose type is not defined. */
  readonly messageTypes: Strictness;
  /** Over how many objects the users who are online are spread. */
  readonly everyoneShards: number;
}

/** Words of the values that stand in documentation and tutorials; a hub that runs with one of them is open to everybody. */
const exampleSecret = /secret|example|password|changeme|placeholder|^(change|replace|your|dummy|insert)/i;

/** Whether it is a piece of up to 16 characters again and again, the last time perhaps cut short. */
function monotonous(value: string): boolean {
  const longest = Math.min(16, value.length / 2);
  for (let length = 1; length <= longest; length += 1) {
    if (value.startsWith(value.slice(length))) return true;
  }
  return false;
}

function isExample(value: string): boolean {
  return exampleSecret.test(value) || monotonous(value);
}

const secret = z
  .string("is missing")
  .refine((value) => value !== "", "is missing")
  .refine(
    (value) => value === "" || utf8Length(value) >= tokenLimits.minSecretBytes,
    `is shorter than ${tokenLimits.minSecretBytes} bytes`,
  )
  .refine((value) => !isExample(value), "is an example, not a secret");

/** The key of the receipts' signature; what follows `whsec_` must be no example either. */
const receiptSecret = z
  .string()
  .refine((value) => !isExample(value.slice(value.indexOf("_") + 1)), "is an example, not a secret")
  .pipe(webhookKey);

/** A variable that may be left out or, as `wrangler.toml` does, left empty. */
function optional<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === "" ? undefined : value), schema.optional());
}

/** Origins separated by blanks. One that no browser would write, such as with a path, would match nothing. */
const origins = z.string().transform((text, context): ReadonlySet<string> => {
  const list = text.split(/\s+/).filter((origin) => origin !== "");
  if (list.some((origin) => origin !== "*" && URL.parse(origin)?.origin !== origin)) {
    context.addIssue({
      code: "custom",
      message: 'must be origins such as "https://app.example.com", or "*"',
    });
  }
  return new Set(list);
});

const flag = z
  .enum(["true", "false"], 'must be "true" or "false"')
  .default("false")
  .transform((value) => value === "true");

const shards = z
  .string("must be a number in quotes")
  .refine(
    (text) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= everyoneLimits.maxShards,
    `must be a whole number from 1 to ${everyoneLimits.maxShards}`,
  )
  .transform(Number);

const environment = z
  .object({
    API_KEYS: z.string("is missing").min(1, "is missing").pipe(apiKeyRecords),
    TOKEN_SECRET: secret,
    TOKEN_SECRET_PREVIOUS: optional(secret),
    ALLOWED_ORIGINS: origins.prefault(""),
    TOKEN_ISSUER: z.string().min(1, "is empty").default("hubbub"),
    TOKEN_AUDIENCE: z.string().min(1, "is empty").default("hubbub:connect"),
    ALLOW_QUERY_TOKEN: flag,
    EVERYONE_SHARDS: optional(shards).transform((count) => count ?? everyoneLimits.defaultShards),
    MESSAGE_TYPES: z.enum(strictnesses, 'must be "permissive" or "strict"').default("permissive"),
    SINGLE_USE_TOKENS: flag,
    TOKEN_JWKS: optional(providerKeys),
    TOKEN_JWKS_ISSUER: z.string().default(""),
    RECEIPT_URL: optional(webhookUrl),
    RECEIPT_SECRET: optional(receiptSecret),
    RECEIPT_SECRET_PREVIOUS: optional(receiptSecret),
  })
  .refine((env) => env.TOKEN_JWKS === undefined || env.TOKEN_JWKS_ISSUER !== "", {
    path: ["TOKEN_JWKS_ISSUER"],
    message: "is missing, although TOKEN_JWKS is set",
  })
  .refine((env) => env.RECEIPT_URL === undefined || env.RECEIPT_SECRET !== undefined, {
    path: ["RECEIPT_SECRET"],
    message: "is missing, although RECEIPT_URL is set",
  })
  .transform(
    (env): Settings => ({
      apiKeys: env.API_KEYS,
      tokens: {
        secrets: [
          env.TOKEN_SECRET,
          ...(env.TOKEN_SECRET_PREVIOUS === undefined ? [] : [env.TOKEN_SECRET_PREVIOUS]),
        ],
        issuer: env.TOKEN_ISSUER,
        audience: env.TOKEN_AUDIENCE,
        jwks:
          env.TOKEN_JWKS === undefined ? undefined : { keys: env.TOKEN_JWKS, issuer: env.TOKEN_JWKS_ISSUER },
        singleUse: env.SINGLE_USE_TOKENS,
      },
      allowedOrigins: env.ALLOWED_ORIGINS,
      allowQueryToken: env.ALLOW_QUERY_TOKEN,
      webhook: webhookOf(env.RECEIPT_URL, env.RECEIPT_SECRET, env.RECEIPT_SECRET_PREVIOUS),
      messageTypes: env.MESSAGE_TYPES,
      everyoneShards: env.EVERYONE_SHARDS,
    }),
  );

function webhookOf(
  url: string | undefined,
  key: Uint8Array | undefined,
  previous: Uint8Array | undefined,
): Webhook | undefined {
  if (url === undefined || key === undefined) return undefined;
  return { url, keys: previous === undefined ? [key] : [key, previous] };
}

/** Settings that can't be served with. `faults` name the variable and what is wrong with it, never its value. */
export class Misconfigured extends Error {
  override readonly name = "Misconfigured";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the hub is not configured: ${faults.join("; ")}`);
    this.faults = faults;
  }
}

const parsed = new WeakMap<object, Settings | Misconfigured>();

/**
 * The settings of an environment, parsed at the first call.
 * @throws {Misconfigured} when the environment is not safe to serve with.
 */
export function settingsOf(env: object): Settings {
  let settings = parsed.get(env);
  if (settings === undefined) {
    const result = environment.safeParse(env);
    settings = result.success
      ? result.data
      : new Misconfigured(result.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`));
    parsed.set(env, settings);
  }
  if (settings instanceof Misconfigured) throw settings;
  return settings;
}
