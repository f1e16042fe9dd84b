/** What is said to the operator when a call failed, and how long to leave the hub alone then. Pure. */
import { HubError } from "../../publisher/hub-error.ts";
import { UnreadableAnswer } from "./answers.ts";

/** One or two sentences: what was wrong, and under which id the hub's log knows it where that helps. */
export function saidOf(error: unknown): string {
  if (error instanceof UnreadableAnswer) return error.message;
  if (!(error instanceof HubError)) return "The hub gave no answer.";
  const detail = error.detail.charAt(0).toUpperCase() + error.detail.slice(1);
  const request = error.status >= 500 && error.requestId !== undefined ? `, request ${error.requestId}` : "";
  return `${detail} (${error.code}${request}).`;
}

const maxWaitMs = 60_000;

/**
 * From one look at the hub to the next.
 * @param failures in a row, after which the wait doubles each time
 */
export function nextLookMs(everyMs: number, failures: number, error?: unknown): number {
  const asked = error instanceof HubError ? (error.retryAfterMs ?? 0) : 0;
  return Math.min(maxWaitMs, Math.max(asked, everyMs * 2 ** Math.min(failures, 10)));
}
