/** A batch cut into requests that the hub takes. The same batch is always cut in the same way. Pure. */
import { requestLimits } from "../limits.ts";
import { utf8Length } from "../protocol/json.ts";
import { messageText, type PublishMessage } from "./message.ts";

/** The messages of one request, by their places in the batch. */
export interface Chunk {
  readonly from: number;
  /** The place after the last one. */
  readonly to: number;
  /** By which the hub knows the request when it is repeated. */
  readonly idempotencyKey: string;
}

/** What one request may hold. */
export type ChunkLimits = {
  readonly [Limit in "maxBodyBytes" | "maxMessages" | "maxRecipients"]: number;
};

/** A body with nothing in it, less the comma that the first message does not need. */
const emptyBodyBytes = bodyOf([]).length - 1;

/**
 * As many messages in each as fit. One that breaks a limit by itself is a chunk of its own, for the hub to
 * refuse, so that it takes no other with it.
 * @throws {TypeError} for data that JSON can't say, a date that is none, or a key that no header can hold
 */
export function chunksOf(
  messages: readonly PublishMessage[],
  idempotencyKey: string,
  limits: ChunkLimits = requestLimits,
): Chunk[] {
  const starts: number[] = [];
  let room = { messages: 0, users: 0, bytes: 0 };
  messages.forEach((message, place) => {
    const users = "users" in message.to ? message.to.users.length : 1;
    const bytes = utf8Length(messageText(message)) + 1;
    if (room.messages < 1 || room.users < users || room.bytes < bytes) {
      starts.push(place);
      room = {
        messages: limits.maxMessages,
        users: limits.maxRecipients,
        bytes: limits.maxBodyBytes - emptyBodyBytes,
      };
    }
    room = { messages: room.messages - 1, users: room.users - users, bytes: room.bytes - bytes };
  });
  return starts.map((from, index) => ({
    from,
    to: starts[index + 1] ?? messages.length,
    idempotencyKey: checkedKey(chunkKey(idempotencyKey, from)),
  }));
}

/** The body of a request with several messages. */
export function bodyOf(messages: readonly PublishMessage[]): string {
  return `{"messages":[${messages.map(messageText).join()}]}`;
}

/** A list in parts of at most so many. */
export function inParts<Item>(items: readonly Item[], size: number): (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) =>
    items.slice(part * size, (part + 1) * size),
  );
}

/**
 * The first chunk has the key of the batch, so that a chunk that is pushed again by itself, as a batch under its
 * key, is the same request. By the place and not the number, so that a chunk that ends elsewhere keeps its ids.
 */
function chunkKey(batchKey: string, from: number): string {
  return from === 0 ? batchKey : `${batchKey};from=${from}`;
}

/** @throws {TypeError} for a key that the hub would refuse, or no header can hold */
export function checkedKey(key: string): string {
  const most = requestLimits.maxIdempotencyKeyLength;
  if (key.length <= most && /^[\x21-\x7e]+$/.test(key)) return key;
  throw new TypeError(
    `an idempotencyKey is 1 to ${most} visible ASCII characters, with the place of its chunk in a batch`,
  );
}
