/**
 * The words of the client's state machine: its state, what can happen to it, and what it wants done.
 * All of it is plain data that survives `structuredClone`, so that a simulator can keep, compare and replay it.
 */
import type { SentFrame } from "../protocol/client-frames.ts";
import type {
  ByeFrame,
  GapFrame,
  LiveMessage,
  pingText,
  ResetReason,
  ServerFrame,
  StreamMessage,
} from "../protocol/frames.ts";
import type { Epoch, Seq } from "../protocol/seq.ts";
import * as clientLimits from "./limits.ts";
import type { Fault, ReadState, Status } from "./reports.ts";
import type { Saved } from "./storage.ts";

/** What waits for the handler. The epoch says which numbering `seq` belongs to: a new one may begin meanwhile. */
export type Item =
  | { readonly kind: "message" | "express"; readonly epoch: Epoch; readonly message: StreamMessage }
  | { readonly kind: "gap"; readonly epoch: Epoch; readonly gap: GapFrame }
  | { readonly kind: "live"; readonly message: LiveMessage };

/** An item with the handler. */
export interface Handling {
  readonly stage: "handle";
  readonly item: Exclude<Item, { kind: "gap" }>;
  /** Tries that failed. */
  readonly failures: number;
  /** Set while it waits to be tried again, and only then nothing is running. */
  readonly retryAt: number | undefined;
}

/** The one item in work: with the handler, or with the storage. */
export type Job =
  | Handling
  | { readonly stage: "save"; readonly item: Exclude<Item, { kind: "live" }>; readonly retryAt: undefined };

export interface LiveLink {
  readonly phase: "live";
  readonly since: number;
  readonly heartbeat: number;
  readonly spread: number;
  /** When the last frame came, and when the last one went. */
  readonly heard: number;
  readonly said: number;
  /** When a ping went that nothing has answered yet. */
  readonly pinged: number | undefined;
  /** The last number that arrived here, handled or not. */
  readonly received: Seq;
  readonly acked: Seq;
  readonly ackAt: number | undefined;
  /** What must be handled until this device is up to date with the welcome; `undefined` once it is. */
  readonly syncingTo: Seq | undefined;
}

/** The connection, or what stands in its place. */
export type Link =
  | { readonly phase: "stopped" }
  | { readonly phase: "connecting"; readonly until: number }
  | LiveLink
  /** `firm` where the hub asked for the wait, or refused: then not even good news shortens it. */
  | { readonly phase: "waiting"; readonly until: number; readonly firm: boolean };

export interface ClientState {
  readonly link: Link;
  readonly saved: Saved;
  /** In the order of the stream; forgotten with the connection, since a resume brings them again. */
  readonly queue: readonly Item[];
  /** Express and live: handled before the queue. */
  readonly urgent: readonly Item[];
  readonly job: Job | undefined;
  /** Of the whole inbox, as far as this device knows. */
  readonly read: ReadState;
  /** Connections lost in a row. */
  readonly failures: number;
  /** Whether the last token was refused: a second refusal is final. */
  readonly tokenRefused: boolean;
  /** What the hub said before it closes. */
  readonly bye: ByeFrame | undefined;
}

/** What can happen. After a `close` effect nothing more of that socket may be told. */
export type ClientEvent =
  | { readonly type: "start" }
  /** By the app; with a code, by the hub, which told it to another tab. */
  | { readonly type: "stop"; readonly code?: number; readonly reason?: string }
  | { readonly type: "frame"; readonly frame: ServerFrame }
  /** A pong, or a frame of a kind that is not known here: a sign of life. */
  | { readonly type: "heard" }
  /** The socket closed, or could not be opened, or there was no token for it (1006). */
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  /** The answer to a `refresh` effect. */
  | { readonly type: "token"; readonly token: string }
  /** The answers to a `handle` and to a `save` effect. */
  | { readonly type: "handled" | "saved"; readonly ok: boolean }
  /** The network is back, or somebody looks at the page: no time to wait for a timer. */
  | { readonly type: "hurry" }
  /**
   * The connection is to be had by another way, or must start at an earlier place; who is `patient` waits
   * nevertheless as long as the hub has asked for.
   */
  | { readonly type: "reopen"; readonly patient: boolean }
  /** {@link deadline} has come. */
  | { readonly type: "tick" };

/** What is to be done, in this order. */
export type Effect =
  /** Get a token and open a socket; without `resume` from the beginning of what the hub keeps. */
  | { readonly type: "open"; readonly resume: { readonly epoch: Epoch; readonly seq: Seq } | undefined }
  | { readonly type: "send"; readonly frame: SentFrame | typeof pingText }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  /** Get a fresh token and answer with `token`. */
  | { readonly type: "refresh" }
  | { readonly type: "handle"; readonly message: StreamMessage | LiveMessage }
  | { readonly type: "save"; readonly saved: Saved }
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "gap"; readonly gap: GapFrame }
  | { readonly type: "discontinuity"; readonly reason: ResetReason }
  | { readonly type: "state"; readonly state: ReadState }
  | { readonly type: "fault"; readonly fault: FaultSeen };

/** As the machine sees it: what a handler threw, only its shell knows. */
export type FaultSeen =
  | Exclude<Fault, { kind: "handler" }>
  | Omit<Extract<Fault, { kind: "handler" }>, "error">;

/** A client that has not started, with what an earlier run saved. */
export function initialState(saved: Saved = { epoch: "", cursor: 0, recentIds: [], ahead: [] }): ClientState {
  return {
    link: { phase: "stopped" },
    saved,
    queue: [],
    urgent: [],
    job: undefined,
    read: { unread: 0, readUpTo: 0, rev: 0 },
    failures: 0,
    tokenRefused: false,
    bye: undefined,
  };
}

/** No time at all. */
export const never = Number.POSITIVE_INFINITY;

/** When the machine next wants a `tick`; {@link never} when only something from outside can happen. */
export function deadline({ link, job }: ClientState): number {
  return Math.min(linkDeadline(link), job?.retryAt ?? never);
}

function linkDeadline(link: Link): number {
  if (link.phase === "live") return Math.min(watchdogAt(link), link.ackAt ?? never);
  return link.phase === "stopped" ? never : link.until;
}

/**
 * When the watchdog acts: on a ping without answer, or on silence in either direction. In ours too, since
 * the hub takes a client that only listens, say to live messages, for a dead one.
 */
export function watchdogAt({ pinged, heard, said, heartbeat }: LiveLink): number {
  return pinged === undefined ? Math.min(heard, said) + heartbeat : pinged + clientLimits.pongTimeoutMs;
}
