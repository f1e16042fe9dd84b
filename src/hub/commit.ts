/**
 * The rules by which a message enters a user's stream, or does not, and what it takes out of it. Pure: the
 * object collects the facts and carries out what is decided; so do the simulator and the tests.
 */

import { reasonOf } from "../lanes/withdrawal.ts";
import type { Verdict } from "../protocol/delivery.ts";
import type { GoneReason } from "../protocol/frames.ts";
import type { MessageId, MessageType } from "../protocol/ids.ts";
import { type AcceptedMessage, ownTypePrefix } from "../protocol/message.ts";
import { type Priority, priorityRank } from "../protocol/priority.ts";
import type { Seq } from "../protocol/seq.ts";

/**
 * Whether a row is the hub's own word to devices. Such rows are never unread and on no page of the inbox. They
 * take no place of it either, so that none is evicted for them or one of them for anything: each stands
 * for a message that gave up its place, but for a digest, of which there is one a day.
 */
export function isOwn(type: MessageType): boolean {
  return type.startsWith(ownTypePrefix);
}

/** What is known of an id before its message is committed. */
export interface IdFacts {
  /** The message that has the id already, and whether it says the same. */
  readonly known: { readonly seq: Seq; readonly same: boolean } | undefined;
  /** Whether the id was retracted or replaced before its message came. */
  readonly barred: boolean;
  /** When the user was erased; 0 if never. */
  readonly erasedAt: number;
}

/**
 * Where a message is that another one retracts or replaces: its number, or that it has not come. `left`: it is delivered no
 * more (it expired, or was handled, collapsed or evicted), but devices may show it. `gone`: no device is to be told of it, or all were.
 */
export type Place = Seq | "left" | "gone" | "unknown";

/** What the commit of one message depends on. */
export interface CommitFacts extends IdFacts {
  readonly head: Seq;
  /** Messages stored, without those that are gone. */
  readonly stored: number;
  /** Unread messages of the same collapse key. */
  readonly superseded: readonly Seq[];
  /** The least urgent, then oldest of the stored messages that are not critical. Needed only at the cap. */
  readonly weakest: { readonly seq: Seq; readonly priority: Priority } | undefined;
  /** The message that this one retracts or replaces. */
  readonly target: { readonly id: MessageId; readonly place: Place } | undefined;
}

/** A number that a commit takes out of delivery. */
export interface Removal {
  readonly seq: Seq;
  readonly reason: Exclude<GoneReason, "expired">;
}

/** A message that was delivered no more already: from now on for this reason, so that a second word of it is none. */
export interface Retold {
  readonly id: MessageId;
  readonly reason: Removal["reason"];
}

export type Commit =
  | {
      readonly verdict: Exclude<Verdict, { verdict: "committed" }>;
      /** A number that goes although nothing comes in its place: devices are to be told by a row of its own. */
      readonly takenDown?: Removal;
      readonly bars?: MessageId;
    }
  | {
      readonly verdict: { readonly verdict: "committed"; readonly seq: Seq };
      readonly withdrawn: readonly Removal[];
      readonly retold?: Retold;
      /** An id whose message must not be committed when it comes. */
      readonly bars?: MessageId;
    };

/** What is known already of a message; `undefined` if it is news. */
export function recall(
  message: AcceptedMessage,
  { known, barred, erasedAt }: IdFacts,
): Exclude<Verdict, { verdict: "committed" }> | undefined {
  if (message.at <= erasedAt) return { verdict: "gone" };
  if (known !== undefined) {
    return known.same ? { verdict: "duplicate", seq: known.seq } : { verdict: "id_conflict" };
  }
  return barred ? { verdict: "withdrawn" } : undefined;
}

/**
 * What becomes of a message whose time has not come.
 * @param waiting how many wait already, of at most `maxScheduled`
 */
export function schedule(
  message: AcceptedMessage,
  { waiting, ...facts }: IdFacts & { readonly waiting: number },
  maxScheduled: number,
): Verdict {
  const recalled = recall(message, facts);
  if (recalled !== undefined) return recalled;
  return { verdict: waiting >= maxScheduled ? "inbox_full" : "scheduled" };
}

/** What becomes of a stored message. The withdrawn numbers may include the new one, where it is itself the weakest. */
export function commit(message: AcceptedMessage, facts: CommitFacts, now: number, maxStored: number): Commit {
  const { target } = facts;
  const recalled = recall(message, facts);
  const bars = target?.place === "unknown" ? { bars: target.id } : {};
  const aimed: readonly Removal[] =
    typeof target?.place === "number" ? [{ seq: target.place, reason: reasonOf(message) }] : [];
  const over = recalled ?? (message.expires <= now ? ({ verdict: "expired" } as const) : undefined);
  if (over !== undefined) {
    if (over.verdict !== "withdrawn" && over.verdict !== "expired") return { verdict: over };
    // What it replaces it would have replaced, had it come in time.
    const [takenDown] = aimed;
    return { verdict: over, ...bars, ...(takenDown === undefined ? {} : { takenDown }) };
  }
  // No device shows it, or those that do have been told.
  if (message.retracts !== undefined && aimed.length === 0 && target?.place !== "left") {
    return { verdict: { verdict: "withdrawn" }, ...bars };
  }

  const seq = facts.head + 1;
  const superseded = facts.superseded.filter((old) => old !== target?.place);
  const withdrawn: Removal[] = [
    ...aimed,
    ...superseded.map((old): Removal => ({ seq: old, reason: "collapsed" })),
  ];
  if (!isOwn(message.type) && facts.stored - withdrawn.length >= maxStored) {
    if (facts.weakest === undefined) return { verdict: { verdict: "inbox_full" } };
    const newIsWeaker = priorityRank[message.priority] > priorityRank[facts.weakest.priority];
    withdrawn.push({ seq: newIsWeaker ? seq : facts.weakest.seq, reason: "evicted" });
  }
  const retold =
    message.retracts !== undefined && target?.place === "left"
      ? { retold: { id: target.id, reason: reasonOf(message) } }
      : {};
  return { verdict: { verdict: "committed", seq }, withdrawn, ...retold, ...bars };
}
