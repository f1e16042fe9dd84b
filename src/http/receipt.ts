/** What a publisher is told about a message that was accepted. Pure. */
import type { Requested } from "../lanes/request.ts";
import type { DeadVerdict, Verdict } from "../protocol/delivery.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
import type { Seq } from "../protocol/seq.ts";

/**
 * How a critical message fared with one user, whose object was called at once.
 * - `delivered`: it is in the user's stream as `seq`, and `devices` connected devices were sent it at once; 0
 *   means that it waits for them. `duplicate`: it was in the stream before.
 * - `live`: a message with `ttl: 0`, sent to `devices` connected devices, kept for nobody.
 * - `queued`: the object did not answer in time; the critical lane brings it.
 * - `scheduled`: the object keeps it until its time comes.
 * - `expired`: its time was over. `gone`: the user was erased meanwhile. `withdrawn`: it was retracted or
 *   replaced before it came.
 * - `dead`: it is a dead letter, for this `reason`.
 */
export type Result = { readonly user: UserId } & (
  | { readonly state: "delivered"; readonly seq: Seq; readonly devices: number }
  | { readonly state: "duplicate"; readonly seq: Seq }
  | { readonly state: "live"; readonly devices: number }
  | {
      readonly state:
        | "queued"
        | Exclude<Verdict["verdict"], "committed" | "duplicate" | "live" | DeadVerdict>;
    }
  | { readonly state: "dead"; readonly reason: DeadVerdict }
);

/** The answer for one message; the answer to a batch is `{ messages: Receipt[] }`, in the order of the request. */
export interface Receipt {
  /** By which the state of the message can be asked for, and by which it is known when published again. */
  readonly id: MessageId;
  /** Users that it is for, duplicates merged. Absent for a topic and for everyone, who are counted as it is fanned out. */
  readonly recipients?: number;
  /** `queued`: durable, and on its way to some user still. `settled`: the object of each user has answered. */
  readonly state: "queued" | "settled";
  /** From this time on it is not delivered, in milliseconds since 1970. Absent for `ttl: 0`. */
  readonly expires?: number;
  /** In seconds: what was asked for, or the longest that is allowed if that is less. Absent if nothing was asked for. */
  readonly ttl?: number;
  /** One for each user, where the objects were called at once: critical messages to few users. */
  readonly results?: readonly Result[];
}

/** The object's answer for one message of a call. */
export interface Answer {
  readonly verdict: Verdict;
  readonly devices: number;
}

/** @param answer `undefined` where the object gave none */
export function resultOf(user: UserId, answer: Answer | undefined): Result {
  if (answer === undefined) return { user, state: "queued" };
  const { verdict, devices } = answer;
  switch (verdict.verdict) {
    case "committed":
      return { user, state: "delivered", seq: verdict.seq, devices };
    case "duplicate":
      return { user, state: "duplicate", seq: verdict.seq };
    case "live":
      return { user, state: "live", devices };
    case "scheduled":
    case "expired":
    case "gone":
    case "withdrawn":
    case "offline":
    case "left":
      return { user, state: verdict.verdict };
    case "inbox_full":
    case "id_conflict":
      return { user, state: "dead", reason: verdict.verdict };
  }
}

/** @param results of the users whose objects were called; absent for a message that went into its lane */
export function receiptOf({ message, audience, ttl }: Requested, results?: readonly Result[]): Receipt {
  const settled = results?.every(({ state }) => state !== "queued") ?? false;
  return {
    id: message.id,
    ...("users" in audience ? { recipients: audience.users.length } : {}),
    state: settled ? "settled" : "queued",
    ...(message.live ? {} : { expires: message.expires }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(results === undefined ? {} : { results }),
  };
}
