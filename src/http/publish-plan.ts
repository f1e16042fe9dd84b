/** What a publish request asks for, and which way each of its messages goes. Pure. */
import type { Addressed } from "../lanes/envelope.ts";
import { directLimits, requestLimits } from "../limits.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
import { type AcceptedMessage, accept, type PublishedMessage } from "../protocol/message.ts";
import type { Fault } from "./problem.ts";

/** A message as accepted, and the `ttl` that its publisher gets: what was asked for, clipped; `undefined` if nothing was. */
export interface Requested extends Addressed {
  readonly ttl: number | undefined;
}

/** The messages as accepted now; `newId` names those that came without an id by their place in the request. */
export function request(
  messages: readonly PublishedMessage[],
  newId: (index: number) => MessageId,
  now: number,
): Requested[] {
  return messages.map((message, index) => ({
    message: accept(message, newId(index), now),
    users: message.to,
    ttl: message.ttl,
  }));
}

/** What no schema sees, because it is spread over the request. */
export function requestFaults(items: readonly Addressed[]): Fault[] {
  const faults: Fault[] = [];
  const recipients = items.reduce((sum, { users }) => sum + users.length, 0);
  if (recipients > requestLimits.maxRecipients) {
    faults.push({
      path: "messages",
      message: `address more than ${requestLimits.maxRecipients} users in sum`,
    });
  }
  const ids = new Set<MessageId>();
  items.forEach(({ message }, index) => {
    if (ids.has(message.id))
      faults.push({ path: `messages[${index}].id`, message: "is the id of another message" });
    ids.add(message.id);
  });
  return faults;
}

export interface PublishPlan {
  /** For the objects of their users, at once. */
  readonly direct: readonly Requested[];
  /** For the lanes. */
  readonly queued: readonly Requested[];
}

/** Critical messages go straight to their users, if these are few in the whole request; everything else into the lanes. */
export function planPublish(items: readonly Requested[]): PublishPlan {
  const critical = items.filter(({ message }) => message.priority === "critical");
  const users = new Set(critical.flatMap((item) => item.users));
  if (users.size > directLimits.maxUsers) return { direct: [], queued: items };
  return { direct: critical, queued: items.filter((item) => !critical.includes(item)) };
}

/** For each user, the messages that go to the object in one call, in the order of the request. */
export function callsOf(items: readonly Addressed[]): Map<UserId, AcceptedMessage[]> {
  const calls = new Map<UserId, AcceptedMessage[]>();
  for (const { message, users } of items) {
    for (const user of users) calls.set(user, [...(calls.get(user) ?? []), message]);
  }
  return calls;
}
