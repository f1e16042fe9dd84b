/**
 * The handler's work: one item at a time, saved before the next begins, so that a crash repeats one
 * message at most. A handler that fails is tried again a few times, and then its message passed over and told.
 */
import { noteSaved } from "./acks.ts";
import { backoffBoundMs } from "./backoff.ts";
import * as clientLimits from "./limits.ts";
import { advance, isKnown, isPassed } from "./progress.ts";
import type { Handling, Item } from "./state.ts";
import { noteSynced } from "./sync.ts";
import type { Turn } from "./turn.ts";

/** Begins the next item, if none is in work. Urgent ones go first. */
export function workOn(turn: Turn): void {
  while (turn.job === undefined) {
    const { urgent, queue } = turn;
    const item = urgent[0] ?? queue[0];
    if (item === undefined) return;
    if (urgent.length > 0) turn.urgent = urgent.slice(1);
    else turn.queue = queue.slice(1);
    if (!isPassed(turn.saved, item)) begin(turn, item);
  }
}

/** After the handler: saves what it did, or tries again. */
export function handled(turn: Turn, ok: boolean): void {
  const { job } = turn;
  if (job?.stage !== "handle") return;
  const { item } = job;
  if (ok) {
    conclude(turn, item);
  } else if (turn.link.phase === "stopped") {
    // Not handled, so not passed over either: the next start gets it again.
    finish(turn);
  } else if (!tryLater(turn, job)) {
    turn.effects.push({ type: "fault", fault: { kind: "handler", message: item.message } });
    conclude(turn, item);
  }
}

/**
 * After the save: the item is done. One that failed is not tried again, since the next one holds all of it;
 * a device that is started again before then gets the message once more.
 */
export function saved(turn: Turn, ok: boolean): void {
  const { job } = turn;
  if (job?.stage !== "save") return;
  turn.saved = advance(turn.saved, job.item);
  if (!ok) turn.effects.push({ type: "fault", fault: { kind: "storage" } });
  noteSaved(turn);
  noteSynced(turn);
  finish(turn);
}

/** Calls the handler, for the first time or again. */
export function handle(turn: Turn, { item, failures }: Pick<Handling, "item" | "failures">): void {
  turn.job = { stage: "handle", item, failures, retryAt: undefined };
  turn.effects.push({ type: "handle", message: item.message });
}

/** Ends the work. What is running may still finish, and is saved then; what waits for another try does not. */
export function layDown(turn: Turn): void {
  turn.queue = [];
  turn.urgent = [];
  if (turn.job?.retryAt !== undefined) turn.job = undefined;
}

function begin(turn: Turn, item: Item): void {
  if (item.kind === "gap") {
    turn.effects.push({ type: "gap", gap: item.gap });
    save(turn, item);
  } else if (item.kind === "message" && isKnown(turn.saved, item.message.id)) {
    save(turn, item);
  } else {
    handle(turn, { item, failures: 0 });
  }
}

function conclude(turn: Turn, item: Item): void {
  if (item.kind !== "live") {
    save(turn, item);
    return;
  }
  // Never replayed, so there is nothing to save; the id only guards against a copy.
  turn.saved = advance(turn.saved, item);
  finish(turn);
}

function save(turn: Turn, item: Exclude<Item, { kind: "live" }>): void {
  turn.job = { stage: "save", item, retryAt: undefined };
  turn.effects.push({ type: "save", saved: advance(turn.saved, item) });
}

function finish(turn: Turn): void {
  turn.job = undefined;
  workOn(turn);
}

/** Puts the job aside for a while; `false` when it has had its tries. */
function tryLater(turn: Turn, job: Handling): boolean {
  const { failures } = job;
  if (failures + 1 === clientLimits.tries) return false;
  const retryAt = turn.now + turn.random * backoffBoundMs(failures);
  turn.job = { ...job, failures: failures + 1, retryAt };
  return true;
}
