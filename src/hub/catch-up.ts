/** A page of the log of everyone, taken into the stream of one user like any delivery. */
import type { LogPage, LogSeq } from "../everyone/calls.ts";
import type { DeadRecord } from "../lanes/dead-record.ts";
import { isDead } from "../lanes/settle.ts";
import type { Deliver } from "../protocol/delivery.ts";
import type { UserId } from "../protocol/ids.ts";

export interface CatchingUp extends Deliver {
  readonly id: UserId;
  now(): number;
  /** Makes dead letters; resolves when they are durable. */
  bury(records: readonly DeadRecord[]): Promise<void>;
  /** The user has the log up to there. */
  saw(upTo: LogSeq): void;
}

/**
 * Commits what is on the page, buries what is refused as the lanes would, and only then moves on: cut off
 * anywhere, the page is read again, and what was done is known by its ids.
 */
export async function takePage({ entries, upTo }: LogPage, user: CatchingUp): Promise<void> {
  const messages = entries.map(({ message }) => message);
  const { verdicts } = messages.length === 0 ? { verdicts: [] } : await user.deliver(messages);
  const death = { users: [user.id], attempts: 1, error: "", at: user.now() };
  const dead = verdicts.flatMap(({ verdict }, index): DeadRecord[] => {
    const message = messages[index];
    return message !== undefined && isDead(verdict) ? [{ message, reason: verdict, ...death }] : [];
  });
  if (dead.length > 0) await user.bury(dead);
  user.saw(upTo);
}
