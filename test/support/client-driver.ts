/** Drives the client's machine by hand: one event at a time, with a clock and a chance of the test's own. */

import {
  type ClientEvent,
  type ClientState,
  deadline,
  type Effect,
  initialState,
  step,
} from "../../src/client/machine.ts";
import type { Status } from "../../src/client/reports.ts";
import type { Saved } from "../../src/client/storage.ts";
import {
  type GapFrame,
  type GoneReason,
  type LiveMessage,
  ownTypes,
  type ServerFrame,
  type StreamMessage,
  type WelcomeFrame,
} from "../../src/protocol/frames.ts";
import { deviceId, messageId, messageType } from "../../src/protocol/ids.ts";

export const epoch = "epoch-1";

/** What a device has that handled everything up to a number. */
export function savedAt(cursor: number, parts: Partial<Saved> = {}): Saved {
  return { epoch, cursor, recentIds: [], ahead: [], ...parts };
}

export function welcome(parts: Partial<WelcomeFrame> = {}): WelcomeFrame {
  return {
    type: "welcome",
    connection: "connection-1",
    device: deviceId.parse("phone"),
    epoch,
    head: 100,
    floor: 0,
    from: 0,
    resumed: true,
    window: { messages: 64, bytes: 262_144 },
    heartbeat: 35_000,
    spread: 10_000,
    expires: 4_000_000_000_000,
    unread: 0,
    readUpTo: 0,
    rev: 0,
    ...parts,
  };
}

export function streamMessage(seq: number, id = `message-${seq}`): StreamMessage {
  return { ...liveMessage(id), seq, expires: 4_000_000_000_000 };
}

export function liveMessage(id: string): LiveMessage {
  return {
    id: messageId.parse(id),
    type: messageType.parse("note"),
    priority: "normal",
    at: 1,
    data: { id },
  };
}

export function messages(...seqs: readonly number[]): ServerFrame {
  return { type: "messages", messages: seqs.map((seq) => streamMessage(seq)), unread: 0 };
}

/** The word that a message is withdrawn. */
export function withdrawal(seq: number, of: string, reason: GoneReason = "retracted"): StreamMessage {
  return { ...streamMessage(seq, `withdrawal-of-${of}`), type: ownTypes.withdrawn, data: { id: of, reason } };
}

export function gap(from: number, to: number): GapFrame {
  return { type: "gap", from, to, reason: "expired" };
}

export function drive(saved?: Saved) {
  let state = initialState(saved);
  let now = 5_000;
  const driver = {
    random: 0.5,
    /** Whether pings are answered, at once. */
    answering: true,
    get state(): ClientState {
      return state;
    },
    get now(): number {
      return now;
    },
    /** How long the machine wants to be left alone. */
    get quiet(): number {
      return deadline(state) - now;
    },
    tell(event: ClientEvent): readonly Effect[] {
      const taken = step(state, event, now, driver.random);
      state = taken.state;
      if (driver.answering && pings(taken.effects) > 0) state = step(state, { type: "heard" }, now, 0).state;
      return taken.effects;
    },
    frame: (frame: ServerFrame) => driver.tell({ type: "frame", frame }),
    closed: (code: number, reason = "") => driver.tell({ type: "closed", code, reason }),
    handled: (ok = true) => driver.tell({ type: "handled", ok }),
    saved: (ok = true) => driver.tell({ type: "saved", ok }),
    /** Handles and saves the message in work; what then begins is in the answer. */
    finish: () => [...driver.handled(), ...driver.saved()],
    /** Lets time pass, with the ticks that the machine asks for. */
    pass(ms: number): readonly Effect[] {
      const until = now + ms;
      const effects: Effect[] = [];
      while (deadline(state) <= until) {
        now = Math.max(now, deadline(state));
        effects.push(...driver.tell({ type: "tick" }));
      }
      now = until;
      return effects;
    },
    /** Lets exactly the time pass that the machine asks for. */
    wait(): readonly Effect[] {
      now = Math.max(now, deadline(state));
      return driver.tell({ type: "tick" });
    },
    /** Starts, and gets a welcome that resumes from what is saved. */
    live(parts: Partial<WelcomeFrame> = {}): readonly Effect[] {
      return [
        ...driver.tell({ type: "start" }),
        ...driver.frame(welcome({ from: state.saved.cursor, ...parts })),
      ];
    },
  };
  return driver;
}

/** The effects of one kind. */
export function only<T extends Effect["type"]>(
  effects: readonly Effect[],
  type: T,
): readonly Extract<Effect, { type: T }>[] {
  return effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
}

export function handledIds(effects: readonly Effect[]): readonly string[] {
  return only(effects, "handle").map(({ message }) => message.id);
}

export function acks(effects: readonly Effect[]): readonly unknown[] {
  return only(effects, "send").flatMap(({ frame }) =>
    typeof frame === "object" && frame.type === "ack" ? [frame.seq] : [],
  );
}

export function pings(effects: readonly Effect[]): number {
  return only(effects, "send").filter(({ frame }) => frame === "ping").length;
}

export function lastStatus(effects: readonly Effect[]): Status | undefined {
  return only(effects, "status").at(-1)?.status;
}
