/** What a publisher may send, and what it is once accepted. */
import { z } from "zod";
import { inboxLimits, messageLimits, requestLimits } from "../limits.ts";
import { ownTypePrefix, ownTypes } from "./frames.ts";
import {
  type Category,
  type CollapseKey,
  category,
  collapseKey,
  type MessageId,
  messageId,
  messageType,
  type Topic,
  topic,
  type UserId,
  userId,
} from "./ids.ts";
import { jsonFault } from "./json.ts";
import { type Priority, priorities } from "./priority.ts";
import { topicPattern } from "./topic-pattern.ts";

/** Of everyone: who is connected when it arrives, or everybody, those who are away as soon as they come back. */
export const reaches = ["online", "all"] as const;
export type Reach = (typeof reaches)[number];

/** Whom a message is for. The last two are known only when the message is fanned out. */
export type Audience =
  | { readonly users: readonly UserId[] }
  | { readonly topic: Topic }
  | { readonly everyone: Reach };
/** An audience that is found out, page by page, when the message is fanned out. */
export type Crowd = Exclude<Audience, { readonly users: unknown }>;

/** One user or several, duplicates merged; the members of a topic; everyone, with the reach of the message's type where none is given. */
export const audience = z.union([
  z.strictObject({ user: userId }).transform(({ user }): Audience => ({ users: [user] })),
  z
    .strictObject({ users: z.array(userId).min(1).max(requestLimits.maxRecipients) })
    .transform(({ users }): Audience => ({ users: [...new Set(users)] })),
  z.strictObject({ topic }).transform(({ topic }): Audience => ({ topic })),
  z
    .strictObject({ everyone: z.literal(true), audience: z.enum(reaches).optional() })
    .transform(({ audience }) => ({ everyone: audience })),
]);

export { ownTypePrefix } from "./frames.ts";

/** What a device does with a message that may settle it for all devices of the user. */
export const cancelEvents = ["ack", "read"] as const;
export type CancelEvent = (typeof cancelEvents)[number];

/** Tells devices, in the stream, to take down a message that they may have: `{ id, reason }`. */
export const withdrawnType = messageType.parse(ownTypes.withdrawn);
/** Tells devices, in the stream, what came silently while they were not to be disturbed: `{ count, ids }`. */
export const digestType = messageType.parse(ownTypes.digest);
/** Live only, to who opted in: whether a member of the topic is online: `{ topic, user, online, since?, asOf }`. */
export const presenceType = messageType.parse(ownTypes.presence);

/** A type that may be published. */
export const publishedType = messageType.refine(
  (type) => !type.startsWith(ownTypePrefix),
  `must not begin with ${ownTypePrefix}: such messages are the hub's own`,
);

/** What a message carries: as it was parsed, for who looks into it, and as the JSON text that is carried and stored. */
export interface Data {
  readonly value: unknown;
  readonly text: string;
}

const data = z
  .unknown()
  .superRefine((value, context) => {
    const fault = jsonFault(value, messageLimits);
    if (fault) context.addIssue({ code: "custom", message: fault.message, params: { code: fault.code } });
  })
  .transform((value): Data => ({ value, text: JSON.stringify(value) }));

/** One message as published: `{ to, type, data?, priority?, ttl?, … }`. What is left out is as the message's type says, or as it is said here. */
export const publishedMessage = z
  .strictObject({
    to: audience,
    type: publishedType,
    /** `normal` where the type has no other. */
    priority: z.enum(priorities).optional(),
    /** Any JSON. */
    data: data.prefault(null),
    /** Seconds until it is of no use, from `deliverAt` on where that is given. 0: only to who is connected, never stored. Clipped to 28 days. */
    ttl: z
      .int()
      .min(0)
      .transform((seconds) => Math.min(seconds, messageLimits.maxTtlSeconds))
      .optional(),
    collapseKey: collapseKey.optional(),
    category: category.optional(),
    /** Given by the publisher, to send again without sending twice. */
    id: messageId.optional(),
    /** When to deliver it, in milliseconds since 1970, up to 30 days ahead. What has passed is now. */
    deliverAt: z.int().min(0).optional(),
    /** Once one device has acknowledged it, or it was read on one, the others are told to withdraw it. */
    cancelOn: z.enum(cancelEvents).optional(),
    /** The id of a message of the same audience, in whose place this one comes. */
    replaces: messageId.optional(),
    /** Whether the deployment's receipt webhook is told what becomes of it. */
    receipts: z.boolean().optional(),
  })
  .refine(({ ttl, cancelOn, replaces, receipts }) => {
    const forKept = cancelOn !== undefined || replaces !== undefined || receipts === true;
    return ttl !== 0 || !forKept;
  }, "a message with ttl 0 is never stored: it can't have cancelOn, replaces or receipts");
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
  category: category.optional(),
  /** The topic that it was published to. */
  topic: topic.optional(),
  /** Not delivered before; absent for at once. */
  deliverAt: z.int().min(0).optional(),
  cancelOn: z.enum(cancelEvents).optional(),
  replaces: messageId.optional(),
  /** This is no message but the word that another one is withdrawn: of type {@link withdrawnType}, naming that one in its body too. */
  retracts: messageId.optional(),
  /** The only topics of whose messages it may retract or replace one, where it was published with a key for these. No device is told. */
  within: z.array(topicPattern).min(1).readonly().optional(),
  receipts: z.boolean().optional(),
  /** For users who are connected when it arrives, and for nobody else. */
  onlineOnly: z.boolean().optional(),
  /** Its place in the log of everyone, so that who is sent it need not read it there. */
  logSeq: z.int().min(1).optional(),
  /** `data` as JSON text: parsed once at the edge, then carried and stored as it is. */
  body: z.string(),
});
export type AcceptedMessage = z.infer<typeof acceptedMessage>;

/** What a message gets where its publisher is silent. */
export interface MessageDefaults {
  readonly priority: Priority;
  /** Seconds. */
  readonly ttl?: number | undefined;
  readonly collapseKey?: CollapseKey | undefined;
  readonly category?: Category | undefined;
}

/** The message from the moment on that it counts, with the id that it gets where it has none. Its topic is its audience's to say. */
export function accept(
  message: PublishedMessage,
  id: MessageId,
  now: number,
  defaults: MessageDefaults,
): AcceptedMessage {
  const { deliverAt, cancelOn, replaces, receipts } = message;
  const ttl = message.ttl ?? defaults.ttl;
  const live = ttl === 0;
  const keptMs = ttl === undefined ? inboxLimits.retentionMs : ttl * 1_000;
  const due = deliverAt !== undefined && deliverAt > now ? deliverAt : undefined;
  const key = message.collapseKey ?? defaults.collapseKey;
  const about = message.category ?? defaults.category;
  return {
    id: message.id ?? id,
    type: message.type,
    priority: message.priority ?? defaults.priority,
    at: now,
    expires: (due ?? now) + (live ? messageLimits.liveMs : keptMs),
    live,
    ...(key === undefined ? {} : { collapseKey: key }),
    ...(about === undefined ? {} : { category: about }),
    ...(due === undefined ? {} : { deliverAt: due }),
    ...(cancelOn === undefined ? {} : { cancelOn }),
    ...(replaces === undefined ? {} : { replaces }),
    ...(receipts === true ? { receipts } : {}),
    body: message.data.text,
  };
}
