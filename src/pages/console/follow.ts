/** What is said of a message on its way to one user, and how long it is worth asking. Pure. */
import type { MessageState, Receipt } from "./answers.ts";
import type { Receipts } from "./audience-answers.ts";
import { duration } from "./format.ts";

/** What the API said last; `undefined`: nothing yet, or 404, so that it is still on its way. */
export interface Followed {
  readonly user: string;
  readonly state?: MessageState;
  /** The result that came with the receipt, until the API says more. */
  readonly result?: NonNullable<Receipt["results"]>[number];
}

/** The receipt of a push names its users only where their objects were called. */
export function followed(users: readonly string[], receipt: Receipt): readonly Followed[] {
  return users.map((user) => {
    const result = receipt.results?.find((one) => one.user === user);
    return result === undefined ? { user } : { user, result };
  });
}

/** States after which nothing more happens, and results that the API has nothing to add to. */
const endStates = new Set([
  "read",
  "expired",
  "evicted",
  "collapsed",
  "retracted",
  "replaced",
  "handled",
  "dead",
]);
const endResults = new Set(["live", "expired", "gone", "withdrawn", "offline", "left", "dead"]);

/** States of a message that devices can still get, or have. */
const openStates = new Set(["stored", "sent", "acknowledged"]);

/** Whether there is nothing more to wait for: it came to an end, or a device has handled it. */
export function isSettled({ state, result }: Followed): boolean {
  if (state === undefined) return result !== undefined && endResults.has(result.state);
  return endStates.has(state.state) || (state.delivered?.length ?? 0) > 0;
}

/** A piece of what is said: words, or the name of a device, which may be too long to be shown whole. */
export type Piece = string | { readonly device: string };

/** In words, after the name of the user. */
export function inWords({ state, result }: Followed): readonly Piece[] {
  if (state === undefined) return [resultInWords(result)];
  if (state.state === "dead") return [`dead letter: ${state.reason}`];
  if (state.state === "scheduled") return ["waits for its time"];
  if (state.seq === undefined) return [`${state.state} before it came`];
  const place = `no. ${state.seq} of the stream`;
  if (!openStates.has(state.state)) return [`${state.state}, ${place}`];
  const handled = (state.delivered ?? []).flatMap(({ device, at }, index): readonly Piece[] => [
    index === 0 ? `${place}, handled by ` : ", ",
    { device },
    ` within ${duration(at - state.at)}`,
  ]);
  if (handled.length > 0) return handled;
  return [state.state === "sent" ? `${place}, on its way to a device` : `${place}, waits for a device`];
}

function resultInWords(result: Followed["result"]): string {
  if (result === undefined) return "on its way";
  if (result.state === "dead") return `dead letter: ${result.reason}`;
  if (result.state === "live") return `sent to ${devices(result.devices ?? 0)}, kept for nobody`;
  if (result.state === "queued") return "the object did not answer in time; the lane brings it";
  if (result.state === "scheduled") return "waits for its time";
  if (endResults.has(result.state)) return result.state;
  if (result.state === "duplicate") return `no. ${result.seq} of the stream, known from before`;
  return `no. ${result.seq} of the stream, sent to ${devices(result.devices ?? 0)}`;
}

function devices(count: number): string {
  return count === 1 ? "1 device" : `${count} devices`;
}

/** As a message goes through them. */
const states = ["scheduled", "stored", "sent", "acknowledged", "read"];

/** How many users came to each state, in the order in which a message goes through them; its ends last. */
export function countsInOrder({ counts }: Receipts): readonly (readonly [state: string, count: number])[] {
  const place = (state: string) => (states.includes(state) ? states.indexOf(state) : states.length);
  return Object.entries(counts).toSorted(([one], [other]) => place(one) - place(other));
}

/** Waits in milliseconds between the questions: a message takes milliseconds, or there is trouble to be watched. */
const waitsMs = [300, 500, 1_000, 1_000, 2_000, 2_000, 3_000] as const;
const lastWaitMs = 5_000;
/** Nobody looks at a receipt for longer. */
const maxAsked = 40;

/** How long to wait before asking the n-th time, from 0; `undefined`: no more. */
export function nextAskMs(asked: number): number | undefined {
  return asked >= maxAsked ? undefined : (waitsMs[asked] ?? lastWaitMs);
}
