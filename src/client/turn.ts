/** One step of the machine while it is being made: the state so far and the effects so far. */
import type { SentFrame } from "../protocol/client-frames.ts";
import type { pingText } from "../protocol/frames.ts";
import type { Status } from "./reports.ts";
import type { ClientState, Effect, LiveLink } from "./state.ts";

/** The state, of which whole parts are replaced: nothing inside of a part is ever changed. */
type Draft = { -readonly [Part in keyof ClientState]: ClientState[Part] };

export interface Turn extends Draft {
  readonly effects: Effect[];
  readonly now: number;
  /** In [0, 1); no step needs more than one. */
  readonly random: number;
}

/** Tells the app how the connection stands. */
export function report(turn: Turn, status: Status): void {
  turn.effects.push({ type: "status", status });
}

/** Sends a frame on the live connection and notes `parts` of it along with the time. */
export function say(
  turn: Turn,
  link: LiveLink,
  frame: SentFrame | typeof pingText,
  parts: Partial<LiveLink> = {},
): void {
  turn.effects.push({ type: "send", frame });
  turn.link = { ...link, said: turn.now, ...parts };
}
