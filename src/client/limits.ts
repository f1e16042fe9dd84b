/**
 * The client's own numbers, with their reasons. They stand apart from the hub's limits so that a browser
 * loads no others. Times in milliseconds.
 */
export const clientLimits = {
  /** How long an acknowledgement waits for more to acknowledge; a frame for each message would double the traffic. */
  ackDelayMs: 200,
  /** Handled messages that do not wait any longer: a quarter of the hub's window, so that it never runs dry. */
  ackMessages: 16,
  /** From asking for a token to the `welcome`; a slow phone network needs several seconds for TLS alone. */
  connectTimeoutMs: 15_000,
  /** Without a sign of life after a ping. */
  pongTimeoutMs: 10_000,
  /** Backoff: full jitter below this, doubling … */
  backoffFirstMs: 500,
  /** … up to this. */
  backoffMaxMs: 30_000,
  /** A connection that was live for this long makes the next failure a first one again. */
  settledMs: 60_000,
  /** Further tries of a handler, or of a save, that failed. */
  retries: 3,
  /** Ids of handled messages that are kept. More than are in flight at once, so that a renumbered stream repeats nothing. */
  recentIds: 256,
  /** Express and live messages that wait for the handler, and express copies handled ahead of their turn. */
  maxUrgent: 256,
} as const;
