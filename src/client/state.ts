/**
 * The words of the client's state machine: its state, what can happen to it, and what it wants done.
 * All of it is plain data that survives `structuredClone`, so that a simulator can keep, compare and replay it.
 */
import type { ClientFrame } from "../protocol/client-frames.ts";
import type {
  GapFrame,
  LiveMessage,
  pingText,
  ResetReason,
  ServerFrame,
  StreamMessage,
} from "../protocol/frames.ts";
import type { Epoch, MessageId, Seq } from "../protocol/ids.ts";
import { clientLimits } from "./limits.ts";

/** What a device keeps between runs. Written as one value: a cursor without its ids would repeat or lose. */
export interface Saved {
  /** The life of the hub's storage that the numbers belong to; empty before the first `welcome`. */
  readonly epoch: Epoch;
  /** Everything up to this number is handled. */
  readonly cursor: Seq;
  /** Handled last, oldest first. */
  readonly recentIds: readonly MessageId[];
  /** Handled as an express copy, while their turn in the stream is still to come. */
  readonly ahead: readonly { readonly seq: Seq; readonly id: MessageId }[];
}

/** What waits for the handler. The epoch says which numbering `seq` belongs to: a new one may begin meanwhile. */
export type Item =
  | { readonly kind: "message" | "express"; readonly epoch: Epoch; readonly message: StreamMessage }
  | { readonly kind: "gap"; readonly epoch: Epoch; readonly gap: GapFrame }
  | { readonly kind: "live"; readonly message: LiveMessage };

/** The one item in work: with the handler, or with the storage. */
export type Job = (
  | { readonly stage: "handle"; readonly item: Exclude<Item, { kind: "gap" }> }
  | { readonly stage: "save"; readonly item: Exclude<Item, { kind: "live" }> }
) & {
  /** Failed tries of this stage. */
  readonly failures: number;
  /** Set while it waits to be tried again, and only then nothing is running. */
  readonly retryAt: number | undefined;
};

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
}

/** The connection, or what stands in its place. */
export type Link =
  | { readonly phase: "idle" | "stopped" }
  | { readonly phase: "connecting"; readonly since: number }
  | LiveLink
  | { readonly phase: "waiting"; readonly until: number };

export interface ClientState {
  readonly link: Link;
  readonly saved: Saved;
  /** In the order of the stream; forgotten with the connection, since a resume brings them again. */
  readonly queue: readonly Item[];
  /** Express and live: handled before the queue. */
  readonly urgent: readonly Item[];
  readonly job: Job | undefined;
  /** Connections lost in a row. */
  readonly failures: number;
  /** Whether the last token was refused: a second refusal is final. */
  readonly tokenRefused: boolean;
  /** What the hub said before it closes. */
  readonly bye: { readonly code: number; readonly reason: string; readonly retryAfter: number } | undefined;
}

/** What can happen. After a `close` effect nothing more of that socket may be told. */
export type ClientEvent =
  | { readonly type: "start" | "stop" }
  | { readonly type: "frame"; readonly frame: ServerFrame }
  /** A pong, or a frame of a kind that is not known here: a sign of life. */
  | { readonly type: "heard" }
  /** The socket closed, or could not be opened, or there was no token for it (1006). */
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  /** The answer to a `refresh` effect. */
  | { readonly type: "token"; readonly token: string }
  /** The answers to a `handle` and to a `save` effect. */
  | { readonly type: "handled" | "saved"; readonly ok: boolean }
  /** {@link deadline} has come. */
  | { readonly type: "tick" };

export type Status =
  | { readonly state: "connecting" }
  | { readonly state: "live"; readonly connection: string; readonly resumed: boolean; readonly head: Seq }
  | { readonly state: "waiting"; readonly forMs: number; readonly code: number; readonly reason: string }
  | { readonly state: "stopped"; readonly code: number; readonly reason: string };

/** A message that was passed over after its tries, a cursor that could not be saved, or a refusal by the hub. */
export type Fault =
  | { readonly kind: "handler"; readonly message: StreamMessage | LiveMessage }
  | { readonly kind: "storage" }
  | { readonly kind: "hub"; readonly code: string; readonly message: string };

/** What is to be done, in this order. */
export type Effect =
  /** Get a token and open a socket; without `resume` from the beginning of what the hub keeps. */
  | { readonly type: "open"; readonly resume: { readonly epoch: Epoch; readonly seq: Seq } | undefined }
  | { readonly type: "send"; readonly frame: ClientFrame | typeof pingText }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  /** Get a fresh token and answer with `token`. */
  | { readonly type: "refresh" }
  | { readonly type: "handle"; readonly message: StreamMessage | LiveMessage }
  | { readonly type: "save"; readonly saved: Saved }
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "gap"; readonly gap: GapFrame }
  | { readonly type: "discontinuity"; readonly reason: ResetReason }
  | { readonly type: "fault"; readonly fault: Fault };

/** A client that has not started, with what an earlier run saved. */
export function initialState(saved: Saved = { epoch: "", cursor: 0, recentIds: [], ahead: [] }): ClientState {
  return {
    link: { phase: "idle" },
    saved,
    queue: [],
    urgent: [],
    job: undefined,
    failures: 0,
    tokenRefused: false,
    bye: undefined,
  };
}

/** When the machine next wants a `tick`; `Infinity` when only something from outside can happen. */
export function deadline({ link, job }: ClientState): number {
  return Math.min(linkDeadline(link), job?.retryAt ?? Number.POSITIVE_INFINITY);
}

function linkDeadline(link: Link): number {
  switch (link.phase) {
    case "connecting":
      return link.since + clientLimits.connectTimeoutMs;
    case "waiting":
      return link.until;
    case "live":
      return Math.min(watchdogAt(link), link.ackAt ?? Number.POSITIVE_INFINITY);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/**
 * When the watchdog acts: on a ping without answer, or on silence in either direction. In ours too, since
 * the hub takes a client that only listens, say to live messages, for a dead one.
 */
export function watchdogAt({ pinged, heard, said, heartbeat }: LiveLink): number {
  return pinged === undefined ? Math.min(heard, said) + heartbeat : pinged + clientLimits.pongTimeoutMs;
}
