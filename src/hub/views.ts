/** What the object of a user tells about itself: the answers of its calls other than delivery. All times in milliseconds since 1970. */
import { z } from "zod";
import { requestLimits } from "../limits.ts";
import type { GoneReason, StreamMessage } from "../protocol/frames.ts";
import { type DeviceId, type MessageId, messageId } from "../protocol/ids.ts";
import type { UserPreferences } from "../protocol/preferences.ts";
import type { Seq } from "../protocol/seq.ts";
import type { Handled, HandlerCall } from "./handling.ts";
import type { TopicChange, TopicOutcome, TopicView } from "./memberships.ts";

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

/** How far a message got on one device, and when it was acknowledged at the latest. */
export interface MessageDevice {
  readonly device: DeviceId;
  readonly state: "sent" | "acknowledged";
  readonly at?: number;
}

/** What is known of one message of a user. */
export interface MessageState {
  readonly id: MessageId;
  /** Absent while it waits for its time, and where it was retracted or replaced before it came. */
  readonly seq?: Seq;
  /**
   * - `scheduled`: it waits for `deliverAt`. `stored`: no device has it yet, as far as is known.
   * - `sent`: a connected device was sent it. `acknowledged`: a device has it. `read`: it was read.
   * - otherwise why it is not delivered any more.
   */
  readonly state: "scheduled" | "stored" | "sent" | "acknowledged" | "read" | GoneReason;
  /** When it was accepted; of one that never came, when it was withdrawn. */
  readonly at: number;
  /** Absent for one that never came. */
  readonly expires?: number;
  readonly deliverAt?: number;
  /** Devices that have it, or are being sent it. Of those that are away it is not known whether they were. */
  readonly devices: readonly MessageDevice[];
  /** Devices that acknowledged it while it was there, and when they had at the latest. */
  readonly delivered: readonly { readonly device: DeviceId; readonly at: number }[];
}

/** Where an export goes on: at which kind of record, and after which key of it. */
export interface ExportCursor {
  readonly shelf: number;
  readonly after?: string | number;
}

export interface ExportPage {
  /** Records, each a JSON text without line breaks. */
  readonly lines: readonly string[];
  /** The cursor of the next page; absent on the last. */
  readonly next?: ExportCursor;
}

/** The calls of a user's object that the API makes, besides delivery. */
export interface UserHubCalls {
  inbox(query: InboxQuery): Promise<InboxPage>;
  read(request: ReadRequest): Promise<ReadState>;
  presence(): Promise<Presence>;
  /** `undefined` where the id is not, or no longer, known. */
  messageState(id: MessageId): Promise<MessageState | undefined>;
  preferences(): Promise<UserPreferences>;
  /** Puts others in their place, or none; answers with what holds from then on. */
  setPreferences(preferences: UserPreferences | undefined): Promise<UserPreferences>;
  /** The topics that the user is in, by name. */
  topics(): Promise<readonly TopicView[]>;
  /** Joins and leaves topics, up to this many of them; answers when the topics know, or can't be reached. */
  changeTopics(changes: readonly TopicChange[], limit: number): Promise<readonly TopicOutcome[]>;
  /** Runs a handler of the deployment for one of the user's devices. */
  send(call: HandlerCall): Promise<Handled>;
  /** Whether a token that was issued then is still good: whether none was revoked since. */
  admits(issued: number): Promise<boolean>;
  /** Closes every connection; with `revoke`, tokens issued until now are refused from now on. */
  disconnect(revoke: boolean): Promise<{ readonly closed: number }>;
  /** A page of all that is held of the user, from a cursor or from the start; a megabyte or so. */
  export(cursor?: ExportCursor): Promise<ExportPage>;
  /** Removes all that is held of the user, and remembers only that it was done. */
  erase(): Promise<{ readonly erased: number }>;
}
