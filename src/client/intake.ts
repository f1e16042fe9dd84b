/** What arrives on a live connection, put in line for the handler. A number that is missing means: start over from the cursor. */
import * as closeCodes from "../protocol/close-code-table.ts";
import {
  type GapFrame,
  type LiveMessage,
  ownTypes,
  type StreamMessage,
  type Withdrawal,
} from "../protocol/frames.ts";
import * as clientLimits from "./limits.ts";
import { abandon } from "./link.ts";
import type { Item } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Messages of the stream. */
export function takeMessages(turn: Turn, messages: readonly StreamMessage[]): void {
  const { epoch } = turn.saved;
  for (const message of messages) {
    withdrawBy(turn, message);
    takeNumbered(turn, message.seq, message.seq, { kind: "message", epoch, message });
  }
}

/** Numbers that will not come. */
export function takeGap(turn: Turn, frame: GapFrame): void {
  const { link } = turn;
  if (link.phase !== "live") return;
  // A connection that began earlier, for another tab, may bring more than is new here.
  const gap = { ...frame, from: Math.max(frame.from, link.received + 1) };
  takeNumbered(turn, gap.from, gap.to, { kind: "gap", epoch: turn.saved.epoch, gap });
}

/** A copy ahead of its turn. Where too many wait already it is left out, since its turn will come. */
export function takeExpress(turn: Turn, message: StreamMessage): void {
  withdrawBy(turn, message);
  const { ahead, epoch } = turn.saved;
  if (ahead.length < clientLimits.maxUrgent) takeUrgent(turn, { kind: "express", epoch, message });
}

/** A message for who listens now. Where too many wait already it is left out, as if this device were away. */
export function takeLive(turn: Turn, message: LiveMessage): void {
  takeUrgent(turn, { kind: "live", message });
}

function takeNumbered(turn: Turn, first: number, last: number, item: Item): void {
  const { link, queue } = turn;
  if (link.phase !== "live" || last <= link.received) return;
  if (first > link.received + 1) {
    abandon(turn, closeCodes.resync, "a number is missing");
    return;
  }
  turn.queue = [...queue, item];
  turn.link = { ...link, received: last };
}

/**
 * What a message withdraws or replaces, and still waits here, is passed over: a gap, as on a device that had not
 * got it. Otherwise a withdrawal that overtakes it would be told before it, and it would stand for ever.
 */
function withdrawBy(turn: Turn, { data, replaces, type }: StreamMessage): void {
  const withdrawal = type === ownTypes.withdrawn ? data : { id: replaces, reason: "replaced" };
  if (!isWithdrawal(withdrawal)) return;
  const { id, reason } = withdrawal;
  turn.urgent = turn.urgent.filter((item) => item.kind !== "express" || item.message.id !== id);
  turn.queue = turn.queue.map((item) => {
    if (item.kind !== "message" || item.message.id !== id) return item;
    const { seq } = item.message;
    return { kind: "gap", epoch: item.epoch, gap: { type: "gap", from: seq, to: seq, reason } };
  });
}

/** No more than is needed here: what the app is told is looked at more closely. */
function isWithdrawal(value: unknown): value is Withdrawal {
  return typeof value === "object" && value !== null && "id" in value && "reason" in value;
}

function takeUrgent(turn: Turn, item: Item): void {
  const { urgent } = turn;
  if (urgent.length < clientLimits.maxUrgent) turn.urgent = [...urgent, item];
}
