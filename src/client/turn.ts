/** One step of the machine while it is being made: the state so far and the effects so far. */
import type { ClientFrame } from "../protocol/client-frames.ts";
import type { pingText } from "../protocol/frames.ts";
import type { ClientState, Effect, LiveLink } from "./state.ts";

export interface Turn {
  state: ClientState;
  readonly effects: Effect[];
  readonly now: number;
  /** In [0, 1); no step needs more than one. */
  readonly random: number;
}

/** Replaces parts of the state. */
export function change(turn: Turn, parts: Partial<ClientState>): void {
  turn.state = { ...turn.state, ...parts };
}

/** Sends a frame on the live connection and notes `parts` of it along with the time. */
export function say(
  turn: Turn,
  link: LiveLink,
  frame: ClientFrame | typeof pingText,
  parts: Partial<LiveLink> = {},
): void {
  turn.effects.push({ type: "send", frame });
  change(turn, { link: { ...link, said: turn.now, ...parts } });
}
