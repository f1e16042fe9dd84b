/**
 * Frames of the hub, checked by hand: a schema library would be several times the size of the client.
 * A hub may be newer than its client, so what is not understood is left aside, not an error.
 */
import type { ServerFrame } from "../protocol/frames.ts";

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const time: Check = (value) => Number.isFinite(value);
const seq: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isFields(value) && Object.entries(checks).every(([name, check]) => check(value[name]));

/** Of priorities and reasons there may be more one day: a client has no need to know them all, but the message. */
const message = { id: text, type: text, priority: text, at: time };
const streamMessage = fields({ ...message, seq, expires: time });

const checks: ReadonlyMap<unknown, Check> = new Map<ServerFrame["type"], Check>([
  [
    "welcome",
    fields({
      connection: text,
      epoch: text,
      head: seq,
      from: seq,
      resumed: flag,
      reason: optional(text),
      heartbeat: time,
      spread: time,
    }),
  ],
  ["messages", fields({ messages: (value) => Array.isArray(value) && value.every(streamMessage) })],
  ["express", fields({ message: streamMessage })],
  ["gap", fields({ from: seq, to: seq, reason: text })],
  ["live", fields({ message: fields(message) })],
  ["state", fields({ unread: seq, readUpTo: seq, rev: seq })],
  ["ok", fields({ ref: text })],
  ["error", fields({ code: text, message: text })],
  ["reauth", fields({ expires: time })],
  ["bye", fields({ code: seq, reason: text, retryAfter: optional(time) })],
]);

/** The frame in the text; `undefined` for a pong, a kind that is not known here, and what is no frame at all. */
export function parseFrame(frame: string): ServerFrame | undefined {
  try {
    const value: unknown = JSON.parse(frame);
    return isServerFrame(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isServerFrame(value: unknown): value is ServerFrame {
  if (!isFields(value)) return false;
  const { type } = value;
  return checks.get(type)?.(value) === true;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
