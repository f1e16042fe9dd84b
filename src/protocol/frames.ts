/**
 * The frames of `hubbub.v1`: JSON text, one object a frame. What the hub sends are plain types; what
 * clients send comes from outside and is parsed by a schema in `client-frames.ts`. Ids are plain text here:
 * their brands (`ids.ts`) say that the hub has checked them, which a client can't.
 */

import type { Priority } from "./priority.ts";
import type { Epoch, Seq } from "./seq.ts";

/** The subprotocol that the hub selects. */
export const subprotocol = "hubbub.v1";
/** A subprotocol offered as `bearer.<token>` carries the connect token, since browsers can't set headers. */
export const bearerPrefix = "bearer.";
/** Text that the runtime answers with {@link pongText} without waking the object. */
export const pingText = "ping";
export const pongText = "pong";

/** Types that begin so are the hub's own; nobody publishes them. */
export const ownTypePrefix = "hubbub.";
/** The hub's own types; their `data` are {@link Withdrawal}, {@link Digest} and {@link PresenceEvent}. */
export const ownTypes = {
  withdrawn: `${ownTypePrefix}withdrawn`,
  digest: `${ownTypePrefix}digest`,
  presence: `${ownTypePrefix}presence`,
} as const;

/** Why numbers of the stream will not be delivered. */
export const goneReasons = ["expired", "evicted", "collapsed", "retracted", "replaced", "handled"] as const;
export type GoneReason = (typeof goneReasons)[number];

/** A message as a device gets it. Times are milliseconds since 1970. */
export interface LiveMessage {
  readonly id: string;
  readonly type: string;
  readonly priority: Priority;
  /** When the hub accepted it. */
  readonly at: number;
  readonly data: unknown;
  /** The topic by which it came. */
  readonly topic?: string;
}

/** A message with its place in the user's stream. */
export interface StreamMessage extends LiveMessage {
  readonly seq: Seq;
  /** From this time on it is not delivered any more. */
  readonly expires: number;
  /** The message that this one stands for from now on. */
  readonly replaces?: string;
  /** The user does not want to be disturbed by it. */
  readonly silent?: true;
}

/** In the stream: a message that devices may have, and are to take down. */
export interface Withdrawal {
  readonly id: string;
  readonly reason: GoneReason;
  /** The device that has seen to it for all, where that is known; it keeps what it has. */
  readonly device?: string;
}

/** In the stream: what came silently from one time to another, while the user was not to be disturbed. */
export interface Digest {
  readonly count: number;
  /** The newest of them, up to 100. */
  readonly ids: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** Live only, to members of a topic who opted in: whether another member is online. */
export interface PresenceEvent {
  readonly topic: string;
  readonly user: string;
  readonly online: boolean;
  /** Since when; absent while offline. */
  readonly since?: number;
  /** When this was so; an event of an earlier time is out of date. */
  readonly asOf: number;
}

/** Why a connection starts from the beginning of what is kept: nothing was asked for, or numbers of another epoch. */
export type ResetReason = "new" | "epoch" | "storage";

export interface WelcomeFrame {
  readonly type: "welcome";
  readonly connection: string;
  readonly device: string;
  readonly epoch: Epoch;
  /** The last number given. */
  readonly head: Seq;
  /** The lowest number that can still be replayed, minus 1. */
  readonly floor: Seq;
  /** Delivery starts after this number. */
  readonly from: Seq;
  /** Whether `from` is what the client asked for. */
  readonly resumed: boolean;
  readonly reason?: ResetReason;
  readonly window: { readonly messages: number; readonly bytes: number };
  /** Milliseconds of silence after which the client pings. */
  readonly heartbeat: number;
  /** Milliseconds over which reconnects are spread. */
  readonly spread: number;
  /** When the token expires. */
  readonly expires: number;
  readonly unread: number;
  /** As in a {@link StateFrame}: a device sees whether anything was read while it was away. */
  readonly readUpTo: Seq;
  readonly rev: number;
}

export interface MessagesFrame {
  readonly type: "messages";
  readonly messages: readonly StreamMessage[];
  /** Of the whole inbox, as of now. */
  readonly unread: number;
}

export interface ExpressFrame {
  readonly type: "express";
  readonly message: StreamMessage;
}

export interface GapFrame {
  readonly type: "gap";
  readonly from: Seq;
  readonly to: Seq;
  /** Of the last of them; those before may be gone for another reason. Of the long gone it is `expired`. */
  readonly reason: GoneReason;
}

export interface LiveFrame {
  readonly type: "live";
  readonly message: LiveMessage;
}

export interface StateFrame {
  readonly type: "state";
  readonly unread: number;
  /** Everything up to this number is read. */
  readonly readUpTo: Seq;
  /** Rises with each change, so that an older state is told from a newer one. */
  readonly rev: number;
  /** What was marked just now, where it was marked singly, by up to 100 ids. */
  readonly ids?: readonly string[];
}

export interface OkFrame {
  readonly type: "ok";
  readonly ref: string;
  /** What the handler of a `send` answered, if anything. */
  readonly data?: unknown;
}

export const frameErrors = [
  "bad_json",
  "bad_frame",
  "invalid_utf8",
  "unknown_type",
  "bad_ack",
  "too_many",
  "forbidden",
  "token_invalid",
  "limit",
  "unknown_name",
  "bad_data",
  "timeout",
  "failed",
  "internal",
] as const;
export type FrameError = (typeof frameErrors)[number];

export interface ErrorFrame {
  readonly type: "error";
  readonly ref?: string;
  readonly code: FrameError;
  readonly message: string;
}

export interface ReauthFrame {
  readonly type: "reauth";
  readonly expires: number;
}

export interface ByeFrame {
  readonly type: "bye";
  readonly code: number;
  readonly reason: string;
  /** Milliseconds to wait before the next try. */
  readonly retryAfter?: number;
}

export type ServerFrame =
  | WelcomeFrame
  | MessagesFrame
  | ExpressFrame
  | GapFrame
  | LiveFrame
  | StateFrame
  | OkFrame
  | ErrorFrame
  | ReauthFrame
  | ByeFrame;
