/** Words about streams for tests: numbers, verdicts, and what a device got of them. */
import type { Verdict } from "../../src/protocol/delivery.ts";
import type { UserId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { type Device, hubOf } from "./device.ts";

/** The numbers from `first` to `last`. */
export function upTo(last: number, first = 1): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

/** The numbers that a device got in turn, gaps included. */
export function seqs(device: Device): number[] {
  return device.arrivals.map(({ seq }) => seq);
}

export function ids(list: readonly AcceptedMessage[]): string[] {
  return list.map(({ id }) => id);
}

export function committed(list: readonly number[]): Verdict[] {
  return list.map((seq) => ({ verdict: "committed", seq }));
}

export function duplicate(list: readonly number[]): Verdict[] {
  return list.map((seq) => ({ verdict: "duplicate", seq }));
}

/** Delivers a long list, a thousand at a time. */
export async function deliverAll(user: UserId, list: readonly AcceptedMessage[]): Promise<void> {
  for (let from = 0; from < list.length; from += 1_000) {
    await hubOf(user).deliver(list.slice(from, from + 1_000));
  }
}
