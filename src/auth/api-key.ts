/**
 * API keys of publishers and operators: `hub_<key id>_<random><checksum>`. The hub keeps only their
 * SHA-256; with 190 random bits there is nothing to guess, so that no slow hash is needed.
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { keyLimits } from "../limits.ts";
import type { Topic } from "../protocol/ids.ts";
import { covers, coversPattern, type TopicPattern, topicPattern } from "../protocol/topic-pattern.ts";

/**
 * What a key may do: push messages; push them to everyone; mint connect tokens; manage the members of
 * topics; read presence and inboxes; change, disconnect and erase users; read, redrive and discard dead
 * letters; read what the hub counts.
 */
export const scopes = [
  "publish",
  "broadcast",
  "tokens",
  "topics",
  "users:read",
  "users:write",
  "dead-letters",
  "metrics",
] as const;
export type Scope = (typeof scopes)[number];

/** What the hub keeps of a key. Several may be valid at once, so that keys are rotated without a gap. */
export interface ApiKeyRecord {
  /** The public part of the key, by which it is found and named in the log. */
  readonly id: string;
  /** SHA-256 of the whole key, lower-case hex. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** The only topics that it has to do with: publishes to, takes messages back in, sees the members of, gives out in tokens. Without them, any. */
  readonly topics?: readonly TopicPattern[] | undefined;
}

/** What every API key starts with, and no connect token does. */
export const apiKeyPrefix = "hub_";

const idLength = 8;
/** 32 of 62 characters: 190.5 bits. */
const randomLength = 32;
/** 62^6 is above 2^32: every CRC32 fits. */
const checksumLength = 6;

const base36 = "0123456789abcdefghijklmnopqrstuvwxyz";
const base62 = `${base36}ABCDEFGHIJKLMNOPQRSTUVWXYZ`;

const keyPattern = new RegExp(
  `^(${apiKeyPrefix}([0-9a-z]{${idLength}})_[0-9A-Za-z]{${randomLength}})([0-9A-Za-z]{${checksumLength}})$`,
);

/** The secret `API_KEYS`: records as JSON text, one for each key. Faults name a place, never a value. */
export const apiKeyRecords = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "is not JSON" });
      return z.NEVER;
    }
  })
  .pipe(
    z
      .array(
        z.object({
          id: z.string().regex(/^[0-9a-z]{8}$/, "must be 8 characters out of a-z 0-9"),
          sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in lower-case hex"),
          scopes: z.array(z.enum(scopes)).min(1),
          topics: z.array(topicPattern).min(1).max(keyLimits.maxTopics).optional(),
        }),
        "must be a list of keys",
      )
      .min(1, "holds no key")
      .refine((records) => new Set(records.map(({ id }) => id)).size === records.length, "holds an id twice"),
  );

/** A new key, to be shown once, and the record of it, to be kept. */
export function mintApiKey(
  granted: readonly Scope[],
  topics?: readonly TopicPattern[],
): {
  readonly key: string;
  readonly record: ApiKeyRecord;
} {
  const text = `${apiKeyPrefix}${randomText(base36, idLength)}_${randomText(base62, randomLength)}`;
  const key = text + checksum(text);
  return { key, record: apiKeyRecord(key, granted, topics) };
}

/** What the hub keeps of a well-formed key. */
export function apiKeyRecord(
  key: string,
  granted: readonly Scope[],
  topics?: readonly TopicPattern[],
): ApiKeyRecord {
  const id = key.slice(apiKeyPrefix.length, apiKeyPrefix.length + idLength);
  return { id, sha256: sha256(key), scopes: granted, ...(topics === undefined ? {} : { topics }) };
}

/** Whether a key may have to do with a topic, as far as its patterns go. */
export function opensTopic({ topics }: Pick<ApiKeyRecord, "topics">, topic: Topic): boolean {
  return topics === undefined || covers(topics, topic);
}

/** Whether a key may let somebody else have to do with all topics of a pattern. */
export function opensPattern({ topics }: Pick<ApiKeyRecord, "topics">, pattern: TopicPattern): boolean {
  return topics === undefined || topics.some((own) => coversPattern(own, pattern));
}

/**
 * The record of a key, or `undefined` for one that is malformed, mistyped, unknown or revoked. A wrong
 * checksum costs no lookup; every other key costs one hash and one comparison in constant time.
 */
export function verifyApiKey(key: string, records: readonly ApiKeyRecord[]): ApiKeyRecord | undefined {
  const [, text, id, check] = keyPattern.exec(key) ?? [];
  if (text === undefined || checksum(text) !== check) return undefined;
  const record = records.find((known) => known.id === id);
  const expected = record?.sha256 ?? "0".repeat(64);
  const matches = timingSafeEqual(Buffer.from(sha256(key)), Buffer.from(expected));
  return matches ? record : undefined;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** CRC32 of the key before it: tells a mistyped or cut key from an unknown one, as GitHub's tokens do. */
function checksum(text: string): string {
  let rest = crc32(text);
  let digits = "";
  for (let place = 0; place < checksumLength; place += 1) {
    digits = base62.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** Evenly distributed characters: a byte at or above the last multiple of the alphabet's size is thrown away. */
function randomText(alphabet: string, length: number): string {
  const limit = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length - text.length))) {
      if (byte < limit) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
