/** `hubbub/publisher`: pushing to the hub from a server. */
export { BatchError, type ChunkOutcome } from "./batch.ts";
export { HubError, type HubFault, hubErrorOf, NoAnswerError } from "./hub-error.ts";
export type { AddOptions, MemberOptions, Topics } from "./members.ts";
export type {
  Audience,
  ConnectToken,
  Member,
  MembersChange,
  PublishMessage,
  Receipt,
  UserPresence,
  UserResult,
} from "./message.ts";
export {
  type BatchOptions,
  HubPublisher,
  type HubPublisherOptions,
  type PublishOptions,
  type RetractOptions,
  type TokenOptions,
} from "./publisher.ts";
