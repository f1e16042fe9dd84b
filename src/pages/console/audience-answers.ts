/** The answers of the API about topics, who is online, and what users want, each with its check. Times in milliseconds since 1970. */
import { priorities } from "../../protocol/priority.ts";
import {
  type Checked,
  fields,
  isFlag,
  isNumber,
  isText,
  listOf,
  oneOf,
  optional,
  recordOf,
} from "./checks.ts";

/** `GET /v1/messages/:id`: how many users came to each state, and devices to `acknowledged`. */
export const isReceipts = fields({ id: isText, recipients: optional(isNumber), counts: recordOf(isNumber) });
export type Receipts = Checked<typeof isReceipts>;

/** `GET /v1/topics/:topic`. */
export const isTopicCount = fields({ topic: isText, members: isNumber });

/** `GET /v1/topics/:topic/members`: a page, by the names of the users. */
export const isMembers = fields({
  members: listOf(fields({ user: isText, presence: isFlag })),
  next: optional(isText),
});
export type Members = Checked<typeof isMembers>;
export type Member = Members["members"][number];

/** `POST /v1/topics/:topic/members`. */
export const isChanged = fields({
  done: isNumber,
  pending: listOf(isText),
  failed: listOf(fields({ user: isText, reason: isText })),
});
export type Changed = Checked<typeof isChanged>;

/** A topic as a user is in it; `pending`: its object is still to be told. */
export const isTopicView = fields({ topic: isText, member: isFlag, presence: isFlag, pending: isFlag });
export type TopicView = Checked<typeof isTopicView>;

/** `GET /v1/users/:user/topics`. */
export const isUserTopics = fields({ topics: listOf(isTopicView) });

/** One of `POST /v1/presence`: online, offline, or nobody who knows has answered. */
const isUserPresence = fields({
  user: isText,
  online: optional(isFlag),
  since: optional(isNumber),
  asOf: optional(isNumber),
  unknown: optional(isFlag),
});
export type UserPresence = Checked<typeof isUserPresence>;
export const isPresences = fields({ presence: listOf(isUserPresence) });

/** `GET /v1/users/:user/preferences`. */
export const isPreferences = fields({
  muted: listOf(isText),
  minPriority: optional(oneOf(priorities)),
  quietHours: optional(
    fields({ timeZone: isText, from: isText, to: isText, days: optional(listOf(isNumber)) }),
  ),
});
export type Preferences = Checked<typeof isPreferences>;
