/**
 * The connection from the client's side: opening it, finding it dead, and what follows its end. The band
 * of the close code decides whether to come back, and the backoff when.
 */
import { closeAction, closeCodes } from "../protocol/close-codes.ts";
import { pingText, type WelcomeFrame } from "../protocol/frames.ts";
import { acknowledge, noteSaved } from "./acks.ts";
import { backoffBoundMs } from "./backoff.ts";
import { clientLimits } from "./limits.ts";
import { restart } from "./progress.ts";
import { type ClientState, type LiveLink, watchdogAt } from "./state.ts";
import { change, say, type Turn } from "./turn.ts";
import { layDown } from "./work.ts";

/** Asks for a connection that goes on after what is saved. */
export function open(turn: Turn): void {
  const { epoch, cursor } = turn.state.saved;
  change(turn, { link: { phase: "connecting", since: turn.now } });
  turn.effects.push(
    { type: "status", status: { state: "connecting" } },
    { type: "open", resume: epoch === "" ? undefined : { epoch, seq: cursor } },
  );
}

/** The hub's first frame: from here on the stream runs. */
export function welcome(turn: Turn, frame: WelcomeFrame): void {
  const { connection, epoch, from, head, heartbeat, resumed, spread } = frame;
  if (!resumed) {
    change(turn, { saved: restart(turn.state.saved, epoch, from) });
    turn.effects.push({ type: "discontinuity", reason: frame.reason ?? "epoch" });
  }
  turn.effects.push({ type: "status", status: { state: "live", connection, resumed, head } });
  const link: LiveLink = {
    phase: "live",
    since: turn.now,
    heartbeat,
    spread,
    heard: turn.now,
    said: turn.now,
    pinged: turn.now,
    received: turn.state.saved.cursor,
    acked: from,
    ackAt: undefined,
  };
  change(turn, { tokenRefused: false, bye: undefined });
  // The first ping tells the hub that this client has a heartbeat, and may be missed.
  say(turn, link, pingText);
  noteSaved(turn);
}

/** Pings into the silence, and gives the connection up when nothing comes back. */
export function watch(turn: Turn, link: LiveLink): void {
  if (turn.now < watchdogAt(link)) return;
  if (link.pinged === undefined) say(turn, link, pingText, { pinged: turn.now });
  else abandon(turn, closeCodes.heartbeat_timeout, "no answer to a ping");
}

/** Closes a connection that is of no use any more, and comes back. */
export function abandon(turn: Turn, code: number, reason: string): void {
  turn.effects.push({ type: "close", code, reason });
  lost(turn, code, reason);
}

/** After the end of a connection: comes back in a while, or stops for good. */
export function lost(turn: Turn, closeCode: number, closeReason: string): void {
  const { link, bye } = turn.state;
  if (link.phase !== "live" && link.phase !== "connecting") return;
  // A network that breaks right after the farewell must not hide what it said.
  const code = bye?.code ?? closeCode;
  const reason = bye?.reason ?? closeReason;
  const refused = code === closeCodes.token_invalid;
  if (closeAction(code) === "stop" && (!refused || turn.state.tokenRefused)) {
    stopped(turn, code, reason);
    return;
  }
  const forMs = (bye?.retryAfter ?? 0) + turn.random * delayBoundMs(turn, code);
  change(turn, {
    link: { phase: "waiting", until: turn.now + forMs },
    queue: [],
    failures: failuresBefore(turn) + 1,
    // Until a welcome: a network that fails in between must not make the second refusal a first one.
    tokenRefused: refused || turn.state.tokenRefused,
    bye: undefined,
  });
  turn.effects.push({ type: "status", status: { state: "waiting", forMs, code, reason } });
}

/** Ends it from this side; what was handled is acknowledged first. */
export function stop(turn: Turn): void {
  const { link, saved } = turn.state;
  if (link.phase === "idle" || link.phase === "stopped") return;
  if (link.phase === "live" && saved.cursor > link.acked) acknowledge(turn, link);
  const reason = "stopped by the client";
  if (link.phase !== "waiting") turn.effects.push({ type: "close", code: closeCodes.normal, reason });
  stopped(turn, closeCodes.normal, reason);
}

function stopped(turn: Turn, code: number, reason: string): void {
  change(turn, { link: { phase: "stopped" }, failures: 0, tokenRefused: false, bye: undefined });
  layDown(turn);
  turn.effects.push({ type: "status", status: { state: "stopped", code, reason } });
}

function failuresBefore({ state: { link, failures }, now }: Turn): number {
  return link.phase === "live" && now - link.since >= clientLimits.settledMs ? 0 : failures;
}

/** 4200 goes to many clients at once, which come back spread over the time that the hub asked for. */
function delayBoundMs(turn: Turn, code: number): number {
  const { link }: ClientState = turn.state;
  const spread = link.phase === "live" && code === closeCodes.reconnect ? link.spread : 0;
  return Math.max(spread, backoffBoundMs(failuresBefore(turn)));
}
