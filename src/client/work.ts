/**
 * The handler's work: one item at a time, saved before the next begins, so that a crash repeats one
 * message at most. What fails is tried again a few times and then passed over, and the app is told.
 */
import { noteSaved } from "./acks.ts";
import { backoffBoundMs } from "./backoff.ts";
import { clientLimits } from "./limits.ts";
import { advance, isKnown, isPassed } from "./progress.ts";
import type { Item, Job } from "./state.ts";
import { change, type Turn } from "./turn.ts";

/** Begins the next item, if none is in work. Urgent ones go first. */
export function workOn(turn: Turn): void {
  while (turn.state.job === undefined) {
    const { urgent, queue } = turn.state;
    const item = urgent[0] ?? queue[0];
    if (item === undefined) return;
    change(turn, urgent.length > 0 ? { urgent: urgent.slice(1) } : { queue: queue.slice(1) });
    if (!isPassed(turn.state.saved, item)) begin(turn, item);
  }
}

/** After the handler: saves what it did, or tries again. */
export function handled(turn: Turn, ok: boolean): void {
  const { job } = turn.state;
  if (job?.stage !== "handle") return;
  const { item } = job;
  if (ok) {
    conclude(turn, item);
  } else if (isStopped(turn)) {
    // Not handled, so not passed over either: the next start gets it again.
    finish(turn);
  } else if (!tryLater(turn, job)) {
    turn.effects.push({ type: "fault", fault: { kind: "handler", message: item.message } });
    // An express copy is not lost: its turn in the stream is still to come.
    if (item.kind === "message") conclude(turn, item);
    else finish(turn);
  }
}

/** After the save: the item is done. Without storage the device goes on from memory, and repeats after a restart. */
export function saved(turn: Turn, ok: boolean): void {
  const { job } = turn.state;
  if (job?.stage !== "save") return;
  if (ok) change(turn, { saved: advance(turn.state.saved, job.item) });
  else if (!isStopped(turn) && tryLater(turn, job)) return;
  else goOnUnsaved(turn, job.item);
  noteSaved(turn);
  finish(turn);
}

/** Runs a job, for the first time or again. */
export function run(turn: Turn, job: Job): void {
  change(turn, { job: { ...job, retryAt: undefined } });
  if (job.stage === "save") turn.effects.push({ type: "save", saved: advance(turn.state.saved, job.item) });
  else turn.effects.push({ type: "handle", message: job.item.message });
}

/** Ends the work. What is running may still finish, and is saved then; what waits for another try does not. */
export function layDown(turn: Turn): void {
  change(turn, { queue: [], urgent: [] });
  const { job } = turn.state;
  if (job?.retryAt === undefined) return;
  if (job.stage === "save") goOnUnsaved(turn, job.item);
  change(turn, { job: undefined });
}

function begin(turn: Turn, item: Item): void {
  if (item.kind === "gap") {
    turn.effects.push({ type: "gap", gap: item.gap });
    save(turn, item);
  } else if (item.kind === "message" && isKnown(turn.state.saved, item.message.id)) {
    save(turn, item);
  } else {
    run(turn, { stage: "handle", item, failures: 0, retryAt: undefined });
  }
}

function conclude(turn: Turn, item: Item): void {
  if (item.kind !== "live") {
    save(turn, item);
    return;
  }
  // Never replayed, so there is nothing to save; the id only guards against a copy.
  change(turn, { saved: advance(turn.state.saved, item) });
  finish(turn);
}

function save(turn: Turn, item: Exclude<Item, { kind: "live" }>): void {
  run(turn, { stage: "save", item, failures: 0, retryAt: undefined });
}

function goOnUnsaved(turn: Turn, item: Item): void {
  change(turn, { saved: advance(turn.state.saved, item) });
  turn.effects.push({ type: "fault", fault: { kind: "storage" } });
}

function finish(turn: Turn): void {
  change(turn, { job: undefined });
  workOn(turn);
}

/** Puts the job aside for a while; `false` when it has had its tries. */
function tryLater(turn: Turn, job: Job): boolean {
  const { failures } = job;
  if (failures === clientLimits.retries) return false;
  const retryAt = turn.now + turn.random * backoffBoundMs(failures);
  change(turn, { job: { ...job, failures: failures + 1, retryAt } });
  return true;
}

function isStopped(turn: Turn): boolean {
  return turn.state.link.phase === "stopped";
}
