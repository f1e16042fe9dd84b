/** Messages of the hub's own types, which no handler gets: what they say is told to the app by a callback each. */
import { type Digest, ownTypes, type PresenceEvent, type Withdrawal } from "../protocol/frames.ts";
import type { Message } from "./message.ts";
import { isLike } from "./shape.ts";
import { tell } from "./tell.ts";

export interface OwnCallbacks {
  /** A message is to be taken down that this device may have: it was retracted, or the user has seen to it on another device. */
  readonly onWithdrawn?: (withdrawal: Withdrawal) => void;
  /** What came silently in the quiet hours that are over now. */
  readonly onDigest?: (digest: Digest) => void;
  /** A member of a topic came or went. Both are members with `presence`. */
  readonly onPresence?: (event: PresenceEvent) => void;
}

/**
 * A type that is not known here is left aside: the hub may be newer.
 * @param device this one, which takes nothing down because it has it
 */
export function tellOwn({ type, data }: Message, callbacks: OwnCallbacks, device: string): void {
  const { onDigest, onPresence, onWithdrawn } = callbacks;
  if (type === ownTypes.withdrawn && isWithdrawal(data) && data.device !== device) tell(onWithdrawn, data);
  if (type === ownTypes.digest && isDigest(data)) tell(onDigest, data);
  if (type === ownTypes.presence && isPresenceEvent(data)) tell(onPresence, data);
}

function isWithdrawal(value: unknown): value is Withdrawal {
  return isLike(value, { id: "", reason: "", device: () => "" });
}

function isDigest(value: unknown): value is Digest {
  return isLike(value, { count: 0, ids: [""], from: 0, to: 0 });
}

function isPresenceEvent(value: unknown): value is PresenceEvent {
  return isLike(value, { topic: "", user: "", online: true, since: () => 0, asOf: 0 });
}
