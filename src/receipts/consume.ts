/**
 * The consumer of the queue of receipts: counts the events of each message, once, and posts them to the
 * webhook until it takes them or a day is over. What it acknowledges was counted and taken, or is given up
 * with an error in the log. Counting does not wait for the webhook.
 */
import { backoffSeconds } from "../lanes/backoff.ts";
import { eachBounded, within } from "../lanes/bounded.ts";
import type { QueueMessage } from "../lanes/consume.ts";
import { textOf } from "../lanes/send.ts";
import { laneLimits, receiptLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { MessageId } from "../protocol/ids.ts";
import { encodeBundle, parseBundle, type ReceiptEvent } from "./event.ts";
import type { Posted } from "./webhook.ts";

export interface ReceiptSurroundings {
  /** Adds to the counts of a message, which know each event again. */
  count(message: MessageId, events: readonly ReceiptEvent[]): Promise<void>;
  /** Posts to the webhook; `taken` too where there is none, since then nobody is to be told. */
  post(events: readonly ReceiptEvent[]): Promise<Posted>;
  /** Puts bundles into the queue again. */
  send(texts: readonly string[], delaySeconds: number): Promise<void>;
  now(): number;
  /** In [0, 1). */
  random(): number;
}

/** A queue message and what is in it. */
interface Opened {
  readonly message: QueueMessage;
  /** None where it can't be read, as from a newer hub. */
  readonly events: readonly ReceiptEvent[];
  readonly counted: boolean;
  /** When its events came into the queue. */
  readonly since: number;
}

/** Settles every message of a batch. Never throws. */
export async function consumeReceipts(
  messages: readonly QueueMessage[],
  surroundings: ReceiptSurroundings,
): Promise<void> {
  const opened = messages.map(open);
  const missed = await countAll(opened, surroundings);
  const ready = opened.filter(
    ({ events, counted }) =>
      events.length > 0 && (counted || !events.some(({ message }) => missed.has(message))),
  );
  retry(
    opened.filter((one) => !ready.includes(one)),
    surroundings,
  );
  await eachBounded(calls(ready), receiptLimits.concurrentPosts, (call) => tell(call, surroundings));
}

function open(message: QueueMessage): Opened {
  const content = parseBundle(textOf(message.body));
  const { events = [], countedSince } = content ?? {};
  const since = countedSince ?? message.timestamp.getTime();
  return { message, events, counted: countedSince !== undefined, since };
}

/** Counts what has not been counted; answers of which messages that failed. */
async function countAll(
  opened: readonly Opened[],
  { count, now }: ReceiptSurroundings,
): Promise<ReadonlySet<MessageId>> {
  const deadline = now() + laneLimits.invocationBudgetMs;
  const fresh = opened.flatMap(({ counted, events }) => (counted ? [] : events));
  const missed = new Set<MessageId>();
  await eachBounded(
    [...Map.groupBy(fresh, ({ message }) => message)],
    laneLimits.concurrentDeliveries,
    async ([message, events]) => {
      try {
        if (now() >= deadline) throw new Error("the invocation had no time left");
        await within(receiptLimits.countTimeoutMs, count(message, events));
      } catch (error) {
        missed.add(message);
        log("warn", "receipts_not_counted", { count: events.length, error: errorText(error) });
      }
    },
  );
  return missed;
}

/** Whole queue messages, as many together as one call of the webhook holds. */
function calls(opened: readonly Opened[]): Opened[][] {
  const grouped: Opened[][] = [];
  let room = 0;
  for (const one of opened) {
    const last = grouped.at(-1);
    if (last === undefined || one.events.length > room) {
      grouped.push([one]);
      room = receiptLimits.maxPostEvents;
    } else {
      last.push(one);
    }
    room -= one.events.length;
  }
  return grouped;
}

async function tell(call: readonly Opened[], surroundings: ReceiptSurroundings): Promise<void> {
  const events = call.flatMap((one) => one.events);
  const { answer, status, error } = await posted(events, surroundings);
  const about = {
    count: events.length,
    ...(status === undefined ? {} : { status }),
    ...(error === undefined ? {} : { error }),
  };
  if (answer === "taken") {
    log("info", "receipts_told", about);
    for (const { message } of call) message.ack();
  } else if (answer === "gone") {
    log("error", "receipts_abandoned", about);
    for (const { message } of call) message.ack();
  } else {
    log("warn", "receipts_refused", about);
    await comeAgain(call, surroundings);
  }
}

async function posted(
  events: readonly ReceiptEvent[],
  { post }: ReceiptSurroundings,
): Promise<Posted & { readonly error?: string }> {
  try {
    return await post(events);
  } catch (error) {
    return { answer: "refused", error: errorText(error) };
  }
}

/** What was counted just now comes again as a message that says so, everything else as it is. */
async function comeAgain(call: readonly Opened[], surroundings: ReceiptSurroundings): Promise<void> {
  const fresh = call.filter((one) => !one.counted && !isOver(one, surroundings));
  const texts = fresh.map(({ since, events }) => encodeBundle({ countedSince: since, events }));
  const again = call.filter((one) => !fresh.includes(one));
  try {
    if (texts.length > 0) await surroundings.send(texts, delayOf(1, surroundings));
    for (const { message } of fresh) message.ack();
  } catch (error) {
    log("error", "receipts_not_sent", { count: fresh.length, error: errorText(error) });
    again.push(...fresh);
  }
  retry(again, surroundings);
}

function retry(opened: readonly Opened[], surroundings: ReceiptSurroundings): void {
  for (const one of opened) {
    const { message, events } = one;
    if (isOver(one, surroundings)) {
      log("error", "receipts_abandoned", { count: events.length });
      message.ack();
    } else {
      message.retry({ delaySeconds: delayOf(message.attempts + (one.counted ? 1 : 0), surroundings) });
    }
  }
}

/** Whether it was offered for long enough, or the platform would delete it now. */
function isOver({ since, message }: Opened, { now }: ReceiptSurroundings): boolean {
  return now() - since >= receiptLimits.giveUpMs || message.attempts >= receiptLimits.maxHandouts;
}

function delayOf(attempt: number, { random }: ReceiptSurroundings): number {
  return backoffSeconds(attempt, random(), false, receiptLimits.maxBackoffSeconds);
}
