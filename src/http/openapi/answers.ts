/**
 * What the API answers, as schemas: for its description, and for the tests, which hold every answer
 * against them. Times are milliseconds since 1970.
 */
import { z } from "zod";
import { scopes } from "../../auth/api-key.ts";
import { deadReasons } from "../../lanes/dead-record.ts";
import { outcomes } from "../../observe/counts.ts";
import { goneReasons } from "../../protocol/frames.ts";
import { priorities } from "../../protocol/priority.ts";

const time = z.int().min(0);
const count = z.int().min(0);
const priority = z.enum(priorities);

export const problemBody = z
  .object({
    type: z.string().describe("`urn:hubbub:problem:` and the code."),
    title: z.string(),
    status: z.int(),
    code: z.string().describe("Stable; what a program decides by."),
    detail: z.string().describe("For a reader: what was wrong, and what is allowed."),
    instance: z.string().describe("The request, by the id that the log has it under."),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe("The places that were not valid, such as `messages[3].to.users[0]`."),
  })
  .describe("RFC 9457.");

const userResult = z.object({
  user: z.string(),
  state: z
    .string()
    .describe("delivered, duplicate, live, queued, scheduled, expired, gone, withdrawn or dead."),
  seq: count.optional().describe("Its number in the user's stream."),
  devices: count.optional().describe("Connected devices that were sent it at once."),
  reason: z.string().optional().describe("Why it is a dead letter."),
});

export const receipt = z
  .object({
    id: z.string(),
    recipients: count.optional().describe("Users that it is for; absent for a topic and for everyone."),
    state: z.enum(["queued", "settled"]),
    expires: time.optional().describe("From this time on it is not delivered; absent for `ttl: 0`."),
    ttl: count.optional().describe("In seconds, as it was taken; absent if none was asked for."),
    results: z.array(userResult).optional().describe("Of critical messages to few users."),
  })
  .describe("The hub has the message, and answers for it from now on.");

export const receipts = z.union([receipt, z.object({ messages: z.array(receipt) })]);

export const handlerAnswer = z.object({ data: z.unknown().optional() });

export const token = z.object({ token: z.string(), expires: time });

export const readState = z
  .object({ unread: count, readUpTo: count, rev: count })
  .describe("`rev` rises with each change.");

const streamMessage = z.object({
  seq: count,
  id: z.string(),
  type: z.string(),
  priority,
  at: time,
  expires: time,
  topic: z.string().optional(),
  replaces: z.string().optional(),
  silent: z.literal(true).optional(),
  data: z.unknown(),
});

export const inboxPage = z.object({
  messages: z.array(streamMessage.extend({ read: z.boolean() })),
  next: count.optional().describe("The `cursor` of the next page; absent on the last."),
  state: readState,
});

export const messageState = z
  .object({
    id: z.string(),
    state: z.enum(["scheduled", "stored", "sent", "acknowledged", "read", ...goneReasons, "dead"]),
    seq: count.optional().describe("Absent for one that waits, and for one that never came."),
    at: time.describe("When it was accepted; of one that never came or is dead, when it ended."),
    expires: time.optional(),
    deliverAt: time.optional().describe("Of one that is scheduled."),
    devices: z
      .array(z.object({ device: z.string(), state: z.enum(["sent", "acknowledged"]), at: time.optional() }))
      .optional()
      .describe("Devices that have it, or are being sent it; `at` is when it was acknowledged."),
    delivered: z
      .array(z.object({ device: z.string(), at: time }))
      .optional()
      .describe("The acknowledged ones among `devices`."),
    reason: z.enum(deadReasons).optional().describe("Why it is a dead letter."),
  })
  .describe("How far it got: read comes after acknowledged, that after sent, and its end after all.");

export const messageReceipts = z.object({
  id: z.string(),
  at: time.optional(),
  type: z.string().optional(),
  recipients: count.optional(),
  counts: z
    .record(z.string(), count)
    .describe("How many users came to each state; of `acknowledged`, how many devices."),
});

export const topicView = z.object({
  topic: z.string(),
  member: z.boolean(),
  presence: z.boolean().describe("Whether the user takes part in presence events of the topic."),
  pending: z.boolean().describe("It holds already, and the topic will be told."),
});
export const topicViews = z.object({ topics: z.array(topicView) });
export const topicCount = z.object({ topic: z.string(), members: count });
export const memberPage = z.object({
  members: z.array(z.object({ user: z.string(), presence: z.boolean() })),
  next: z.string().optional().describe("The `cursor` of the next page; absent on the last."),
});
export const membersChanged = z.object({
  done: count.describe("Users who are as was asked for, as the topic knows."),
  pending: z.array(z.string()).describe("Users who are; the topic will be told."),
  failed: z
    .array(z.object({ user: z.string(), reason: z.enum(["limit", "unavailable"]) }))
    .describe("Users who are not: ask again."),
});

/** A line of an export. */
export const exported = z
  .object({ kind: z.string() })
  .loose()
  .describe("One record a line; the first is of kind `user`, the last of kind `end`.");

export const presenceOfMany = z.object({
  presence: z
    .array(
      z.union([
        z
          .object({ user: z.string(), online: z.literal(true), since: time, asOf: time })
          .describe("`asOf` is when the user's object last said so."),
        z.object({ user: z.string(), online: z.literal(false) }),
        z.object({ user: z.string(), unknown: z.literal(true) }).describe("Who should know did not answer."),
      ]),
    )
    .describe("One for each user, in their order."),
});

export const userPresence = z.object({
  online: z.boolean(),
  since: time.optional(),
  head: count,
  unread: count,
  devices: z.array(
    z.object({
      device: z.string(),
      online: z.boolean(),
      lastSeen: time,
      cursor: count.describe("The last number that the device acknowledged."),
      connection: z
        .object({
          connection: z.string(),
          since: time,
          state: z.enum(["live", "syncing", "stalled"]),
          sent: count,
          inFlight: count,
        })
        .optional(),
    }),
  ),
});

export const erased = z.object({ erased: count.describe("Messages that were in the inbox.") });
export const closed = z.object({ closed: count.describe("Connections.") });

export const ownKey = z.object({
  id: z.string(),
  scopes: z.array(z.enum(scopes)),
  topics: z.array(z.string()).optional().describe("Patterns of the only topics that it is for."),
});

const latency = z.object({ count, p50: z.number(), p95: z.number(), p99: z.number() });
const total = z.object(Object.fromEntries(outcomes.map((outcome) => [outcome, count])));
const lane = z.object({
  backlog: z
    .object({ envelopes: count, bytes: count, oldest: time.optional() })
    .nullable()
    .describe("`null` where the queue gave no answer."),
  total: total.describe("Recipients since counting began."),
  recent: z.array(
    z.object({
      at: time,
      accepted: count,
      delivered: count,
      dead: count,
      latency: latency.describe("Milliseconds."),
    }),
  ),
});
export const lanesView = z.object({
  at: time,
  since: time,
  lanes: z.object({ critical: lane, high: lane, normal: lane, low: lane }),
});

const letter = z.object({
  key: z.string(),
  lane: priority,
  state: z.enum(["dead", "redriven"]),
  reason: z.enum(deadReasons),
  attempts: count,
  error: z.string(),
  at: time,
  redrives: count,
  redrivenAt: time.optional(),
  user: z.string().optional(),
  message: z
    .object({ id: z.string(), type: z.string(), priority, at: time, data: z.unknown() })
    .loose()
    .optional(),
  raw: z
    .string()
    .optional()
    .describe(
      "A text from a lane, in place of user and message: the job of a message to a topic or to everyone, or what could not be read.",
    ),
});
export const deadLetterPage = z.object({ letters: z.array(letter), next: count.optional() });
export const redriven = z.object({ key: z.string(), redrives: count });

export const health = z.object({ status: z.literal("healthy") });
