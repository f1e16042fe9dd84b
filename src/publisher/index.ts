/** `hubbub/publisher`: pushing to the hub from a server. */
export { BatchError, type ChunkOutcome } from "./batch.ts";
export { HubError, type HubFault, hubErrorOf, NoAnswerError } from "./hub-error.ts";
export type { Audience, ConnectToken, PublishMessage, Receipt, UserResult } from "./message.ts";
export {
  type BatchOptions,
  HubPublisher,
  type HubPublisherOptions,
  type PublishOptions,
  type TokenOptions,
} from "./publisher.ts";
