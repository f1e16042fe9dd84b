/** Ids for messages that come without one. Pure. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { requestLimits } from "../limits.ts";
import { type MessageId, messageId } from "../protocol/ids.ts";
import { Problem } from "./problem.ts";

const most = requestLimits.maxIdempotencyKeyLength;

/** The header `Idempotency-Key`. */
export const idempotencyKey = z
  .string()
  .max(most)
  .regex(/^[\x21-\x7e]+$/);

/** The `Idempotency-Key` of a request, if it has one. */
export function idempotencyKeyOf(headers: Headers): string | undefined {
  const key = headers.get("Idempotency-Key");
  if (key === null) return undefined;
  if (idempotencyKey.safeParse(key).success) return key;
  throw new Problem("invalid_request", `Idempotency-Key must be 1 to ${most} visible ASCII characters`);
}

/**
 * The id of the message at a place in a request with an `Idempotency-Key`: the same for a retry, with no
 * state at the edge, and another one for every other key of the API, so that publishers can't meet.
 */
export function derivedId(apiKeyId: string, idempotencyKey: string, index: number): MessageId {
  const digest = createHash("sha256").update(`${apiKeyId}\n${idempotencyKey}\n${index}`).digest("base64url");
  // 27 characters: 162 bits.
  return messageId.parse(digest.slice(0, 27));
}

/**
 * A UUIDv7 (RFC 9562 section 5.7): rising with time, so that ids sort about as messages were accepted.
 * @param now milliseconds since 1970
 * @param random 16 random bytes, of which the first six are not used
 */
export function timeOrderedId(now: number, random: Uint8Array): MessageId {
  const bytes = new DataView(new ArrayBuffer(16));
  random.forEach((byte, index) => {
    bytes.setUint8(index, byte);
  });
  bytes.setUint16(0, Math.floor(now / 2 ** 32));
  bytes.setUint32(2, now % 2 ** 32);
  bytes.setUint8(6, 0x70 | (bytes.getUint8(6) & 0x0f));
  bytes.setUint8(8, 0x80 | (bytes.getUint8(8) & 0x3f));
  const hex = Array.from({ length: 16 }, (_, index) =>
    bytes.getUint8(index).toString(16).padStart(2, "0"),
  ).join("");
  return messageId.parse(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"));
}
