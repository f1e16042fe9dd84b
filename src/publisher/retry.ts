/** Whether to try a request again, when, and what is known of it afterwards. Pure. */
import { HubError, type NoAnswerError } from "./hub-error.ts";
import { publisherLimits } from "./limits.ts";

/** Why a try failed. */
export type Failure = HubError | NoAnswerError;

/** Whether the same request may fare better later: nobody answered, too many requests (429), or the hub failed (5xx). */
export function isPassing(failure: Failure): boolean {
  return !(failure instanceof HubError) || failure.status === 429 || failure.status >= 500;
}

/**
 * Whether it is certain that nothing was accepted: redirects and 4xx come before anything is. 5xx may leave a
 * part accepted, and so may an answer that did not arrive or can't be read.
 */
export function isRefusal(failure: Failure): boolean {
  return failure instanceof HubError && failure.status >= 300 && failure.status < 500;
}

/** Whether a chunk was refused for what it holds, so that the others may fare better. */
export function concernsContent(failure: Failure): boolean {
  return failure instanceof HubError && (failure.status === 400 || failure.status === 413);
}

/** The bound on the backoff after so many failed tries, 1 or more: 0.5 s, 1 s, 2 s, … 10 s. */
export function backoffBoundMs(failures: number): number {
  return Math.min(publisherLimits.backoffMaxMs, publisherLimits.backoffFirstMs * 2 ** (failures - 1));
}

export interface Tries {
  /** Tries that failed, the last one included. */
  readonly made: number;
  readonly allowed: number;
  /** From 0 to 1, without 1. */
  readonly random: number;
}

/**
 * Milliseconds to wait before the next try; `undefined` when there is none. Full jitter, after what the hub
 * asked for, so that those it sent away together do not come back together.
 */
export function waitMs(failure: Failure, { made, allowed, random }: Tries): number | undefined {
  if (!isPassing(failure) || made >= allowed) return undefined;
  const asked = failure instanceof HubError ? (failure.retryAfterMs ?? 0) : 0;
  if (asked > publisherLimits.maxRetryAfterMs) return undefined;
  return asked + random * backoffBoundMs(made);
}
