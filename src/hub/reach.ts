/** Of whose messages a withdrawal may take one away. Pure. */
import type { Topic } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { covers } from "../protocol/topic-pattern.ts";

/** What retracts or replaces another message, as far as this matters. */
export type Reaching = Pick<AcceptedMessage, "within">;

/**
 * Whether it reaches a message that came by this topic, or by none. One that was published with a key for
 * some topics only does not reach into the others; what came by no topic is anybody's who may publish.
 */
export function reaches({ within }: Reaching, topic: Topic | null | undefined): boolean {
  return within === undefined || topic === null || topic === undefined || covers(within, topic);
}
