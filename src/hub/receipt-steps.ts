/** What of a message's way through the object is told to its publisher, who asked for receipts. Pure. */
import type { Verdict } from "../protocol/delivery.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { ReceiptEvent, ReceiptState } from "../receipts/event.ts";

/** A step of one of the user's messages. */
export type Step = Pick<ReceiptEvent, "message" | "state" | "device" | "at">;

/** Takes steps, inside the transaction in which they are made. */
export type Tell = (steps: readonly Step[], now: number) => void;

/**
 * What is remembered of a message's receipts, in one number: that they were asked for, and whether a device
 * was sent it, a device has acknowledged it, the user has read it. 0 where nobody asked.
 */
export const asked = 1;
const sent = 2;
const acknowledged = 4;
const read = 8;
const flags: Partial<Record<ReceiptState, number>> = { sent, acknowledged, read };

/** With a step added. */
export function withStep(receipts: number, state: ReceiptState): number {
  return receipts | (flags[state] ?? 0);
}

/**
 * Whether a step is told. Sending and reading are, once: a user with ten devices is no ten users. Each device
 * that acknowledges is. That a message is over is no news where it had reached somebody, but for one that
 * was taken back on purpose.
 */
export function isNews(receipts: number, state: ReceiptState): boolean {
  if (receipts === 0) return false;
  switch (state) {
    case "sent":
    case "read":
      return withStep(receipts, state) !== receipts;
    case "expired":
    case "evicted":
    case "collapsed":
      return (receipts & (acknowledged | read)) === 0;
    default:
      return true;
  }
}

/** The step that a verdict is. None for a copy, and none for what becomes a dead letter: the dead lane tells that. */
export function verdictSteps(
  { id, receipts }: AcceptedMessage,
  { verdict }: Verdict,
  at: number,
): readonly Step[] {
  if (receipts !== true) return [];
  switch (verdict) {
    case "committed":
      return [{ message: id, state: "stored", at }];
    case "scheduled":
    case "expired":
    case "withdrawn":
    case "left":
    case "gone":
      return [{ message: id, state: verdict, at }];
    default:
      return [];
  }
}
