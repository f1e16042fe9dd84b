/** The word to devices that a message is withdrawn, as a message of the hub's own that goes the way of every other. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { messageLimits } from "../limits.ts";
import type { Withdrawal } from "../protocol/frames.ts";
import { type DeviceId, type MessageId, messageId } from "../protocol/ids.ts";
import { type AcceptedMessage, withdrawnType } from "../protocol/message.ts";
import type { Priority } from "../protocol/priority.ts";

export interface WithdrawalOptions {
  readonly now: number;
  /** `high` if not given: what is wrong should not stay on a screen behind what is merely new. */
  readonly priority?: Priority | undefined;
  /** For whom it is, or of which of their messages: tells words from each other that are not copies. */
  readonly audience: string;
  /** The device that has seen to it for all of the user's, and keeps it. */
  readonly device?: DeviceId | undefined;
  /** The only topics of whose messages it may withdraw one. */
  readonly within?: AcceptedMessage["within"];
}

const replaced = z.object({ reason: z.literal("replaced") });

/** Why the message goes that this one retracts or replaces. */
export function reasonOf({ retracts, body }: AcceptedMessage): "retracted" | "replaced" {
  if (retracts === undefined) return "replaced";
  return replaced.safeParse(JSON.parse(body)).success ? "replaced" : "retracted";
}

/** The same message, reason and options make the same id, so that a copy is known. Kept as long as any message may be. */
export function withdrawal(
  of: MessageId,
  reason: Withdrawal["reason"],
  { now, priority = "high", audience, device, within }: WithdrawalOptions,
): AcceptedMessage {
  const said: Withdrawal = { id: of, reason, ...(device === undefined ? {} : { device }) };
  const told = [of, reason, priority, audience, ...(within ?? [])];
  const digest = createHash("sha256").update(told.join("\n")).digest("base64url");
  return {
    // 27 characters: 162 bits.
    id: messageId.parse(digest.slice(0, 27)),
    type: withdrawnType,
    priority,
    at: now,
    expires: now + messageLimits.maxTtlSeconds * 1_000,
    live: false,
    retracts: of,
    ...(within === undefined ? {} : { within }),
    body: JSON.stringify(said),
  };
}
