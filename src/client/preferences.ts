/** What the user wants to be told, and when. Everything arrives; what is not wanted arrives silently. */
import type { Priority } from "../protocol/priority.ts";
import { isLike } from "./shape.ts";

export interface Preferences {
  /** Categories of which no message disturbs. */
  readonly muted?: readonly string[];
  /** Below it no message disturbs. */
  readonly minPriority?: Priority;
  readonly quietHours?: QuietHours;
}

/** When no message disturbs; what came meanwhile is told at the end, as one digest. */
export interface QuietHours {
  /** Of the IANA database, such as `Europe/Berlin`. */
  readonly timeZone: string;
  /** As `22:00`, on the clocks of that zone. */
  readonly from: string;
  /** Before `from`, it is on the next day. */
  readonly to: string;
  /** On which they begin, 0 for Sunday to 6; every day when absent. */
  readonly days?: readonly number[];
}

const quietHours = { timeZone: "", from: "", to: "", days: () => [0] as const };

export function isPreferences(value: unknown): value is Preferences {
  return isLike(value, { muted: () => [""], minPriority: () => "", quietHours: () => quietHours });
}
