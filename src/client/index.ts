/** `hubbub/client`: a device of a user, for browsers, Node.js, Deno, Bun and Workers. */

export type {
  Digest,
  GapFrame,
  GoneReason,
  PresenceEvent,
  ResetReason,
  Withdrawal,
} from "../protocol/frames.ts";
export type { Priority } from "../protocol/priority.ts";
export { HubClient, type HubClientOptions } from "./client.ts";
export type { InboxMessage, InboxPage, InboxQuery, Marked } from "./inbox.ts";
export type { Message, MessageOf, MessageTypes } from "./message.ts";
export type { Preferences, QuietHours } from "./preferences.ts";
export type { Fault, ReadState, Status } from "./reports.ts";
export type { HubError, NoAnswerError } from "./request.ts";
export type { AnyHandlers, HandlerTypes } from "./send.ts";
export { type Kept, memoryStorage, type Storage, type WebStorageArea } from "./storage.ts";
export type { SubscribeOptions, Subscription } from "./topics.ts";
export { webStorage } from "./web-storage.ts";
