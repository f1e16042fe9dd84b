/** What arrives on a live connection, put in line for the handler. A number that is missing means: start over from the cursor. */
import { closeCodes } from "../protocol/close-codes.ts";
import type { GapFrame, LiveMessage, StreamMessage } from "../protocol/frames.ts";
import * as clientLimits from "./limits.ts";
import { abandon } from "./link.ts";
import type { Item } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Messages of the stream. */
export function takeMessages(turn: Turn, messages: readonly StreamMessage[]): void {
  const { epoch } = turn.saved;
  for (const message of messages) {
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

function takeUrgent(turn: Turn, item: Item): void {
  const { urgent } = turn;
  if (urgent.length < clientLimits.maxUrgent) turn.urgent = [...urgent, item];
}
