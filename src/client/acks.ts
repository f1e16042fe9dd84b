/** When what was handled and saved is acknowledged: together with what follows within a moment. */
import * as clientLimits from "./limits.ts";
import type { LiveLink } from "./state.ts";
import { say, type Turn } from "./turn.ts";

/** After the cursor was saved: acknowledges now when enough has gathered, soon otherwise. */
export function noteSaved(turn: Turn): void {
  const { link, saved } = turn;
  if (link.phase !== "live" || saved.cursor <= link.acked) return;
  if (saved.cursor - link.acked >= clientLimits.ackMessages) acknowledge(turn, link);
  else turn.link = { ...link, ackAt: link.ackAt ?? turn.now + clientLimits.ackDelayMs };
}

/** Acknowledges everything up to the cursor. */
export function acknowledge(turn: Turn, link: LiveLink): void {
  const { epoch, cursor } = turn.saved;
  say(turn, link, { type: "ack", epoch, seq: cursor }, { acked: cursor, ackAt: undefined });
}
