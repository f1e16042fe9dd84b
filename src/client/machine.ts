/**
 * The client's state machine: what a device does about everything that can happen to it. Pure: time and
 * chance come in, effects go out, and the state is all there is. A shell carries the effects out and calls
 * with `tick` when `deadline(state)` has come; a simulator does the same with a clock of its own.
 */
import * as closeCodes from "../protocol/close-code-table.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import { acknowledge } from "./acks.ts";
import { takeExpress, takeGap, takeLive, takeMessages } from "./intake.ts";
import { abandon, hurry, lost, open, reopen, stop, watch, welcome } from "./link.ts";
import { noteRead } from "./read-state.ts";
import type { ClientEvent, ClientState, Effect } from "./state.ts";
import { say, type Turn } from "./turn.ts";
import { handle, handled, saved, workOn } from "./work.ts";

export { type ClientEvent, type ClientState, deadline, type Effect, initialState, never } from "./state.ts";

export interface Step {
  readonly state: ClientState;
  readonly effects: readonly Effect[];
}

/**
 * What follows from one event.
 * @param now Milliseconds on a clock that only goes forward.
 * @param random In [0, 1).
 */
export function step(state: ClientState, event: ClientEvent, now: number, random: number): Step {
  const turn: Turn = { ...state, effects: [], now, random };
  takeEvent(turn, event);
  const { effects, now: _, random: __, ...next } = turn;
  return { state: next, effects };
}

function takeEvent(turn: Turn, event: ClientEvent): void {
  const { link } = turn;
  switch (event.type) {
    case "start":
      if (link.phase === "stopped") open(turn);
      break;
    case "stop":
      stop(turn, event.code, event.reason);
      break;
    case "frame":
      heard(turn);
      takeFrame(turn, event.frame);
      break;
    case "heard":
      heard(turn);
      break;
    case "closed":
      lost(turn, event.code, event.reason);
      break;
    case "token":
      if (link.phase === "live") say(turn, link, { type: "auth", token: event.token });
      break;
    case "handled":
      handled(turn, event.ok);
      break;
    case "saved":
      saved(turn, event.ok);
      break;
    case "hurry":
      hurry(turn);
      break;
    case "reopen":
      reopen(turn, event.patient);
      break;
    case "tick":
      tick(turn);
      break;
  }
}

function takeFrame(turn: Turn, frame: ServerFrame): void {
  const { phase } = turn.link;
  if (frame.type === "welcome" && phase === "connecting") welcome(turn, frame);
  if (frame.type === "bye") turn.bye = frame;
  if (phase !== "live") return;
  switch (frame.type) {
    case "messages":
      noteRead(turn, { unread: frame.unread });
      takeMessages(turn, frame.messages);
      break;
    case "gap":
      takeGap(turn, frame);
      break;
    case "express":
      takeExpress(turn, frame.message);
      break;
    case "live":
      takeLive(turn, frame.message);
      break;
    case "reauth":
      turn.effects.push({ type: "refresh" });
      break;
    case "state": {
      const { type: _, ...state } = frame;
      noteRead(turn, state);
      break;
    }
    case "error":
      turn.effects.push({ type: "fault", fault: { kind: "hub", code: frame.code, message: frame.message } });
      break;
  }
  workOn(turn);
}

function heard(turn: Turn): void {
  const { link } = turn;
  if (link.phase === "live") turn.link = { ...link, heard: turn.now, pinged: undefined };
}

/** Does what is due. A tick that comes early does nothing, and what is due at the same time comes with the next one. */
function tick(turn: Turn): void {
  const { link, job } = turn;
  if (job?.retryAt !== undefined && turn.now >= job.retryAt) handle(turn, job);
  if (link.phase === "waiting" && turn.now >= link.until) open(turn);
  if (link.phase === "connecting" && turn.now >= link.until) {
    abandon(turn, closeCodes.heartbeat_timeout, "no welcome");
  }
  if (link.phase !== "live") return;
  if (link.ackAt !== undefined && turn.now >= link.ackAt) acknowledge(turn, link);
  else watch(turn, link);
}
