/** Which way each message of a publish request goes. Pure. */
import type { Addressed } from "../lanes/envelope.ts";
import type { Requested } from "../lanes/request.ts";
import { directLimits } from "../limits.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage, Crowd } from "../protocol/message.ts";

/** A message for users who are named. */
export interface Named extends Requested, Addressed {}

/** A message for a crowd. */
export interface Crowded extends Requested {
  readonly audience: Crowd;
}

export interface PublishPlan {
  /** For the objects of their users, at once. */
  readonly direct: readonly Named[];
  /** For the lanes, each with its users. */
  readonly queued: readonly Named[];
  /** For the lanes, to be fanned out there. */
  readonly crowded: readonly Crowded[];
}

/**
 * Critical messages, and the word that a message is retracted, go straight to their users, if these are few in the
 * whole request; everything else into the lanes.
 */
export function planPublish(items: readonly Requested[]): PublishPlan {
  const named: Named[] = [];
  const crowded: Crowded[] = [];
  for (const item of items) {
    const { audience } = item;
    if ("users" in audience) named.push({ ...item, users: audience.users });
    else crowded.push({ ...item, audience });
  }
  const urgent = named.filter(
    ({ message }) => message.priority === "critical" || message.retracts !== undefined,
  );
  const users = new Set(urgent.flatMap((item) => item.users));
  if (users.size > directLimits.maxUsers) return { direct: [], queued: named, crowded };
  return { direct: urgent, queued: named.filter((item) => !urgent.includes(item)), crowded };
}

/** For each user, the messages that go to the object in one call, in the order of the request. */
export function callsOf(items: readonly Addressed[]): Map<UserId, AcceptedMessage[]> {
  const calls = new Map<UserId, AcceptedMessage[]>();
  for (const { message, users } of items) {
    for (const user of users) calls.set(user, [...(calls.get(user) ?? []), message]);
  }
  return calls;
}
