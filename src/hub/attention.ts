/** Whether a message may disturb its user. Pure. */
import type { AcceptedMessage } from "../protocol/message.ts";
import type { UserPreferences } from "../protocol/preferences.ts";
import { priorityRank } from "../protocol/priority.ts";
import { quietUntil } from "./quiet-hours.ts";

/**
 * - `announce`: devices may show, ring and vibrate.
 * - `silent`: it is in the inbox and nothing else.
 * - `held`: the same, until the quiet hours end and a digest tells of it.
 */
export type Attention = "announce" | "silent" | "held";

/** What this is about, nobody can mute. */
const alwaysAnnounced = "security";

/** What a user's preferences make of a message that is committed now. */
export function attention(
  message: Pick<AcceptedMessage, "priority" | "category">,
  { muted, minPriority, quietHours }: UserPreferences,
  now: number,
): Attention {
  const { priority, category } = message;
  if (priority === "critical" || category === alwaysAnnounced) return "announce";
  if (category !== undefined && muted.includes(category)) return "silent";
  if (minPriority !== undefined && priorityRank[priority] > priorityRank[minPriority]) return "silent";
  if (quietHours !== undefined && quietUntil(quietHours, now) !== undefined) return "held";
  return "announce";
}
