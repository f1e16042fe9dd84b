/**
 * The consumer of the dead lane, the end of the line: what it acknowledges is stored, and what it can't
 * store goes round again before the platform would delete it.
 */
import { laneLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { backoffSeconds } from "./backoff.ts";
import type { QueueMessage } from "./consume.ts";
import { type DeadRecord, parseDead } from "./dead-record.ts";
import { parse } from "./envelope.ts";
import { type Lanes, textOf } from "./send.ts";

export interface DeadSurroundings {
  readonly lanes: Pick<Lanes, "send">;
  /** Keeps each record once. */
  store(records: readonly DeadRecord[]): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

/** Stores a batch and acknowledges it. Never throws. */
export async function consumeDead(
  messages: readonly QueueMessage[],
  surroundings: DeadSurroundings,
): Promise<void> {
  const records = messages.flatMap((message) => recordsOf(textOf(message.body), message.timestamp.getTime()));
  try {
    await surroundings.store(records);
  } catch (error) {
    log("error", "dead_letters_not_stored", { count: messages.length, error: errorText(error) });
    for (const message of messages) await sendRound(message, surroundings);
    return;
  }
  for (const message of messages) message.ack();
  log("warn", "dead_letters_stored", { count: messages.length });
}

/**
 * The records in a text of the dead lane: one of ours, or what the platform moved there by itself
 * because a lane's consumer never finished with it.
 * @param at when it came into the dead lane: the same at each handout, so that no copy passes for another death
 */
export function recordsOf(text: string, at: number): DeadRecord[] {
  const record = parseDead(text);
  if (record) return [record];
  const parsed = parse(text);
  if (parsed.kind === "envelope") {
    const { attempt, items } = parsed.envelope;
    const attempts = attempt + laneLimits.maxHandouts;
    return items.map((item) => ({ ...item, reason: "abandoned", attempts, error: "", at }));
  }
  if (parsed.kind === "job") {
    const lane = parsed.job.message.priority;
    return [{ reason: "abandoned", attempts: laneLimits.maxHandouts, error: "", at, lane, raw: text }];
  }
  // Which lane it came from is not known any more; a redrive takes the default priority's.
  const { kind, error } = parsed;
  return [{ reason: kind, attempts: laneLimits.maxHandouts, error, at, lane: "normal", raw: text }];
}

async function sendRound(message: QueueMessage, { lanes, random }: DeadSurroundings): Promise<void> {
  const delaySeconds = backoffSeconds(message.attempts, random());
  if (message.attempts >= laneLimits.resendDeadFrom) {
    try {
      await lanes.send("dead", [textOf(message.body)], delaySeconds);
      message.ack();
      return;
    } catch (error) {
      log("error", "lane_refused", { lane: "dead", error: errorText(error) });
    }
  }
  message.retry({ delaySeconds });
}
