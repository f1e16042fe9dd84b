/** What a publisher sends and what it is answered, as plain types: the same as the hub's schemas, without the library. */
import type { Priority } from "../protocol/priority.ts";

/**
 * One user, or several, of whom whoever is named twice gets it once; the members of a topic; everyone.
 * `audience` is `"online"`, who is connected now, or `"all"`, those too who come back later; where it is absent, the
 * type of the message says, and otherwise it is `"online"`.
 */
export type Audience =
  | { readonly user: string }
  | { readonly users: readonly string[] }
  | { readonly topic: string }
  | { readonly everyone: true; readonly audience?: "online" | "all" };

interface Envelope {
  readonly to: Audience;
  /** As the type of the message says, or `normal`, when absent. */
  readonly priority?: Priority;
  /** Seconds until it is of no use, counted from `deliverAt` on; 7 days when absent. 0: only to who is connected now, never stored. */
  readonly ttl?: number;
  /** Of the unread messages with the same key only the newest is kept. */
  readonly collapseKey?: string;
  /** What it is about; users may mute it. `security` passes always. */
  readonly category?: string;
  /** Given by the publisher, to push again without delivering twice; 8 to 64 characters. */
  readonly id?: string;
  /** When to deliver it, up to 30 days ahead: a date, or milliseconds since 1970. At once when absent, or when it has passed. */
  readonly deliverAt?: number | Date;
  /** Once one device has acknowledged it, or the user has read it, the other devices are told to take it down. */
  readonly cancelOn?: "ack" | "read";
  /** The id of an earlier message to the same audience, in whose place this one comes. */
  readonly replaces?: string;
  /** Whether the hub tells its receipt webhook what becomes of it. */
  readonly receipts?: boolean;
}

type Data<Shape> = undefined extends Shape ? { readonly data?: Shape } : { readonly data: Shape };

/** A message to push; its `type` says of which shape its `data` is, where the app declares `Types`. */
export type PublishMessage<Types = Readonly<Record<string, unknown>>> = {
  readonly [Type in keyof Types & string]: Envelope & { readonly type: Type } & Data<Types[Type]>;
}[keyof Types & string];

/**
 * The message as the hub takes it.
 * @throws {TypeError} for a date that is none
 */
export function messageText(message: PublishMessage): string {
  const { deliverAt } = message;
  if (deliverAt === undefined) return JSON.stringify(message);
  const due = Number(deliverAt);
  // JSON would make it null.
  if (Number.isNaN(due)) throw new TypeError("deliverAt must be a date, or milliseconds since 1970");
  return JSON.stringify({ ...message, deliverAt: due });
}

/**
 * How a critical message fared with one user, whose object was called at once.
 * - `delivered`: it is in the user's stream as `seq`, and `devices` connected devices were sent it at once; 0
 *   means that it waits for them. `duplicate`: it was in the stream before.
 * - `live`: a message with `ttl: 0`, sent to `devices` connected devices, kept for nobody.
 * - `queued`: it is still on its way. `scheduled`: it is kept until its time comes.
 * - `expired`: its time was over. `gone`: the user was erased meanwhile. `withdrawn`: it was retracted or
 *   replaced before it came; of a retraction, that nothing is left to be taken down.
 * - `offline`: it was for who is connected. `left`: the user is no member of its topic.
 * - `dead`: it is a dead letter, for this `reason`.
 */
export type UserResult = { readonly user: string } & (
  | { readonly state: "delivered"; readonly seq: number; readonly devices: number }
  | { readonly state: "duplicate"; readonly seq: number }
  | { readonly state: "live"; readonly devices: number }
  | { readonly state: "queued" | "scheduled" | "expired" | "gone" | "withdrawn" | "offline" | "left" }
  | { readonly state: "dead"; readonly reason: string }
);

/** The hub has the message, and keeps it until every user has it or it has visibly come to its end. */
export interface Receipt {
  /** By which the state of the message can be asked for, and by which it is known when it is pushed again. */
  readonly id: string;
  /** Users that it is for. Absent for a topic and for everyone, who are counted while it is sent. */
  readonly recipients?: number;
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

/** A member of a topic. */
export interface Member {
  readonly user: string;
  /** Whether the members who opted in see when this one comes and goes, and the other way round. */
  readonly presence: boolean;
}

/** What came of a change, beside those for whom it is done. */
export interface MembersChange {
  /** For whom it is done, and the topic will hear of it in a moment. */
  readonly pending: readonly string[];
  /**
   * For whom it is not: `limit`, the user is in as many topics as one may be in; `unavailable`, the user's
   * object gave no answer, however often it was asked.
   */
  readonly failed: readonly { readonly user: string; readonly reason: string }[];
}

/**
 * Whether a user is online, as the hub knew it for certain at `asOf`: a device that vanished without a word counts for
 * a while. `unknown`: what should know it did not answer. Times in milliseconds since 1970.
 */
export type UserPresence = { readonly user: string } & (
  | { readonly online: true; readonly since: number; readonly asOf: number }
  | { readonly online: false }
  | { readonly online?: never; readonly unknown: true }
);
