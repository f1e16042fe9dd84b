/**
 * Jobs: the texts that bring a message to a crowd, page by page, through the lane of its priority.
 * `{"v":2,"step":{"do":"page","share":{"topic":"news"},"after":"bob"},"message":{…,"data":…}}`. They have
 * a version of their own, so that a consumer from before them waits for a newer one. Pure.
 */
import { z } from "zod";
import { topic, type UserId, userId } from "../protocol/ids.ts";
import { type AcceptedMessage, type Crowd, reaches } from "../protocol/message.ts";
import { encodeMessage, wireMessage } from "./message-text.ts";

export const jobVersion = 2;

const crowd = z.union([z.strictObject({ topic }), z.strictObject({ everyone: z.enum(reaches) })]);

/**
 * The part of a crowd that one object knows: the members of a topic, perhaps only those who take part in
 * its presence events; or, of everyone, who is online according to one shard of so many. `log` is the
 * place of the newest message to all that the shard must know of before it is asked.
 */
const share = z.union([
  z.strictObject({ topic, presenceOnly: z.literal(true).optional() }),
  z.strictObject({ shard: z.int().min(0), of: z.int().min(1), log: z.int().min(0) }),
]);
export type Share = z.infer<typeof share>;

/**
 * What is to be done next.
 * - `begin`: tell the crowd's object that the message is coming; only then is it known who has the shares.
 * - `spread`: start the fan-out of the shares of everyone, those of each number of shards that is in use, `from` the n-th on.
 * - `page`: send the message to the next users of a share.
 */
const step = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("begin"), crowd }),
  z.strictObject({
    do: z.literal("spread"),
    counts: z.array(z.int().min(1)).min(1).readonly(),
    log: z.int().min(0),
    from: z.int().min(0),
  }),
  z.strictObject({ do: z.literal("page"), share, after: userId.optional() }),
]);
export type Step = z.infer<typeof step>;

export const wireJob = z.object({ step, message: wireMessage });

export interface Job {
  readonly step: Step;
  readonly message: AcceptedMessage;
}

/** The job that a message to a crowd enters its lane with. */
export function beginning(message: AcceptedMessage, crowd: Crowd): Job {
  return { step: { do: "begin", crowd }, message: { ...message, ...markOf(crowd) } };
}

/** The job for some users of a share: those after this one, or all. */
export function paging(message: AcceptedMessage, share: Share, after?: UserId): Job {
  return { step: { do: "page", share, ...(after === undefined ? {} : { after }) }, message };
}

/** A job as text; `parse` of `envelope.ts` reads it again. */
export function encodeJob({ step, message }: Job): string {
  return `{"v":${jobVersion},"step":${JSON.stringify(step)},"message":${encodeMessage(message)}}`;
}

/** What a message says of the crowd that it is for, so that the users' objects know. */
function markOf(crowd: Crowd): Pick<AcceptedMessage, "topic" | "onlineOnly"> {
  if ("topic" in crowd) return { topic: crowd.topic };
  return crowd.everyone === "online" ? { onlineOnly: true } : {};
}
