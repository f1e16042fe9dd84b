/**
 * Frames of the hub, checked by hand: a schema library would be several times the size of the client.
 * A hub may be newer than its client, so what is not understood is left aside, not an error.
 */
import type { ServerFrame } from "../protocol/frames.ts";
import { isFields, isLike, type Shape } from "./shape.ts";

/** Of priorities and reasons there may be more one day: a client has no need to know them all, but the message. */
const message = { id: "", type: "", priority: "", at: 0, topic: () => "" };
export const streamMessage = {
  ...message,
  seq: 0,
  expires: 0,
  replaces: () => "",
  silent: () => true,
};
export const readState = { unread: 0, readUpTo: 0, rev: 0 };

/** The frames that a client acts on. */
const shapes: ReadonlyMap<unknown, Shape> = new Map<ServerFrame["type"], Shape>([
  [
    "welcome",
    {
      epoch: "",
      head: 0,
      from: 0,
      resumed: true,
      reason: () => "",
      heartbeat: 0,
      spread: 0,
      // A hub of before does not have the last two.
      unread: 0,
      readUpTo: () => 0,
      rev: () => 0,
    },
  ],
  ["messages", { messages: [streamMessage], unread: () => 0 }],
  ["express", { message: streamMessage }],
  ["gap", { from: 0, to: 0, reason: "" }],
  ["live", { message }],
  ["state", { ...readState, ids: () => [""] }],
  ["error", { code: "", message: "" }],
  ["reauth", {}],
  ["bye", { code: 0, reason: "", retryAfter: () => 0 }],
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

/** Whether a value is a frame that is known here. */
export function isServerFrame(value: unknown): value is ServerFrame {
  if (!isFields(value)) return false;
  const { type } = value;
  const shape = shapes.get(type);
  return shape !== undefined && isLike(value, shape);
}
