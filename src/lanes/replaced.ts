/**
 * What a message to a crowd that replaces another one is followed by: who has the other one and is not in
 * the crowd any more, since they left the topic or are offline, is not sent the new one, but the word that the
 * old one is withdrawn. Whoever gets both, in whatever order, has the new one in the end and not the old one. Pure.
 */

import type { AcceptedMessage, Crowd } from "../protocol/message.ts";
import { beginning, type Job } from "./job.ts";
import { withdrawal } from "./withdrawal.ts";

/** The job that brings the word, in the lane of the message; `undefined` for one that replaces nothing. */
export function replacedWord(message: AcceptedMessage, crowd: Crowd, chain: number): Job | undefined {
  const { replaces, at, deliverAt = at, priority, within } = message;
  if (replaces === undefined) return undefined;
  // Of everyone, whoever may have the old one: those who are offline, too.
  const reached: Crowd = "everyone" in crowd ? { everyone: "all" } : crowd;
  const audience = JSON.stringify(reached);
  const word = withdrawal(replaces, "replaced", { now: deliverAt, priority, audience, within });
  return beginning(word, reached, chain);
}
