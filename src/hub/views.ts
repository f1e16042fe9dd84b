/** What the object of a user tells about itself: the answers of its calls other than delivery. All times in milliseconds since 1970. */
import { z } from "zod";
import { requestLimits } from "../limits.ts";
import type { GoneReason, StreamMessage } from "../protocol/frames.ts";
import { type DeviceId, type MessageId, messageId } from "../protocol/ids.ts";
import type { Seq } from "../protocol/seq.ts";

/** A page of the inbox, newest first. */
export interface InboxQuery {
  /** Only numbers below this one. */
  readonly before?: Seq;
  readonly limit: number;
  readonly unread: boolean;
}

export interface InboxMessage extends Omit<StreamMessage, "data"> {
  /** `data` as JSON text. */
  readonly body: string;
  readonly read: boolean;
}

export interface InboxPage {
  readonly messages: readonly InboxMessage[];
  /** The `before` of the next page; absent on the last. */
  readonly next?: Seq;
  readonly state: ReadState;
}

/** What to mark as read: these, or everything up to a number. */
export const readRequest = z.union([
  z.strictObject({ ids: z.array(messageId).min(1).max(requestLimits.maxReadIds) }),
  z.strictObject({ upTo: z.int().min(0) }),
]);
export type ReadRequest = z.infer<typeof readRequest>;

export interface ReadState {
  readonly unread: number;
  readonly readUpTo: Seq;
  readonly rev: number;
}

/** How a connection stands: everything acknowledged, on its way, or stopped by a full window. */
export type ConnectionState = "live" | "syncing" | "stalled";

export interface ConnectionView {
  readonly connection: string;
  readonly since: number;
  readonly state: ConnectionState;
  readonly sent: Seq;
  readonly inFlight: number;
}

export interface DeviceView {
  readonly device: DeviceId;
  readonly online: boolean;
  readonly lastSeen: number;
  /** The last number that the device acknowledged. */
  readonly cursor: Seq;
  readonly connection?: ConnectionView;
}

export interface Presence {
  readonly online: boolean;
  /** Since when; absent while offline. */
  readonly since?: number;
  readonly head: Seq;
  readonly unread: number;
  readonly devices: readonly DeviceView[];
}

/** What is known of one message of a user. */
export interface MessageState {
  readonly id: MessageId;
  readonly seq: Seq;
  readonly state: "stored" | "read" | GoneReason;
  readonly at: number;
  readonly expires: number;
  /** Devices that acknowledged it while it was there, and when they had at the latest. */
  readonly delivered: readonly { readonly device: DeviceId; readonly at: number }[];
}

/** The calls of a user's object that the API makes, besides delivery. */
export interface UserHubCalls {
  inbox(query: InboxQuery): Promise<InboxPage>;
  read(request: ReadRequest): Promise<ReadState>;
  presence(): Promise<Presence>;
  /** `undefined` where the id is not, or no longer, known. */
  messageState(id: MessageId): Promise<MessageState | undefined>;
  /** Whether a token that was issued then is still good: whether none was revoked since. */
  admits(issued: number): Promise<boolean>;
  /** Closes every connection; with `revoke`, tokens issued until now are refused from now on. */
  disconnect(revoke: boolean): Promise<{ readonly closed: number }>;
  /** Removes all that is held of the user, and remembers only that it was done. */
  erase(): Promise<{ readonly erased: number }>;
}
