/** What a publisher may send, and what it is once accepted. */
import { z } from "zod";
import { inboxLimits, messageLimits, requestLimits } from "../limits.ts";
import { collapseKey, type MessageId, messageId, messageType, type UserId, userId } from "./ids.ts";
import { jsonFault } from "./json.ts";
import { priorities } from "./priority.ts";

/** One user or several, duplicates merged. Other kinds of audience are further members of this union. */
const audience = z.union([
  z.strictObject({ user: userId }).transform(({ user }): UserId[] => [user]),
  z
    .strictObject({ users: z.array(userId).min(1).max(requestLimits.maxRecipients) })
    .transform(({ users }): UserId[] => [...new Set(users)]),
]);

const data = z
  .unknown()
  .superRefine((value, context) => {
    const fault = jsonFault(value, messageLimits);
    if (fault) context.addIssue({ code: "custom", message: fault.message, params: { code: fault.code } });
  })
  .transform((value) => JSON.stringify(value ?? null));

/** One message as published: `{ to, type, priority?, data?, ttl?, collapseKey?, id? }`. */
export const publishedMessage = z.strictObject({
  to: audience,
  type: messageType,
  priority: z.enum(priorities).default("normal"),
  /** Any JSON; kept as its text. */
  data: data.default("null"),
  /** Seconds until it is of no use. 0: only to who is connected now, never stored. Clipped to 28 days. */
  ttl: z
    .int()
    .min(0)
    .transform((seconds) => Math.min(seconds, messageLimits.maxTtlSeconds))
    .optional(),
  collapseKey: collapseKey.optional(),
  /** Given by the publisher, to send again without sending twice. */
  id: messageId.optional(),
});
export type PublishedMessage = z.infer<typeof publishedMessage>;

/** The body of `POST /v1/messages`: one message, or `{ messages: [...] }`. */
export const publishRequest = z.union([
  publishedMessage.transform((message) => ({ batch: false as const, messages: [message] })),
  z
    .strictObject({ messages: z.array(publishedMessage).min(1).max(requestLimits.maxMessages) })
    .transform(({ messages }) => ({ batch: true as const, messages })),
]);

/** A message once accepted, on its way to the objects of its users. Times in milliseconds since 1970. */
export const acceptedMessage = z.object({
  id: messageId,
  type: messageType,
  priority: z.enum(priorities),
  /** When the hub accepted it. */
  at: z.int().min(0),
  /** From this time on it is not delivered. */
  expires: z.int().min(0),
  /** Only for who is connected, never stored (`ttl: 0`). */
  live: z.boolean(),
  collapseKey: collapseKey.optional(),
  /** `data` as JSON text: parsed once at the edge, then carried and stored as it is. */
  body: z.string(),
});
export type AcceptedMessage = z.infer<typeof acceptedMessage>;

/** The moment from which a published message counts, and the id it gets where it has none. */
export function accept(message: PublishedMessage, id: MessageId, now: number): AcceptedMessage {
  const live = message.ttl === 0;
  const keptMs = message.ttl === undefined ? inboxLimits.retentionMs : message.ttl * 1_000;
  return {
    id: message.id ?? id,
    type: message.type,
    priority: message.priority,
    at: now,
    expires: now + (live ? messageLimits.liveMs : keptMs),
    live,
    ...(message.collapseKey === undefined ? {} : { collapseKey: message.collapseKey }),
    body: message.data,
  };
}
