/** What passes between a lane, or a direct push, and the object of a user: messages in, verdicts out. */

import type { AcceptedMessage } from "./message.ts";
import type { Seq } from "./seq.ts";

/**
 * What became of one message for one user. All are final: none of them is worth another attempt.
 * - `committed`, `duplicate`: it has this number in the stream, now or since earlier.
 * - `live`: offered to the devices connected now, nothing stored.
 * - `scheduled`: kept until its time comes, and answered for by the object from then on.
 * - `expired`: its time was over before it arrived. `gone`: the user was erased after it was accepted.
 * - `withdrawn`: it was retracted or replaced before it arrived. `offline`: it was for who is connected, and
 *   nobody is. `left`: the user is not, or no longer, a member of its topic.
 * - `inbox_full`: only critical messages are left, none may go. `id_conflict`: the id belongs to a
 *   message of other content. Both end as dead letters.
 */
export type Verdict =
  | { readonly verdict: "committed" | "duplicate"; readonly seq: Seq }
  | { readonly verdict: "live" | "scheduled" | "expired" | "gone" | "withdrawn" | "offline" | "left" }
  | { readonly verdict: DeadVerdict };

/** The verdicts that make a dead letter. */
export type DeadVerdict = "inbox_full" | "id_conflict";

export interface DeliveryResult {
  /** In the order of the messages. */
  readonly verdicts: readonly Verdict[];
  /** In the same order: how many connected devices were sent the message at once. 0 for one that was known already. */
  readonly devices: readonly number[];
}

/** The object's side of a delivery. It answers for expected outcomes and throws only for faults. */
export interface Deliver {
  deliver(messages: readonly AcceptedMessage[]): Promise<DeliveryResult>;
}
