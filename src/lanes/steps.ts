/**
 * What one step of a fan-out sends: never more than one `sendBatch` takes, and the job that goes on is
 * among it. The send is all or nothing, so wherever a step is interrupted, it is either undone or repeated
 * as a whole, and nobody is skipped. Who is sent a message twice knows its id. Pure.
 */
import { fanoutLimits, laneLimits, messageLimits } from "../limits.ts";
import { type UserId, userId } from "../protocol/ids.ts";
import { utf8Length } from "../protocol/json.ts";
import type { AcceptedMessage, Crowd } from "../protocol/message.ts";
import type { Shards, UserPage } from "./crowds.ts";
import { encode } from "./envelope.ts";
import { beginning, encodeJob, type Job, paging, type Share } from "./job.ts";
import { encodeMessage } from "./message-text.ts";

const longestUser = userId.parse("x".repeat(128));

/** The texts of one send. */
export interface Sending {
  readonly texts: readonly string[];
  /** Users who are sent the message by them. */
  readonly users: number;
  /** How long the lane is to hold them back. */
  readonly delaySeconds: number;
}

/** Of a step that is being taken. */
export interface Taking {
  readonly now: number;
  /** Of the jobs that it makes, and of no others. */
  readonly chain: number;
}

/** A message that is not to be fanned out yet. */
export interface Waiting {
  readonly crowd: Crowd;
  /** How often it has gone round already. */
  readonly round: number;
  readonly ms: number;
}

/** Sends it round, for as long as the queue holds it back at once. */
export function wait(message: AcceptedMessage, { crowd, round, ms }: Waiting, chain: number): Sending {
  const delaySeconds = Math.min(Math.ceil(ms / 1_000), fanoutLimits.maxDelaySeconds);
  return { texts: [encodeJob(beginning(message, crowd, chain, round + 1))], users: 0, delaySeconds };
}

/** Starts fan-outs, all of them or none. */
export function start(jobs: readonly Job[]): Sending {
  return { texts: jobs.map(encodeJob), users: 0, delaySeconds: 0 };
}

/** How many users to ask a crowd for: no more than one send could hold of a message as long as this. */
export function pageLimit(message: AcceptedMessage): number {
  const envelopes = Math.floor(laneLimits.maxSendBytes / utf8Length(encodeMessage(message)));
  return Math.min(fanoutLimits.pageUsers, envelopes * laneLimits.maxEnvelopeUsers);
}

/**
 * Sends the n-th page of a share, from 0: envelopes for as many of its users as fit, and the job for who comes
 * after them. What is only for who is connected now has its time from here on, however long the way was.
 */
export function page(
  message: AcceptedMessage,
  share: Share,
  n: number,
  { users, next }: UserPage,
  { now, chain }: Taking,
): Sending {
  const sent = message.live ? { ...message, expires: now + messageLimits.liveMs } : message;
  const jobAfter = (after: UserId) => encodeJob(paging(message, share, chain, { page: n + 1, after }));
  const size = laneLimits.maxEnvelopeUsers;
  const groups = Array.from({ length: Math.ceil(users.length / size) }, (_, index) =>
    users.slice(index * size, (index + 1) * size),
  );
  const envelopes = groups.map((group) => encode({ attempt: 0, items: [{ message: sent, users: group }] }));
  const fitting = countFitting(envelopes, jobAfter(longestUser));
  const taken = groups.slice(0, fitting).flat();
  const after = taken.length < users.length ? taken.at(-1) : next;
  const texts = envelopes.slice(0, fitting);
  if (after !== undefined) texts.push(jobAfter(after));
  return { texts, users: taken.length, delaySeconds: 0 };
}

/** Starts the shares of everyone: a job for each of as many as fit, and one for the others. */
export function spread(
  message: AcceptedMessage,
  { counts, log }: Shards,
  from: number,
  chain: number,
): Sending {
  const shares = counts.flatMap((of) =>
    Array.from({ length: of }, (_, shard): Share => ({ shard, of, log })),
  );
  const jobs = shares.slice(from).map((share) => encodeJob(paging(message, share, chain)));
  const rest = (start: number) =>
    encodeJob({ step: { do: "spread", counts, log, from: start }, chain, message });
  const fitting = countFitting(jobs, rest(shares.length));
  const texts = jobs.slice(0, fitting);
  if (fitting < jobs.length) texts.push(rest(from + fitting));
  return { texts, users: 0, delaySeconds: 0 };
}

/** How many of the texts, from the first on, one send takes with another one after them. At least one: `assertLimits`. */
function countFitting(texts: readonly string[], last: string): number {
  let bytes = utf8Length(last);
  const tooMany = texts.findIndex((text, index) => {
    bytes += utf8Length(text);
    return index + 1 >= laneLimits.maxSendMessages || bytes > laneLimits.maxSendBytes;
  });
  return tooMany === -1 ? texts.length : tooMany;
}
