/**
 * When the shards of everyone must be told that a user is online or gone. Pure. A registration is a
 * lease: taken when the first device comes, renewed by traffic and never by a timer, given back when the last
 * device goes.
 */
import { z } from "zod";
import { everyoneLimits } from "../limits.ts";

/** What is remembered, with each connection, of the user's registration: under which shard count, and when it was last renewed. */
export const lease = z.object({ shards: z.number(), at: z.number() });
export type Lease = Readonly<z.infer<typeof lease>>;

export interface Attending {
  /** Whether any device is connected. */
  readonly online: boolean;
  /** Absent while no registration is known to stand. */
  readonly lease: Lease | undefined;
  /** The counts under which the user may be registered, those included that a call may or may not have reached. */
  readonly registered: ReadonlySet<number>;
  /** Of the log of everyone: what the user has, and what there is as far as is known. */
  readonly seen: number;
  readonly head: number;
  /** Not to be told again before that, since the last call failed. Going is told at once. */
  readonly retryAt: number;
}

/** `went`, `came`: call the user's shard of that count. `read`: take a page of the log. */
export type LeaseStep =
  | { readonly kind: "went" | "came"; readonly shards: number }
  | { readonly kind: "read" };

/** What to do next, if anything: called again after each step, with what is so then. */
export function nextStep(
  { online, lease, registered, seen, head, retryAt }: Attending,
  shards: number,
  now: number,
): LeaseStep | undefined {
  const stands = lease?.shards === shards;
  if (online && now >= retryAt) {
    if (!stands || now - lease.at >= everyoneLimits.renewAfterMs) return { kind: "came", shards };
    if (seen < head) return { kind: "read" };
  }
  // Under another count the user stays until its lease there ends: a message that is on its way to the shards
  // of that count does not come to those of this one.
  const [left] = online ? [] : registered;
  return left === undefined ? undefined : { kind: "went", shards: left };
}
