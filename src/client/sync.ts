/** Up to date: everything that was there when the connection began is handled. */
import { report, type Turn } from "./turn.ts";

/** After the cursor moved: says once that this device is live. */
export function noteSynced(turn: Turn): void {
  const { link, saved } = turn;
  if (link.phase !== "live" || link.syncingTo === undefined || saved.cursor < link.syncingTo) return;
  turn.link = { ...link, syncingTo: undefined };
  report(turn, { state: "live" });
}
