/** What a publisher asks for, whether it is a server or a handler inside the hub. Pure. */
import type { TypedMessage } from "../define/judge.ts";
import { messageLimits, requestLimits } from "../limits.ts";
import type { Fault } from "../protocol/faults.ts";
import type { MessageId } from "../protocol/ids.ts";
import { type AcceptedMessage, type Audience, accept } from "../protocol/message.ts";

/** A message as accepted, and the `ttl` that its publisher gets: what was asked for, clipped; `undefined` if nothing was. */
export interface Requested {
  readonly message: AcceptedMessage;
  readonly audience: Audience;
  readonly ttl: number | undefined;
}

/**
 * A message as accepted now, with what its type says; `id` names it where it came without one.
 * @param within the only topics that its publisher is for, if that is so
 */
export function requested(
  { message, defaults }: TypedMessage,
  id: MessageId,
  { now, within }: { readonly now: number } & Pick<AcceptedMessage, "within">,
): Requested {
  const { to, ttl } = message;
  const accepted = accept(message, id, now, defaults);
  return {
    message: within === undefined || accepted.replaces === undefined ? accepted : { ...accepted, within },
    audience: "everyone" in to ? { everyone: to.everyone ?? defaults.reach } : to,
    ttl,
  };
}

/** What no schema sees, because it is spread over the request. @param batch whether paths say which message it is */
export function requestFaults(items: readonly Requested[], batch: boolean): Fault[] {
  const faults: Fault[] = [];
  const placeOf = (index: number, field: string) => (batch ? `messages[${index}].${field}` : field);
  const recipients = items.reduce(
    (sum, { audience }) => sum + ("users" in audience ? audience.users.length : 0),
    0,
  );
  if (recipients > requestLimits.maxRecipients) {
    faults.push({
      path: "messages",
      message: `address more than ${requestLimits.maxRecipients} users in sum`,
    });
  }
  const ids = new Set<MessageId>();
  items.forEach(({ message, audience }, index) => {
    if (ids.has(message.id)) {
      faults.push({ path: placeOf(index, "id"), message: "is the id of another message" });
    }
    ids.add(message.id);
    if (message.replaces === message.id) {
      faults.push({ path: placeOf(index, "replaces"), message: "is the message's own id" });
    }
    const { at, deliverAt = at } = message;
    if (deliverAt > at + messageLimits.maxDeliverAheadMs) {
      faults.push({ path: placeOf(index, "deliverAt"), message: "is more than 30 days ahead" });
    }
    if ("everyone" in audience && message.receipts === true) {
      faults.push({ path: placeOf(index, "receipts"), message: "can't be had of everyone" });
    }
    // By its own ttl the schema has refused it; here it is the type's.
    if (message.live && message.receipts === true) {
      faults.push({ path: placeOf(index, "receipts"), message: "can't be had of what is never stored" });
    }
  });
  return faults;
}
