/** How much waits in a lane, by what its queue says. */
import { laneLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { within } from "./bounded.ts";
import { type Lane, type LaneBindings, lanes } from "./lane.ts";

export interface Backlog {
  /** Queue messages, each of which may hold many messages for many users. */
  readonly envelopes: number;
  readonly bytes: number;
  /** When the oldest was put there, in milliseconds since 1970; absent where nothing waits, or it is not known. */
  readonly oldest?: number;
}

/** `null` where the queue gives no answer in time. The platform's numbers may be some seconds old. */
export async function backlogOf(env: LaneBindings, lane: Lane): Promise<Backlog | null> {
  try {
    const asked = env[lanes[lane].binding].metrics();
    const { backlogCount, backlogBytes, oldestMessageTimestamp } = await within(
      laneLimits.backlogTimeoutMs,
      asked,
    );
    // Cloudflare's API says 0 where it does not know.
    const oldest = oldestMessageTimestamp?.getTime() ?? 0;
    return { envelopes: backlogCount, bytes: backlogBytes, ...(oldest > 0 ? { oldest } : {}) };
  } catch (error) {
    log("warn", "backlog_unknown", { lane, error: errorText(error) });
    return null;
  }
}
