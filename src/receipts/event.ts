/**
 * What is told of a message whose publisher asked for receipts, and how it travels in the queue of
 * receipts: in bundles, since a queue is paid for by the message. Pure.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { receiptLimits } from "../limits.ts";
import { type DeviceId, deviceId, type MessageId, messageId, type UserId, userId } from "../protocol/ids.ts";

/**
 * How far a message got with one user. That it was accepted, the publisher knows from the answer.
 * - `scheduled`: the user's object keeps it until its time comes. `stored`: it is in the user's inbox.
 * - `sent`: a connected device was sent it, the first one. `acknowledged`: the device says that it has it,
 *   each device for itself. `read`: the user has read it, on whatever device.
 * - `expired`, `evicted`, `collapsed`: its time was over, the inbox was full, or a newer one of its collapse
 *   key came, before any device had acknowledged it. `retracted`, `replaced`, `handled`: taken back.
 * - `withdrawn`: taken back before it came. `left`: the user is no member of its topic. `gone`: the user was
 *   erased after it was accepted. `dead`: it is a dead letter, for its `reason`.
 */
export const receiptStates = [
  "scheduled",
  "stored",
  "sent",
  "acknowledged",
  "read",
  "expired",
  "evicted",
  "collapsed",
  "retracted",
  "replaced",
  "handled",
  "withdrawn",
  "left",
  "gone",
  "dead",
] as const;
export type ReceiptState = (typeof receiptStates)[number];

/** One step of one message with one user. */
export interface ReceiptEvent {
  /** The same for each copy of the event, by which it is known again. */
  readonly id: string;
  readonly message: MessageId;
  readonly user: UserId;
  readonly state: ReceiptState;
  /** The device that was sent it or acknowledged it. */
  readonly device?: DeviceId | undefined;
  /** Why it is dead. */
  readonly reason?: string | undefined;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}

/**
 * The event with its id. A message comes to each state once with a user, or with a device; only dead it
 * can be several times, since it may be redriven, and then the time tells one death from another.
 */
export function receiptEvent(event: Omit<ReceiptEvent, "id">): ReceiptEvent {
  const { message, user, state, device = "", at } = event;
  const parts = [message, user, state, device, ...(state === "dead" ? [at] : [])];
  // 132 bits of SHA-256, as the keys of dead letters.
  const id = createHash("sha256").update(parts.join("\n")).digest("base64url").slice(0, 22);
  return { id, ...event };
}

/** The content of one queue message. */
export interface Bundle {
  /** Since when it is on its way, in milliseconds since 1970; absent until its events have been counted. */
  readonly countedSince?: number | undefined;
  readonly events: readonly ReceiptEvent[];
}

const bundle: z.ZodType<Bundle> = z.object({
  v: z.literal(1),
  countedSince: z.int().min(0).optional(),
  events: z
    .array(
      z.object({
        id: z.string(),
        message: messageId,
        user: userId,
        state: z.enum(receiptStates),
        device: deviceId.optional(),
        reason: z.string().optional(),
        at: z.int().min(0),
      }),
    )
    .min(1),
});

/** The texts of as few bundles as hold these events, none with more than `receiptLimits.maxBundle`. */
export function bundles(events: readonly ReceiptEvent[]): string[] {
  const texts: string[] = [];
  for (let from = 0; from < events.length; from += receiptLimits.maxBundle) {
    texts.push(encodeBundle({ events: events.slice(from, from + receiptLimits.maxBundle) }));
  }
  return texts;
}

export function encodeBundle(content: Bundle): string {
  return JSON.stringify({ v: 1, ...content });
}

/** The inverse of {@link encodeBundle}; `undefined` for any other text, such as of a newer hub. */
export function parseBundle(text: string): Bundle | undefined {
  try {
    return bundle.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
