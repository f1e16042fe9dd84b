/** How long to wait before trying again: full jitter below a bound that doubles, so that a fleet never returns as one. */
import * as clientLimits from "./limits.ts";

/** The bound after so many failures in a row: 0.5 s, 1 s, 2 s, … 30 s. */
export function backoffBoundMs(failures: number): number {
  return Math.min(clientLimits.backoffMaxMs, clientLimits.backoffFirstMs * 2 ** failures);
}
