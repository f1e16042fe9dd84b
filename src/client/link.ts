/**
 * The connection from the client's side: opening it, finding it dead, and what follows its end. The band
 * of the close code decides whether to come back, and the backoff when.
 */
import * as closeCodes from "../protocol/close-code-table.ts";
import { bandOf, closeBands } from "../protocol/close-codes.ts";
import { pingText, type WelcomeFrame } from "../protocol/frames.ts";
import { acknowledge, noteSaved } from "./acks.ts";
import { backoffBoundMs } from "./backoff.ts";
import * as clientLimits from "./limits.ts";
import { restart } from "./progress.ts";
import { noteRead } from "./read-state.ts";
import { type LiveLink, watchdogAt } from "./state.ts";
import { report, say, type Turn } from "./turn.ts";
import { layDown } from "./work.ts";

/** Asks for a connection that goes on after what is saved. */
export function open(turn: Turn): void {
  const { epoch, cursor } = turn.saved;
  turn.link = { phase: "connecting", until: turn.now + clientLimits.connectTimeoutMs };
  report(turn, { state: "connecting" });
  turn.effects.push({ type: "open", resume: epoch === "" ? undefined : { epoch, seq: cursor } });
}

/** The hub's first frame: from here on the stream runs. */
export function welcome(turn: Turn, frame: WelcomeFrame): void {
  const { epoch, from, head, heartbeat, readUpTo, resumed, rev, spread, unread } = frame;
  if (!resumed) {
    turn.saved = restart(turn.saved, epoch, from);
    turn.effects.push({ type: "discontinuity", reason: frame.reason ?? "epoch" });
  }
  const link: LiveLink = {
    phase: "live",
    since: turn.now,
    heartbeat,
    spread,
    heard: turn.now,
    said: turn.now,
    pinged: turn.now,
    received: turn.saved.cursor,
    acked: from,
    ackAt: undefined,
    syncingTo: turn.saved.cursor < head ? head : undefined,
  };
  turn.tokenRefused = false;
  turn.bye = undefined;
  // The first ping tells the hub that this client has a heartbeat, and may be missed.
  say(turn, link, pingText);
  report(turn, { state: link.syncingTo === undefined ? "live" : "syncing" });
  noteRead(turn, { unread, readUpTo, rev });
  noteSaved(turn);
}

/** Makes use of good news: tries at once, or finds out whether the connection still lives. */
export function hurry(turn: Turn): void {
  const { link } = turn;
  if (link.phase === "waiting" && !link.firm) open(turn);
  if (link.phase === "live" && link.pinged === undefined) say(turn, link, pingText, { pinged: turn.now });
}

/** Opens anew at once; the connection until now is of no use. */
export function reopen(turn: Turn, patient: boolean): void {
  const { link } = turn;
  const { phase } = link;
  if (phase === "stopped" || (patient && phase === "waiting" && link.firm)) return;
  if (phase !== "waiting") turn.effects.push({ type: "close", code: closeCodes.normal, reason: "reopened" });
  turn.queue = [];
  open(turn);
}

/** Pings into the silence, and gives the connection up when nothing comes back. */
export function watch(turn: Turn, link: LiveLink): void {
  if (turn.now < watchdogAt(link)) return;
  if (link.pinged === undefined) say(turn, link, pingText, { pinged: turn.now });
  else abandon(turn, closeCodes.heartbeat_timeout, "no pong");
}

/** Closes a connection that is of no use any more, and comes back. */
export function abandon(turn: Turn, code: number, reason: string): void {
  turn.effects.push({ type: "close", code, reason });
  lost(turn, code, reason);
}

/** After the end of a connection: comes back in a while, or stops for good. */
export function lost(turn: Turn, closeCode: number, closeReason: string): void {
  const { link, bye } = turn;
  if (link.phase !== "live" && link.phase !== "connecting") return;
  // A network that breaks right after the farewell must not hide what it said.
  const code = bye?.code ?? closeCode;
  const reason = bye?.reason ?? closeReason;
  const refused = code === closeCodes.token_invalid;
  if (bandOf(code) === closeBands.stop && (!refused || turn.tokenRefused)) {
    stopped(turn, code, reason);
    return;
  }
  const retryAfter = bye?.retryAfter ?? 0;
  const forMs = retryAfter + turn.random * delayBoundMs(turn, code);
  const firm = retryAfter > 0 || refused || bandOf(code) === closeBands.backOff;
  turn.failures = failuresBefore(turn) + 1;
  // Until a welcome: a network that fails in between must not make the second refusal a first one.
  turn.tokenRefused ||= refused;
  turn.queue = [];
  turn.bye = undefined;
  turn.link = { phase: "waiting", until: turn.now + forMs, firm };
  report(turn, { state: "waiting", forMs, code, reason });
}

/** Ends it from this side; what was handled is acknowledged first. */
export function stop(turn: Turn, code: number = closeCodes.normal, reason = "stopped by the client"): void {
  const { link, saved } = turn;
  if (link.phase === "stopped") return;
  if (link.phase === "live" && saved.cursor > link.acked) acknowledge(turn, link);
  if (link.phase !== "waiting") turn.effects.push({ type: "close", code: closeCodes.normal, reason });
  stopped(turn, code, reason);
}

function stopped(turn: Turn, code: number, reason: string): void {
  turn.link = { phase: "stopped" };
  turn.failures = 0;
  turn.tokenRefused = false;
  turn.bye = undefined;
  layDown(turn);
  report(turn, { state: "stopped", code, reason });
}

function failuresBefore({ link, failures, now }: Turn): number {
  return link.phase === "live" && now - link.since >= clientLimits.settledMs ? 0 : failures;
}

/**
 * What ends on the hub's side, by a deploy or a restart, ends for many clients at once: they come back
 * spread over the time that it named. From here a broken network looks the same.
 */
function delayBoundMs(turn: Turn, code: number): number {
  const { link } = turn;
  const spread = link.phase === "live" && (code === closeCodes.reconnect || code < 4000) ? link.spread : 0;
  return Math.max(spread, backoffBoundMs(failuresBefore(turn)));
}
