/**
 * The consumer of a lane: opens a batch, calls the objects of the users in its envelopes and of the crowds
 * in its jobs, and settles each queue message by what they answered. It acknowledges nothing that is not
 * accounted for, and what goes wrong with one queue message stays with that one.
 */
import { laneLimits } from "../limits.ts";
import type { LaneCounts } from "../observe/counts.ts";
import { histogramOf } from "../observe/histogram.ts";
import { errorText, log } from "../observe/log.ts";
import type { Priority } from "../protocol/priority.ts";
import { backoffSeconds } from "./backoff.ts";
import { type BatchCounts, countEnvelope, countJob, countRest } from "./batch-counts.ts";
import { eachBounded, within } from "./bounded.ts";
import type { Crowds } from "./crowds.ts";
import { type Delivering, deliverAll, failureOf } from "./deliver.ts";
import { enqueueDead } from "./enqueue.ts";
import { type Envelope, encode, parse, type Unreadable } from "./envelope.ts";
import { type Stepped, takeStep } from "./fan-out.ts";
import type { Job } from "./job.ts";
import { type Lanes, textOf } from "./send.ts";
import {
  type Circumstances,
  type Failure,
  type Settlement,
  settle,
  settleStep,
  settleUnreadable,
} from "./settle.ts";

export interface Surroundings extends Delivering {
  readonly lanes: Pick<Lanes, "send">;
  readonly crowds: Crowds;
  /** In [0, 1). */
  random(): number;
}

/** What the consumer needs of a queue message. */
export type QueueMessage = Pick<Message, "body" | "timestamp" | "attempts" | "ack" | "retry">;

/** A queue message as it was handed out. */
interface Handout {
  readonly message: QueueMessage;
  readonly text: string;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
}

interface Batch {
  readonly envelopes: (Handout & { readonly envelope: Envelope })[];
  readonly jobs: (Handout & { readonly job: Job })[];
  readonly unreadable: (Handout & { readonly fault: Unreadable })[];
}

/** Works off a batch and settles every message of it; answers what became of the recipients. Never throws. */
export async function consume(
  lane: Priority,
  messages: readonly QueueMessage[],
  surroundings: Surroundings,
): Promise<LaneCounts> {
  const counts: BatchCounts = {};
  const batch = open(messages);
  // Side by side: the next users of a crowd don't wait for a slow object among the deliveries, nor these for a crowd.
  const [latencies] = await Promise.all([
    consumeEnvelopes(lane, batch, surroundings, counts),
    consumeJobs(lane, batch, surroundings, counts),
  ]);
  const troubled = counts.dead !== undefined || counts.retried !== undefined;
  log(troubled ? "warn" : "info", "batch_consumed", { lane, count: messages.length, ...counts });
  return { recipients: counts, latencies: histogramOf(latencies) };
}

function open(messages: readonly QueueMessage[]): Batch {
  const batch: Batch = { envelopes: [], jobs: [], unreadable: [] };
  for (const message of messages) {
    const text = textOf(message.body);
    const parsed = parse(text);
    const handout = { message, text, attempt: message.attempts };
    if (parsed.kind === "envelope") {
      const attempt = parsed.envelope.attempt + message.attempts;
      batch.envelopes.push({ ...handout, attempt, envelope: parsed.envelope });
    } else if (parsed.kind === "job") {
      batch.jobs.push({ ...handout, job: parsed.job });
    } else {
      batch.unreadable.push({ ...handout, fault: parsed });
    }
  }
  return batch;
}

/** Delivers and settles, and then what could not be read. Answers how soon the messages reached a device. */
async function consumeEnvelopes(
  lane: Priority,
  { envelopes, unreadable }: Batch,
  surroundings: Surroundings,
  counts: BatchCounts,
): Promise<readonly number[]> {
  const queued = envelopes.map(({ envelope, message }) => ({
    envelope,
    enqueued: message.timestamp.getTime(),
  }));
  const { outcomeOf, latencies } = await deliverAll(queued, surroundings);
  await eachBounded(envelopes, laneLimits.concurrentDeliveries, async (one) => {
    const settlement = settle(one.envelope, outcomeOf, circumstances(one, surroundings));
    countEnvelope(counts, one.envelope, outcomeOf, await carryOut(lane, one, settlement, surroundings));
  });
  await eachBounded(unreadable, laneLimits.concurrentDeliveries, async (one) => {
    const settlement = settleUnreadable(one.fault, one.text, lane, circumstances(one, surroundings));
    countRest(counts, await carryOut(lane, one, settlement, surroundings), 1);
  });
  return latencies;
}

async function consumeJobs(
  lane: Priority,
  { jobs }: Batch,
  surroundings: Surroundings,
  counts: BatchCounts,
): Promise<void> {
  await eachBounded(jobs, laneLimits.concurrentDeliveries, async (one) => {
    const stepped = await attemptStep(one.job, surroundings);
    const settlement = settleStep(stepped, one.text, lane, circumstances(one, surroundings));
    countJob(counts, stepped, await carryOut(lane, one, settlement, surroundings));
  });
}

async function attemptStep(job: Job, { crowds, now, random }: Surroundings): Promise<Stepped | Failure> {
  try {
    const taking = { now: now(), chain: random() };
    return await within(laneLimits.deliveryTimeoutMs, takeStep(job, crowds, taking));
  } catch (error) {
    return failureOf(error);
  }
}

function circumstances({ attempt }: Handout, { now, random }: Surroundings): Circumstances {
  return { attempt, now: now(), random: random() };
}

/** Acts as was decided. Answers what was done: a retry where acting failed, since then the queue message must come again. */
async function carryOut(
  lane: Priority,
  { message, attempt }: Handout,
  settlement: Settlement,
  { lanes, random }: Surroundings,
): Promise<Settlement> {
  const { dead, next } = settlement;
  const bounded: Surroundings["lanes"] = {
    send: (...sending) => within(laneLimits.sendTimeoutMs, lanes.send(...sending)),
  };
  try {
    await enqueueDead(bounded, dead);
    if (next.do === "requeue") await bounded.send(lane, [encode(next.envelope)], next.delaySeconds);
    if (next.do === "send") await bounded.send(lane, next.texts, next.delaySeconds);
  } catch (error) {
    log("error", "lane_refused", { lane, error: errorText(error) });
    const delaySeconds = backoffSeconds(attempt, random());
    message.retry({ delaySeconds });
    return { dead: [], next: { do: "retry", delaySeconds } };
  }
  if (next.do === "retry") message.retry({ delaySeconds: next.delaySeconds });
  else message.ack();
  return settlement;
}
