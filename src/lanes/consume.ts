/**
 * The consumer of a lane: opens a batch, makes one call for each user, and settles each queue message
 * by what the calls answered. It acknowledges nothing that is not accounted for, and what goes wrong
 * with one queue message stays with that one.
 */
import { laneLimits } from "../limits.ts";
import { type LaneCounts, latenciesOf } from "../observe/counts.ts";
import { histogramOf } from "../observe/histogram.ts";
import { errorText, log } from "../observe/log.ts";
import type { DeliveryResult } from "../protocol/delivery.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Priority } from "../protocol/priority.ts";
import { backoffSeconds } from "./backoff.ts";
import { eachBounded, within } from "./bounded.ts";
import { enqueueDead } from "./enqueue.ts";
import { type Addressed, encode, type Parsed, parse } from "./envelope.ts";
import { type Call, plan } from "./plan.ts";
import { type Lanes, textOf } from "./send.ts";
import { type Failure, isDead, type Outcome, type Settlement, settle, settleUnreadable } from "./settle.ts";

export interface Surroundings {
  readonly lanes: Pick<Lanes, "send">;
  /** Calls the object of a user, through a stub of its own each time: a stub that failed once fails for ever. */
  deliver(user: UserId, messages: readonly AcceptedMessage[]): Promise<DeliveryResult>;
  now(): number;
  /** In [0, 1). */
  random(): number;
}

/** What the consumer needs of a queue message. */
export type QueueMessage = Pick<Message, "body" | "timestamp" | "attempts" | "ack" | "retry">;

interface Opened {
  readonly message: QueueMessage;
  readonly text: string;
  readonly parsed: Parsed;
  readonly attempt: number;
}

type Outcomes = Map<Addressed, Map<UserId, Outcome>>;

/** Delivers a batch and settles every message of it; answers what became of the recipients. Never throws. */
export async function consume(
  lane: Priority,
  messages: readonly QueueMessage[],
  surroundings: Surroundings,
): Promise<LaneCounts> {
  const opened = messages.map(open);
  const { outcomes, latencies } = await deliverAll(opened, surroundings);
  const counts = { committed: 0, duplicate: 0, live: 0, expired: 0, gone: 0, dead: 0, retried: 0 };
  await eachBounded(opened, laneLimits.concurrentDeliveries, async (one) => {
    const settlement = await carryOut(lane, one, outcomes, surroundings);
    count(counts, one, outcomes, settlement);
  });
  const level = counts.dead + counts.retried > 0 ? "warn" : "info";
  log(level, "batch_consumed", { lane, count: messages.length, ...counts });
  return { recipients: counts, latencies: histogramOf(latencies) };
}

function open(message: QueueMessage): Opened {
  const text = textOf(message.body);
  const parsed = parse(text);
  const earlier = parsed.kind === "envelope" ? parsed.envelope.attempt : 0;
  return { message, text, parsed, attempt: earlier + message.attempts };
}

async function deliverAll(
  opened: readonly Opened[],
  surroundings: Surroundings,
): Promise<{ readonly outcomes: Outcomes; readonly latencies: readonly number[] }> {
  const deadline = surroundings.now() + laneLimits.invocationBudgetMs;
  const calls = plan(
    opened.flatMap(({ parsed, message }) =>
      parsed.kind === "envelope"
        ? [{ envelope: parsed.envelope, enqueued: message.timestamp.getTime() }]
        : [],
    ),
  );
  const outcomes: Outcomes = new Map();
  const latencies: number[] = [];
  await eachBounded(calls, laneLimits.concurrentDeliveries, async (call) => {
    const { answers, latencies: ofCall } = await attempt(call, surroundings, deadline);
    latencies.push(...ofCall);
    call.items.forEach((item, index) => {
      const ofItem = outcomes.get(item) ?? new Map<UserId, Outcome>();
      ofItem.set(call.user, answers[index] ?? noAnswer);
      outcomes.set(item, ofItem);
    });
  });
  return { outcomes, latencies };
}

const noAnswer: Failure = { failure: "no verdict", overloaded: false };

interface Answered {
  /** In the order of the items. */
  readonly answers: readonly Outcome[];
  readonly latencies: readonly number[];
}

async function attempt(call: Call, surroundings: Surroundings, deadline: number): Promise<Answered> {
  const { user, items } = call;
  const all = (failure: Failure) => ({ answers: items.map(() => failure), latencies: [] });
  if (surroundings.now() >= deadline)
    return all({ failure: "the invocation had no time left", overloaded: false });
  try {
    const messages = items.map(({ message }) => message);
    const result = await within(laneLimits.deliveryTimeoutMs, surroundings.deliver(user, messages));
    return { answers: result.verdicts, latencies: latenciesOf(messages, result, surroundings.now()) };
  } catch (error) {
    return all({ failure: errorText(error), overloaded: isOverloaded(error) });
  }
}

/** Set by the runtime on errors of an object that has more to do than it can. */
function isOverloaded(error: unknown): boolean {
  return error instanceof Error && "overloaded" in error && error.overloaded === true;
}

/** Decides and acts; what was done, or a retry where acting failed, since then the queue message must come again. */
async function carryOut(
  lane: Priority,
  { message, text, parsed, attempt }: Opened,
  outcomes: Outcomes,
  { lanes, now, random }: Surroundings,
): Promise<Settlement> {
  const circumstances = { attempt, now: now(), random: random() };
  const outcomeOf = (item: Addressed, user: UserId) => outcomes.get(item)?.get(user) ?? noAnswer;
  const settlement =
    parsed.kind === "envelope"
      ? settle(parsed.envelope, outcomeOf, circumstances)
      : settleUnreadable(parsed, text, lane, circumstances);
  const { dead, next } = settlement;
  try {
    await enqueueDead(lanes, dead);
    if (next.do === "requeue") await lanes.send(lane, [encode(next.envelope)], next.delaySeconds);
  } catch (error) {
    log("error", "lane_refused", { lane, error: errorText(error) });
    const delaySeconds = backoffSeconds(attempt, circumstances.random);
    message.retry({ delaySeconds });
    return { dead: [], next: { do: "retry", delaySeconds } };
  }
  if (next.do === "retry") message.retry({ delaySeconds: next.delaySeconds });
  else message.ack();
  return settlement;
}

type Counts = Record<"committed" | "duplicate" | "live" | "expired" | "gone" | "dead" | "retried", number>;

/** Counts recipients; a text that could not be read counts as one. */
function count(counts: Counts, { parsed }: Opened, outcomes: Outcomes, { dead, next }: Settlement): void {
  const items = parsed.kind === "envelope" ? parsed.envelope.items : [];
  for (const outcome of items.flatMap((item) => [...(outcomes.get(item)?.values() ?? [])])) {
    if ("verdict" in outcome && !isDead(outcome.verdict)) counts[outcome.verdict] += 1;
  }
  for (const record of dead) counts.dead += "raw" in record ? 1 : record.users.length;
  if (next.do === "requeue") counts.retried += recipients(next.envelope.items);
  if (next.do === "retry") counts.retried += Math.max(1, recipients(items));
}

function recipients(items: readonly Addressed[]): number {
  return items.reduce((sum, { users }) => sum + users.length, 0);
}
