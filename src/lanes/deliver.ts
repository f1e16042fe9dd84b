/** The deliveries of a batch: one call for each user with everything that the batch holds for it. */
import { laneLimits } from "../limits.ts";
import { latenciesOf } from "../observe/counts.ts";
import { errorText } from "../observe/log.ts";
import type { DeliveryResult } from "../protocol/delivery.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { eachBounded, within } from "./bounded.ts";
import type { Addressed, Envelope } from "./envelope.ts";
import { type Call, plan } from "./plan.ts";
import type { Failure, Outcome } from "./settle.ts";

export interface Delivering {
  /** Calls the object of a user, through a stub of its own each time: a stub that failed once fails for ever. */
  deliver(user: UserId, messages: readonly AcceptedMessage[]): Promise<DeliveryResult>;
  now(): number;
}

export interface Delivered {
  outcomeOf(item: Addressed, user: UserId): Outcome;
  /** As in `latenciesOf`. */
  readonly latencies: readonly number[];
}

const noAnswer: Failure = { failure: "no verdict", overloaded: false };

/** Makes all calls that there is time for. Never throws. */
export async function deliverAll(
  envelopes: readonly { readonly envelope: Envelope; readonly enqueued: number }[],
  delivering: Delivering,
): Promise<Delivered> {
  const deadline = delivering.now() + laneLimits.invocationBudgetMs;
  const outcomes = new Map<Addressed, Map<UserId, Outcome>>();
  const latencies: number[] = [];
  await eachBounded(plan(envelopes), laneLimits.concurrentDeliveries, async (call) => {
    const { answers, latencies: ofCall } = await attempt(call, delivering, deadline);
    latencies.push(...ofCall);
    call.items.forEach((item, index) => {
      const ofItem = outcomes.get(item) ?? new Map<UserId, Outcome>();
      ofItem.set(call.user, answers[index] ?? noAnswer);
      outcomes.set(item, ofItem);
    });
  });
  return { outcomeOf: (item, user) => outcomes.get(item)?.get(user) ?? noAnswer, latencies };
}

interface Answered {
  /** In the order of the items. */
  readonly answers: readonly Outcome[];
  readonly latencies: readonly number[];
}

async function attempt({ user, items }: Call, delivering: Delivering, deadline: number): Promise<Answered> {
  const all = (failure: Failure) => ({ answers: items.map(() => failure), latencies: [] });
  if (delivering.now() >= deadline)
    return all({ failure: "the invocation had no time left", overloaded: false });
  try {
    const messages = items.map(({ message }) => message);
    const result = await within(laneLimits.deliveryTimeoutMs, delivering.deliver(user, messages));
    return { answers: result.verdicts, latencies: latenciesOf(messages, result, delivering.now()) };
  } catch (error) {
    return all(failureOf(error));
  }
}

/** What an exception of a call says of its object. The runtime marks the errors of one that has more to do than it can. */
export function failureOf(error: unknown): Failure {
  const overloaded = error instanceof Error && "overloaded" in error && error.overloaded === true;
  return { failure: errorText(error), overloaded };
}
