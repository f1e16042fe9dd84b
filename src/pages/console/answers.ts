/** The answers of the API that the console reads, each with the check that makes it one. Times in milliseconds since 1970. */
import { type Priority, priorities } from "../../protocol/priority.ts";
import {
  type Check,
  type Checked,
  fields,
  isAnything,
  isFlag,
  isNumber,
  isText,
  listOf,
  nullable,
  oneOf,
  optional,
} from "./checks.ts";

export type { Priority };
export { priorities };

/** `GET /v1/key`. */
export const isKey = fields({ id: isText, scopes: listOf(isText) });
export type Key = Checked<typeof isKey>;

/**
 * `POST /v1/messages` with one message, and `POST /v1/messages/:id/retract`. `results` where the users' objects were
 * called at once; `recipients` where users were named.
 */
export const isReceipt = fields({
  id: isText,
  recipients: optional(isNumber),
  state: isText,
  expires: optional(isNumber),
  ttl: optional(isNumber),
  results: optional(
    listOf(
      fields({
        user: isText,
        state: isText,
        seq: optional(isNumber),
        devices: optional(isNumber),
        reason: optional(isText),
      }),
    ),
  ),
});
export type Receipt = Checked<typeof isReceipt>;

/** `GET /v1/users/:user/messages/:id`: of the stream, or of a dead letter, which has a `reason` and no `seq`. */
export const isMessageState = fields({
  id: isText,
  state: isText,
  at: isNumber,
  seq: optional(isNumber),
  expires: optional(isNumber),
  deliverAt: optional(isNumber),
  delivered: optional(listOf(fields({ device: isText, at: isNumber }))),
  devices: optional(listOf(fields({ device: isText, state: isText, at: optional(isNumber) }))),
  reason: optional(isText),
});
export type MessageState = Checked<typeof isMessageState>;

/** `GET /v1/users/:user`. */
export const isPresence = fields({
  online: isFlag,
  since: optional(isNumber),
  head: isNumber,
  unread: isNumber,
  devices: listOf(
    fields({
      device: isText,
      online: isFlag,
      lastSeen: isNumber,
      cursor: isNumber,
      connection: optional(
        fields({ connection: isText, since: isNumber, state: isText, sent: isNumber, inFlight: isNumber }),
      ),
    }),
  ),
});
export type Presence = Checked<typeof isPresence>;
export type Device = Presence["devices"][number];

/** `GET /v1/users/:user/messages`: a page, newest first. */
export const isInbox = fields({
  messages: listOf(
    fields({
      seq: isNumber,
      id: isText,
      type: isText,
      priority: oneOf(priorities),
      at: isNumber,
      expires: optional(isNumber),
      read: isFlag,
      topic: optional(isText),
      replaces: optional(isText),
      silent: optional(isFlag),
      data: isAnything,
    }),
  ),
  next: optional(isNumber),
  state: fields({ unread: isNumber, readUpTo: isNumber, rev: isNumber }),
});
export type Inbox = Checked<typeof isInbox>;
export type InboxMessage = Inbox["messages"][number];

/** `DELETE /v1/users/:user/connections`. */
export const isClosed = fields({ closed: isNumber });

/** Ten seconds of a lane; those in which nothing happened are left out. Latencies in milliseconds. */
const isInterval = fields({
  at: isNumber,
  accepted: isNumber,
  delivered: isNumber,
  dead: isNumber,
  latency: fields({ count: isNumber, p50: isNumber, p95: isNumber, p99: isNumber }),
});
export type Interval = Checked<typeof isInterval>;

const isLane = fields({
  backlog: nullable(fields({ envelopes: isNumber, bytes: isNumber, oldest: optional(isNumber) })),
  total: fields({
    accepted: isNumber,
    committed: isNumber,
    duplicate: isNumber,
    live: isNumber,
    expired: isNumber,
    gone: isNumber,
    dead: isNumber,
    retried: isNumber,
  }),
  recent: listOf(isInterval),
});
export type Lane = Checked<typeof isLane>;

/** `GET /v1/lanes`. */
export const isLanes = fields({
  at: isNumber,
  since: isNumber,
  lanes: fields({ critical: isLane, high: isLane, normal: isLane, low: isLane }),
});
export type Lanes = Checked<typeof isLanes>;

/** One of `GET /v1/dead-letters`: of a message and its user, or with the `raw` text that was no message. */
const isLetter = fields({
  key: isText,
  lane: oneOf(priorities),
  reason: isText,
  attempts: isNumber,
  error: isText,
  at: isNumber,
  redrives: isNumber,
  redrivenAt: optional(isNumber),
  state: isText,
  user: optional(isText),
  message: optional(
    fields({ id: isText, type: isText, at: isNumber, expires: isNumber, live: isFlag, data: isAnything }),
  ),
  raw: optional(isText),
});
export type Letter = Checked<typeof isLetter>;

export const isLetters = fields({ letters: listOf(isLetter), next: optional(isNumber) });
export type Letters = Checked<typeof isLetters>;

/** `POST /v1/dead-letters/:key/redrive`. */
export const isRedriven = fields({ key: isText, redrives: isNumber });

/** Thrown where a hub answers with what this page can't read: the two are of different versions. */
export class UnreadableAnswer extends Error {
  override readonly name = "UnreadableAnswer";
}

/** @throws {UnreadableAnswer} */
export function checked<Type>(check: Check<Type>, value: unknown): Type {
  if (check(value)) return value;
  throw new UnreadableAnswer(
    "The hub's answer could not be read. Reload this page: the two may be of different versions.",
  );
}
