/**
 * What the hub counts of its lanes: what became of how many recipients, and how soon messages reached a
 * device. Pure. Counts add up in any order and grouping, so that they can be gathered anywhere, and they
 * hold no user, no id and nothing of a message.
 */
import type { DeliveryResult, Verdict } from "../protocol/delivery.ts";
import { type Priority, priorities } from "../protocol/priority.ts";
import { addHistograms, emptyHistogram, type Histogram, histogramOf } from "./histogram.ts";

/**
 * What can become of one message for one recipient.
 * - `accepted`: the hub took it from a publisher, and answers for it.
 * - `committed`, `duplicate`, `live`, `scheduled`, `expired`, `gone`, `withdrawn`, `offline`, `left`: as in `Verdict`.
 * - `dead`: it became a dead letter, or a text that could not be read did.
 * - `retried`: an attempt brought no verdict, and another one follows.
 */
export const outcomes = [
  "accepted",
  "committed",
  "duplicate",
  "live",
  "scheduled",
  "expired",
  "gone",
  "withdrawn",
  "offline",
  "left",
  "dead",
  "retried",
] as const;
export type Outcome = (typeof outcomes)[number];

/** How many recipients; 0 where one is absent. */
export type Recipients = Readonly<Partial<Record<Outcome, number>>>;

export interface LaneCounts {
  readonly recipients: Recipients;
  /** Of the messages that a connected device was sent: {@link latenciesOf}. */
  readonly latencies: Histogram;
}

/** Of each lane; none where one is absent. */
export type Counts = Readonly<Partial<Record<Priority, LaneCounts>>>;

export const noCounts: LaneCounts = { recipients: {}, latencies: emptyHistogram };

export function addCounts(a: Counts, b: Counts): Counts {
  const sum: Partial<Record<Priority, LaneCounts>> = {};
  for (const lane of priorities) {
    const [left, right] = [a[lane], b[lane]];
    const both = left && right ? addLaneCounts(left, right) : (left ?? right);
    if (both !== undefined) sum[lane] = both;
  }
  return sum;
}

function addLaneCounts(a: LaneCounts, b: LaneCounts): LaneCounts {
  return {
    recipients: addRecipients(a.recipients, b.recipients),
    latencies: addHistograms(a.latencies, b.latencies),
  };
}

function addRecipients(a: Recipients, b: Recipients): Recipients {
  const sum: Partial<Record<Outcome, number>> = {};
  for (const outcome of outcomes) {
    const count = (a[outcome] ?? 0) + (b[outcome] ?? 0);
    if (count > 0) sum[outcome] = count;
  }
  return sum;
}

/** So many recipients of each lane, with the same outcome. */
export function countsOf(
  outcome: Outcome,
  items: readonly { readonly lane: Priority; readonly recipients: number }[],
): Counts {
  return items.reduce<Counts>(
    (sum, { lane, recipients }) =>
      addCounts(sum, { [lane]: { ...noCounts, recipients: { [outcome]: recipients } } }),
    {},
  );
}

/** What the object's answer to one call says of its messages. */
export function countsOfCall(
  messages: readonly { readonly at: number }[],
  result: DeliveryResult,
  answered: number,
): LaneCounts {
  return {
    recipients: result.verdicts
      .map(outcomeOf)
      .reduce<Recipients>((sum, outcome) => addRecipients(sum, { [outcome]: 1 }), {}),
    latencies: histogramOf(latenciesOf(messages, result, answered)),
  };
}

function outcomeOf({ verdict }: Verdict): Outcome {
  return verdict === "inbox_full" || verdict === "id_conflict" ? "dead" : verdict;
}

/**
 * How long the messages of one call took from their acceptance until the object answered, in milliseconds:
 * only those that it had sent to a connected device by then, once each, however many devices. That answer
 * and what goes to the devices leave the object together, when the messages are on disk, so the way back of
 * the answer is included and the way to the device is not. The times are those of the machine that accepted
 * and of the one that called, which may differ by some milliseconds; none is counted as less than 0.
 * @param answered when the answer arrived, in milliseconds since 1970
 */
export function latenciesOf(
  messages: readonly { readonly at: number }[],
  { devices }: Pick<DeliveryResult, "devices">,
  answered: number,
): number[] {
  return messages.flatMap(({ at }, index) => ((devices[index] ?? 0) > 0 ? [Math.max(0, answered - at)] : []));
}
