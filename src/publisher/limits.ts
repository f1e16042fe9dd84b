/** The publisher's own numbers, with their reasons; the hub's stand in `src/limits.ts`. Times in milliseconds. */
export const publisherLimits = {
  /** Tries of one request, the first included; with the waits below, a hub that restarts is back before the last. */
  attempts: 5,
  /** One try. Members of a topic may take the hub 25 s, a critical push 5 s, and 4 MiB take their time on a slow line. */
  timeoutMs: 30_000,
  /** Longest wait that timers take; above it they fire at once. */
  maxTimeoutMs: 2 ** 31 - 1,
  /** Backoff: full jitter below this, doubling … */
  backoffFirstMs: 500,
  /** … up to this. */
  backoffMaxMs: 10_000,
  /** Who is asked to wait for longer is told so at once, instead of being kept waiting. */
  maxRetryAfterMs: 30_000,
  /** Users named in one request, as members of a topic or to ask whether they are online; what the hub takes. */
  namedUsers: 1_000,
  /** Members on a page of a list; the most that the hub gives. */
  page: 100,
  /** Requests of a batch at the same time. More would only fill the hub's lanes faster than they empty. */
  concurrency: 2,
  /** More connections to one server than any platform opens. */
  maxConcurrency: 100,
} as const;
