/**
 * Jobs: the texts that bring a message to a crowd, page by page, through the lane of its priority.
 * `{"v":2,"step":{"do":"page","share":{"topic":"news"},"page":3,"after":"bob"},"chain":0.7…,"message":{…,"data":…}}`.
 * They have a version of their own, so that a consumer from before them waits for a newer one. Pure.
 */
import { z } from "zod";
import { fanoutLimits } from "../limits.ts";
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
 * - `begin`: tell the crowd's object that the message is coming; only then is it known who has the shares. Before
 *   its time the message has gone round in its lane so many times.
 * - `spread`: start the fan-out of the shares of everyone, those of each number of shards that is in use, `from` the n-th on.
 * - `page`: send the message to the next users of a share, of whom so many pages come before.
 */
const step = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("begin"), crowd, round: z.int().min(0) }),
  z.strictObject({
    do: z.literal("spread"),
    counts: z.array(z.int().min(1)).min(1).readonly(),
    log: z.int().min(0),
    from: z.int().min(0),
  }),
  z.strictObject({
    do: z.literal("page"),
    share,
    page: z.int().min(0),
    after: userId.optional(),
  }),
]);
export type Step = z.infer<typeof step>;

export const wireJob = z.object({ step, chain: z.number(), message: wireMessage });

export interface Job {
  readonly step: Step;
  /**
   * Drawn at random when the job is made: a step that is taken twice makes two jobs for the same place, and the
   * crowd's object lets only one of them go on. A copy of a job has the same.
   */
  readonly chain: number;
  readonly message: AcceptedMessage;
}

/** The job that a message to a crowd enters its lane with, and goes round with until its time comes. */
export function beginning(message: AcceptedMessage, crowd: Crowd, chain: number, round = 0): Job {
  const { live, at, deliverAt = at } = message;
  // Sent to some users at a time, each of whom is to get it in time: see `page` of `steps.ts`.
  const lasting = live ? { expires: deliverAt + fanoutLimits.liveMs } : {};
  return {
    step: { do: "begin", crowd, round },
    chain,
    message: { ...message, ...markOf(crowd), ...lasting },
  };
}

/** After so many pages, those after this user. */
export interface Place {
  readonly page: number;
  readonly after?: UserId | undefined;
}

/** The job for some users of a share, from the first on or from a place. */
export function paging(
  message: AcceptedMessage,
  share: Share,
  chain: number,
  place: Place = { page: 0 },
): Job {
  return { step: { do: "page", share, ...place }, chain, message };
}

/** A job as text; `parse` of `envelope.ts` reads it again. */
export function encodeJob({ step, chain, message }: Job): string {
  const said = `"step":${JSON.stringify(step)},"chain":${chain}`;
  return `{"v":${jobVersion},${said},"message":${encodeMessage(message)}}`;
}

/** What a message says of the crowd that it is for, so that the users' objects know. */
function markOf(crowd: Crowd): Pick<AcceptedMessage, "topic" | "onlineOnly"> {
  if ("topic" in crowd) return { topic: crowd.topic };
  return crowd.everyone === "online" ? { onlineOnly: true } : {};
}
