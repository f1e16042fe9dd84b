/** What a publisher sends and what it is answered, as plain types: the same as the hub's schemas, without the library. */
import type { Priority } from "../protocol/priority.ts";

/** One user, or several; whoever is named twice gets it once. */
export type Audience = { readonly user: string } | { readonly users: readonly string[] };

interface Envelope {
  readonly to: Audience;
  /** `normal` when absent. */
  readonly priority?: Priority;
  /** Seconds until it is of no use; 7 days when absent. 0: only to who is connected now, never stored. */
  readonly ttl?: number;
  /** Of the unread messages with the same key only the newest is kept. */
  readonly collapseKey?: string;
  /** Given by the publisher, to push again without delivering twice; 8 to 64 characters. */
  readonly id?: string;
}

type Data<Shape> = undefined extends Shape ? { readonly data?: Shape } : { readonly data: Shape };

/** A message to push; its `type` says of which shape its `data` is, where the app declares `Types`. */
export type PublishMessage<Types = Readonly<Record<string, unknown>>> = {
  readonly [Type in keyof Types & string]: Envelope & { readonly type: Type } & Data<Types[Type]>;
}[keyof Types & string];

/**
 * How a critical message fared with one user, whose object was called at once.
 * - `delivered`: it is in the user's stream as `seq`, and `devices` connected devices were sent it at once; 0
 *   means that it waits for them. `duplicate`: it was in the stream before.
 * - `live`: a message with `ttl: 0`, sent to `devices` connected devices, kept for nobody.
 * - `queued`: it is still on its way. `expired`: its time was over. `gone`: the user was erased meanwhile.
 * - `dead`: it is a dead letter, for this `reason`.
 */
export type UserResult = { readonly user: string } & (
  | { readonly state: "delivered"; readonly seq: number; readonly devices: number }
  | { readonly state: "duplicate"; readonly seq: number }
  | { readonly state: "live"; readonly devices: number }
  | { readonly state: "queued" | "expired" | "gone" }
  | { readonly state: "dead"; readonly reason: string }
);

/** The hub has the message, and keeps it until every user has it or it has visibly come to its end. */
export interface Receipt {
  /** By which the state of the message can be asked for, and by which it is known when it is pushed again. */
  readonly id: string;
  /** Users that it is for. */
  readonly recipients: number;
  /** `queued`: on its way to some user still. `settled`: the object of each user has answered. */
  readonly state: "queued" | "settled";
  /** From this time on it is not delivered, in milliseconds since 1970. Absent for `ttl: 0`. */
  readonly expires?: number;
  /** In seconds: what was asked for, or the longest that is allowed if that is less. Absent if nothing was asked for. */
  readonly ttl?: number;
  /** One for each user, of a critical message to few users. */
  readonly results?: readonly UserResult[];
}

/** With it, a device of the user connects; good until `expires`, in milliseconds since 1970. */
export interface ConnectToken {
  readonly token: string;
  readonly expires: number;
}
