/**
 * What becomes of a queue message after its deliveries: acknowledged, tried again, or dead. Pure, and
 * the same function for the consumer and the simulator. Nothing that has no final verdict is ever let go.
 */
import { laneLimits } from "../limits.ts";
import type { DeadVerdict, Verdict } from "../protocol/delivery.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Priority } from "../protocol/priority.ts";
import { backoffSeconds } from "./backoff.ts";
import type { DeadMessage, DeadReason, DeadRecord } from "./dead-record.ts";
import type { Addressed, Envelope, Unreadable } from "./envelope.ts";
import type { Stepped } from "./fan-out.ts";

/** A delivery that got no verdict: the object could not be reached, threw, or took too long. */
export interface Failure {
  readonly failure: string;
  /** The object asked for rest. */
  readonly overloaded: boolean;
}

export type Outcome = Verdict | Failure;

export interface Settlement {
  /** To be sent to the dead lane, before {@link next}. */
  readonly dead: readonly DeadRecord[];
  /**
   * - `ack`: every recipient is accounted for.
   * - `retry`: nothing got through; the queue message itself comes again.
   * - `requeue`: the rest goes into the lane as a new message, then this one is acknowledged.
   * - `send`: what a step of a job sends goes into the lane in one send, then this one is acknowledged.
   */
  readonly next:
    | { readonly do: "ack" }
    | { readonly do: "retry"; readonly delaySeconds: number }
    | { readonly do: "requeue"; readonly envelope: Envelope; readonly delaySeconds: number }
    | { readonly do: "send"; readonly texts: readonly string[]; readonly delaySeconds: number };
}

/** The circumstances of a decision. `random` in [0, 1). */
export interface Circumstances {
  /** The number of this attempt, from 1: `envelope.attempt` plus the times that the queue handed the message out. */
  readonly attempt: number;
  readonly now: number;
  readonly random: number;
}

/** Whether a verdict makes a dead letter. */
export function isDead(verdict: Verdict["verdict"]): verdict is DeadVerdict {
  return verdict === "inbox_full" || verdict === "id_conflict";
}

/** Settles an envelope, given what happened for each item and user. */
export function settle(
  envelope: Envelope,
  outcomeOf: (item: Addressed, user: UserId) => Outcome,
  { attempt, now, random }: Circumstances,
): Settlement {
  const dead: DeadRecord[] = [];
  const rest: Addressed[] = [];
  const exhausted = attempt >= laneLimits.maxAttempts;
  let overloaded = false;
  let untouched = true;

  for (const item of envelope.items) {
    const failed: UserId[] = [];
    // Users that share a fate share a record.
    const fates = new Map<string, { reason: DeadReason; error: string; users: UserId[] }>();
    const bury = (user: UserId, reason: DeadReason, error: string) => {
      const fate = fates.get(`${reason} ${error}`) ?? { reason, error, users: [] };
      fates.set(`${reason} ${error}`, fate);
      fate.users.push(user);
    };
    for (const user of item.users) {
      const outcome = outcomeOf(item, user);
      if ("verdict" in outcome) {
        untouched = false;
        if (isDead(outcome.verdict)) bury(user, outcome.verdict, "");
      } else if (exhausted) {
        bury(user, "attempts_exhausted", outcome.failure);
      } else {
        failed.push(user);
        overloaded ||= outcome.overloaded;
      }
    }
    if (failed.length > 0) rest.push({ message: item.message, users: failed });
    for (const fate of fates.values()) {
      const told = fate.reason === "id_conflict" && isForCrowd(item.message) ? forAll(fate) : fate;
      dead.push({ ...told, message: item.message, attempts: attempt, at: now });
    }
  }

  if (rest.length === 0) return { dead, next: { do: "ack" } };
  const delaySeconds = backoffSeconds(attempt, random, overloaded);
  if (untouched) return { dead, next: { do: "retry", delaySeconds } };
  return { dead, next: { do: "requeue", envelope: { attempt, items: rest }, delaySeconds } };
}

function isForCrowd({ topic, onlineOnly, logSeq }: AcceptedMessage): boolean {
  return topic !== undefined || onlineOnly === true || logSeq !== undefined;
}

/** One user's fate in place of that of many: of what no redrive can bring, the members of a crowd need no letter each. */
function forAll<Fate extends Pick<DeadMessage, "users" | "error">>(fate: Fate): Fate {
  const more = fate.users.length - 1;
  return more === 0
    ? fate
    : { ...fate, users: fate.users.slice(0, 1), error: `and for ${more} more users of the same crowd` };
}

/** Settles a text that can't be read: poison is dead at once, a newer version may meet a newer consumer first. */
export function settleUnreadable(
  { kind, error }: Unreadable,
  raw: string,
  lane: Priority,
  { attempt, now, random }: Circumstances,
): Settlement {
  if (kind === "unknown_version" && attempt < laneLimits.maxAttempts) {
    return { dead: [], next: { do: "retry", delaySeconds: backoffSeconds(attempt, random) } };
  }
  return { dead: [{ reason: kind, attempts: attempt, error, at: now, lane, raw }], next: { do: "ack" } };
}

/**
 * Settles a job by what became of its step. One that failed comes again itself, since nothing of it was
 * sent; a dead one is kept as the text that it is, so that a redrive goes on where it stood.
 */
export function settleStep(
  stepped: Stepped | Failure,
  raw: string,
  lane: Priority,
  { attempt, now, random }: Circumstances,
): Settlement {
  if ("failure" in stepped) {
    const { failure: error, overloaded } = stepped;
    if (attempt < laneLimits.maxAttempts) {
      return { dead: [], next: { do: "retry", delaySeconds: backoffSeconds(attempt, random, overloaded) } };
    }
    const death = { reason: "attempts_exhausted", attempts: attempt, error, at: now } as const;
    return { dead: [{ ...death, lane, raw }], next: { do: "ack" } };
  }
  if (stepped.do !== "send" || stepped.sending.texts.length === 0) return { dead: [], next: { do: "ack" } };
  const { texts, delaySeconds } = stepped.sending;
  return { dead: [], next: { do: "send", texts, delaySeconds } };
}
