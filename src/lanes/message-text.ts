/**
 * A message as JSON text, on its way through a lane or kept somewhere: its `body` is nested as `data`, as
 * JSON and not as a string of JSON, whose escapes would cost bytes. Pure.
 */
import { z } from "zod";
import { type AcceptedMessage, acceptedMessage } from "../protocol/message.ts";

/** The schema of a message's text, once that is parsed as JSON. */
export const wireMessage = acceptedMessage
  .omit({ body: true })
  .extend({ data: z.unknown().refine((data) => data !== undefined, "is missing") })
  .transform(({ data, ...message }): AcceptedMessage => ({ ...message, body: JSON.stringify(data) }));

/** A message as JSON text. */
export function encodeMessage({ body, ...message }: AcceptedMessage): string {
  return `${JSON.stringify(message).slice(0, -1)},"data":${body}}`;
}

/** The inverse of {@link encodeMessage}; `undefined` for any other text. */
export function parseMessage(text: string): AcceptedMessage | undefined {
  return wireMessage.safeParse(jsonOf(text)).data;
}

/** The value of a JSON text; `undefined`, which JSON can't say, for any other. The parser's own error would quote the text. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
