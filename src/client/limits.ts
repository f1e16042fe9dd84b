/**
 * The client's own numbers, with their reasons. They stand apart from the hub's limits so that a browser
 * loads no others. Times in milliseconds.
 */

/** How long an acknowledgement waits for more to acknowledge; a frame for each message would double the traffic. */
export const ackDelayMs = 200;

/** Handled messages that do not wait any longer: a quarter of the hub's window, so that it never runs dry. */
export const ackMessages = 16;

/** From asking for a token to the `welcome`; a slow phone network needs several seconds for TLS alone. */
export const connectTimeoutMs = 15_000;

/** Without a sign of life after a ping. */
export const pongTimeoutMs = 10_000;

/** Backoff: full jitter below this, doubling … */
export const backoffFirstMs = 500;

/** … up to this. */
export const backoffMaxMs = 30_000;

/** A connection that was live for this long makes the next failure a first one again. */
export const settledMs = 60_000;

/** Tries of a handler before its message is passed over, and of a request that gets no answer. */
export const tries = 3;

/** How long a token that the hub refused is not shown again: a fleet that holds a rotated key must not become a flood. */
export const refusedTokenMs = 600_000;

/** A token that is used for a request must still be good for this long. */
export const tokenSpareMs = 60_000;

/** Ids that are marked as read in one request; what the hub takes. */
export const markedIds = 1_000;

/** Ids of handled messages that are kept. More than are in flight at once, so that a renumbered stream repeats nothing. */
export const recentIds = 256;

/** Express and live messages that wait for the handler, and express copies handled ahead of their turn. */
export const maxUrgent = 256;

/** What a tab keeps of the stream for tabs that come later: four times the hub's window. */
export const heldForTabs = 256;

/** A tab that has not acknowledged for so long, while others have, holds the connection up no more. */
export const tabPatienceMs = 10_000;

/** A leader that the hub refused stays in office for so long: until the other tabs have heard of it, and do not ask in vain. */
export const refusalMs = 1_000;
