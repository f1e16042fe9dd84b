/**
 * What travels in the dead lane: one line of JSON that says what happened, and after it the thing
 * itself: a message, or a text of a lane, untouched. Not nested as a string, because an
 * envelope with its quotes escaped could outgrow a queue message. Pure.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { type UserId, userId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { type Priority, priorities } from "../protocol/priority.ts";
import type { Addressed } from "./envelope.ts";
import { encodeMessage, parseMessage } from "./message-text.ts";

/**
 * Why a message is dead.
 * - `inbox_full`, `id_conflict`: the verdict of the user's object.
 * - `attempts_exhausted`: every attempt to reach the object failed; that of a user, or of a crowd.
 * - `abandoned`: the platform gave up, because the consumer never finished with it.
 * - `unknown_version`, `poison`: its text could not be read.
 */
export const deadReasons = [
  "inbox_full",
  "id_conflict",
  "attempts_exhausted",
  "abandoned",
  "unknown_version",
  "poison",
] as const;
export type DeadReason = (typeof deadReasons)[number];

export interface Death {
  readonly reason: DeadReason;
  /** Attempts made, this one included. */
  readonly attempts: number;
  /** Of the last attempt; empty where the reason says it all. Never holds a body. */
  readonly error: string;
  /** When. Together with the message and user it tells a copy of this record from another death. */
  readonly at: number;
}

/** A message that is dead for some of its users. */
export interface DeadMessage extends Death, Addressed {}

/** A text from a lane: one that could not be read, or a job that failed at every attempt. */
export interface DeadText extends Death {
  readonly lane: Priority;
  readonly raw: string;
}

export type DeadRecord = DeadMessage | DeadText;

const death = z.object({
  v: z.literal(1),
  reason: z.enum(deadReasons),
  attempts: z.int().min(1),
  error: z.string(),
  at: z.int().min(0),
});
const header = z.union([
  death.extend({ users: z.array(userId).min(1) }),
  death.extend({ lane: z.enum(priorities) }),
]);

/** The text of a record for the dead lane. */
export function encodeDead(record: DeadRecord): string {
  const { reason, attempts, error, at } = record;
  const about = { v: 1, reason, attempts, error, at };
  return "raw" in record
    ? `${JSON.stringify({ ...about, lane: record.lane })}\n${record.raw}`
    : `${JSON.stringify({ ...about, users: record.users })}\n${encodeMessage(record.message)}`;
}

/** The inverse of {@link encodeDead}; `undefined` for any other text, such as an envelope that the platform moved. */
export function parseDead(text: string): DeadRecord | undefined {
  const end = text.indexOf("\n");
  if (end < 0) return undefined;
  const about = parseHeader(text.slice(0, end));
  if (about === undefined) return undefined;
  const { v: _, ...rest } = about;
  const payload = text.slice(end + 1);
  if ("lane" in rest) return { ...rest, raw: payload };
  const message = parseMessage(payload);
  return message && { ...rest, message };
}

function parseHeader(line: string): z.infer<typeof header> | undefined {
  try {
    return header.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/**
 * The key of a dead letter: always the same for a message and a user. What the message says is part of
 * it, since two that came under one id are both dead for good reason, and neither replaces the other.
 */
export function deadKey({ id, type, priority, body }: AcceptedMessage, user: UserId): string {
  return keyOf([id, user, type, priority, body].join("\n"));
}

/** The key of a text from a lane. */
export function deadTextKey(raw: string): string {
  return keyOf(raw);
}

/** 132 bits of SHA-256: short in a URL, and no two will ever meet. */
function keyOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
