/**
 * Envelopes: the texts that travel in the lanes, each holding many messages with their many users.
 * `{"v":1,"attempt":0,"items":[{"message":{…,"data":…},"users":["a","b"]}]}`. Beside them travel jobs
 * (`job.ts`), which turn into envelopes on their way. Pure.
 */
import { z } from "zod";
import { laneLimits } from "../limits.ts";
import { type UserId, userId } from "../protocol/ids.ts";
import { utf8Length } from "../protocol/json.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { type Job, jobVersion, wireJob } from "./job.ts";
import { encodeMessage, jsonOf, wireMessage } from "./message-text.ts";

/** A message and the users that it is still to reach. */
export interface Addressed {
  readonly message: AcceptedMessage;
  readonly users: readonly UserId[];
}

export interface Envelope {
  /** Attempts made before this envelope was put in its lane: what is left of a partly failed one starts a new queue message. */
  readonly attempt: number;
  readonly items: readonly Addressed[];
}

export type Parsed =
  | { readonly kind: "envelope"; readonly envelope: Envelope }
  | { readonly kind: "job"; readonly job: Job }
  | Unreadable;

export type Unreadable =
  /** Written by a newer hub; this one may be replaced before long. */
  | { readonly kind: "unknown_version"; readonly error: string }
  /** Neither an envelope nor a job, and never will be. */
  | { readonly kind: "poison"; readonly error: string };

const version = 1;

const wireEnvelope = z.object({
  attempt: z.int().min(0),
  items: z.array(z.object({ message: wireMessage, users: z.array(userId).min(1) })).min(1),
});

/** One envelope as text. The inverse of {@link parse}. */
export function encode({ attempt, items }: Envelope): string {
  const texts = items.map(({ message, users }) => itemText(encodeMessage(message), users));
  return envelopeText(attempt, texts);
}

/** What a text holds. Errors name the path and the rule, never a value. */
export function parse(text: string): Parsed {
  const value = jsonOf(text);
  if (typeof value !== "object" || value === null) return { kind: "poison", error: "is not a JSON object" };
  if (!("v" in value) || typeof value.v !== "number") return { kind: "poison", error: "v: is not a number" };
  switch (value.v) {
    case version: {
      const result = wireEnvelope.safeParse(value);
      return result.success ? { kind: "envelope", envelope: result.data } : poison(result.error);
    }
    case jobVersion: {
      const result = wireJob.safeParse(value);
      return result.success ? { kind: "job", job: result.data } : poison(result.error);
    }
    default:
      return { kind: "unknown_version", error: `v: is ${value.v}, known are ${version} and ${jobVersion}` };
  }
}

function poison({ issues }: z.ZodError): Unreadable {
  const faults = issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return { kind: "poison", error: faults.slice(0, 3).join("; ") };
}

/**
 * Envelopes for all of this, in order, as few as fit: none longer than `laneLimits.maxEnvelopeBytes` in
 * UTF-8, none with more than `laneLimits.maxEnvelopeUsers` users. An item with many users is split over several.
 */
export function pack(items: readonly Addressed[]): string[] {
  const emptyBytes = utf8Length(envelopeText(0, []));
  const envelopes: string[] = [];
  let texts: string[] = [];
  let users = new Set<UserId>();
  let bytes = emptyBytes;

  for (const item of items) {
    const message = encodeMessage(item.message);
    const itemBytes = utf8Length(itemText(message, []));
    let here: UserId[] = [];
    for (const user of item.users) {
      // A user id is allow-listed ASCII: its length, two quotes, and the comma between.
      const userBytes = user.length + 2;
      const separator = here.length > 0 || texts.length > 0 ? 1 : 0;
      const more = separator + userBytes + (here.length > 0 ? 0 : itemBytes);
      const full = bytes + more > laneLimits.maxEnvelopeBytes;
      const crowded = users.size >= laneLimits.maxEnvelopeUsers && !users.has(user);
      if (users.size > 0 && (full || crowded)) {
        if (here.length > 0) texts.push(itemText(message, here));
        envelopes.push(envelopeText(0, texts));
        texts = [];
        users = new Set();
        here = [];
        bytes = emptyBytes + itemBytes + userBytes;
      } else {
        bytes += more;
      }
      here.push(user);
      users.add(user);
    }
    if (here.length > 0) texts.push(itemText(message, here));
  }
  if (texts.length > 0) envelopes.push(envelopeText(0, texts));
  return envelopes;
}

function itemText(message: string, users: readonly UserId[]): string {
  return `{"message":${message},"users":${JSON.stringify(users)}}`;
}

function envelopeText(attempt: number, items: readonly string[]): string {
  return `{"v":${version},"attempt":${attempt},"items":[${items.join(",")}]}`;
}
