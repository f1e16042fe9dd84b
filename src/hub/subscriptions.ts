/** What a device asks of its user's topics by `subscribe` and `unsubscribe`, and how it is answered. */
import type { Grants } from "../auth/grants.ts";
import { topicLimits } from "../limits.ts";
import type { ClientFrame } from "../protocol/client-frames.ts";
import type { FrameError } from "../protocol/frames.ts";
import { covers } from "../protocol/topic-pattern.ts";
import type { TopicChange, TopicOutcome } from "./memberships.ts";

export type SubscriptionFrame = Extract<ClientFrame, { type: "subscribe" | "unsubscribe" }>;

/** Why a frame is answered with an error. */
export interface Refused {
  readonly code: FrameError;
  readonly message: string;
}

/** How a user's topics are changed: `UserHubCalls.changeTopics`. */
export type ChangeTopics = (
  changes: readonly TopicChange[],
  limit: number,
) => Promise<readonly TopicOutcome[]>;

/**
 * Does what the frame asks, if the token's patterns allow it; `undefined` means `ok`. It is answered when the
 * change is on disk, and as a rule when the topic's object has it; where that can't be reached, it is told later.
 */
export async function subscription(
  frame: SubscriptionFrame,
  { topics }: Grants,
  change: ChangeTopics,
): Promise<Refused | undefined> {
  const { topic } = frame;
  if (!covers(topics, topic)) {
    return { code: "forbidden", message: "the token's topics do not allow this one" };
  }
  const wanted =
    frame.type === "subscribe" ? { topic, member: true, presence: frame.presence } : { topic, member: false };
  const outcomes = await change([wanted], topicLimits.maxByDevice);
  if (!outcomes.some((outcome) => "refused" in outcome)) return undefined;
  return { code: "limit", message: `a device's user is in at most ${topicLimits.maxByDevice} topics` };
}
