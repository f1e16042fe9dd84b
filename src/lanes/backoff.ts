/** How long to wait before another attempt. Pure. */
import { laneLimits } from "../limits.ts";

/**
 * Whole seconds until the next attempt, at least 1: full jitter below 2^attempt, so that what failed
 * together does not come back together. An overloaded object is spared the lower half of that range.
 * @param attempt the number of the attempt that failed, from 1
 * @param random in [0, 1)
 */
export function backoffSeconds(
  attempt: number,
  random: number,
  overloaded = false,
  maxSeconds: number = laneLimits.maxBackoffSeconds,
): number {
  const ceiling = Math.min(maxSeconds, 2 ** attempt);
  const floor = overloaded ? ceiling / 2 : 0;
  return Math.max(1, Math.ceil(floor + random * (ceiling - floor)));
}
