/**
 * Envelopes: the texts that travel in the lanes, each holding many messages with their many users.
 * `{"v":1,"attempt":0,"items":[{"message":{…,"data":…},"users":["a","b"]}]}`, with `data` as JSON and
 * not as a string of JSON, whose escapes would cost bytes. Pure.
 */
import { z } from "zod";
import { laneLimits } from "../limits.ts";
import { type UserId, userId } from "../protocol/ids.ts";
import { utf8Length } from "../protocol/json.ts";
import { type AcceptedMessage, acceptedMessage } from "../protocol/message.ts";

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
  /** Written by a newer hub; this one may be replaced before long. */
  | { readonly kind: "unknown_version"; readonly error: string }
  /** Not an envelope and never will be. */
  | { readonly kind: "poison"; readonly error: string };

const version = 1;

const wireMessage = acceptedMessage
  .omit({ body: true })
  .extend({ data: z.unknown().refine((data) => data !== undefined, "is missing") })
  .transform(({ data, ...message }): AcceptedMessage => ({ ...message, body: JSON.stringify(data) }));

const wireEnvelope = z.object({
  attempt: z.int().min(0),
  items: z.array(z.object({ message: wireMessage, users: z.array(userId).min(1) })).min(1),
});

/** A message as JSON text, its `body` nested as `data`. */
export function encodeMessage({ body, ...message }: AcceptedMessage): string {
  return `${JSON.stringify(message).slice(0, -1)},"data":${body}}`;
}

/** The inverse of {@link encodeMessage}; `undefined` for any other text. */
export function parseMessage(text: string): AcceptedMessage | undefined {
  return wireMessage.safeParse(json(text)).data;
}

/** One envelope as text. The inverse of {@link parse}. */
export function encode({ attempt, items }: Envelope): string {
  const texts = items.map(({ message, users }) => itemText(encodeMessage(message), users));
  return envelopeText(attempt, texts);
}

/** What a text holds. Errors name the path and the rule, never a value. */
export function parse(text: string): Parsed {
  const value = json(text);
  if (typeof value !== "object" || value === null) return { kind: "poison", error: "is not a JSON object" };
  if (!("v" in value) || typeof value.v !== "number") return { kind: "poison", error: "v: is not a number" };
  if (value.v !== version) return { kind: "unknown_version", error: `v: is ${value.v}, known is ${version}` };
  const result = wireEnvelope.safeParse(value);
  if (result.success) return { kind: "envelope", envelope: result.data };
  const faults = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
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

/** The value of a JSON text; `undefined`, which JSON can't say, for any other. The parser's own error would quote the text. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
