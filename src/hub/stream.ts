/**
 * The rules of a user's stream towards its devices: what one gets next, what its acknowledgement means.
 * (What a message becomes in it: `commit.ts`.) Pure: state and time come in, the new state and what to do
 * go out. The object, the simulator and the tests call the same functions.
 */
import type { GapFrame, GoneReason, ResetReason } from "../protocol/frames.ts";
import type { CollapseKey, MessageId, MessageType, Topic } from "../protocol/ids.ts";
import type { Priority } from "../protocol/priority.ts";
import type { Epoch, Seq } from "../protocol/seq.ts";
import type { Attention } from "./attention.ts";

/** A number of the stream: a message, or what is left of one. */
export interface StreamRow {
  readonly seq: Seq;
  readonly id: MessageId;
  readonly type: MessageType;
  readonly priority: Priority;
  readonly at: number;
  readonly expires: number;
  readonly collapseKey: CollapseKey | null;
  /** `data` as JSON text; empty once the message is gone. */
  readonly body: string;
  /** Length of `body` at commit, in UTF-8. */
  readonly bytes: number;
  /** Why it is not delivered any more. */
  readonly gone: GoneReason | null;
  /** The topic by which it came. */
  readonly topic: Topic | null;
  /** The message in whose place it comes. */
  readonly replaces: MessageId | null;
  /** Why it must not disturb; null where it may. */
  readonly attention: Exclude<Attention, "announce"> | null;
}

/** What may be sent and not yet acknowledged, and what fits one frame. */
export interface Window {
  readonly windowMessages: number;
  readonly windowBytes: number;
  readonly frameMessages: number;
  readonly frameBytes: number;
  readonly maxExpress: number;
  readonly stallTimeoutMs: number;
}

/** How far one connection is in the stream. */
export interface Cursor {
  readonly epoch: Epoch;
  readonly sent: Seq;
  readonly acked: Seq;
  /** Messages sent and not acknowledged, rising. */
  readonly flight: readonly { readonly seq: Seq; readonly bytes: number }[];
  /** Numbers sent ahead of their turn and not acknowledged. */
  readonly express: readonly Seq[];
  /** When the full window becomes a reason to close. */
  readonly stalledUntil: number | null;
  /** Acknowledgements that made no sense. */
  readonly badAcks: number;
}

/** Where a device left off, as it says itself. */
export interface Resume {
  readonly epoch: Epoch;
  readonly seq: Seq;
}

export interface Opening {
  readonly from: Seq;
  /** Why delivery starts from the beginning; absent when it resumes. */
  readonly reset?: ResetReason;
}

/**
 * Where delivery to a new connection starts: the client's cursor decides, never ours. A cursor beyond
 * the head means that storage went back in time (`storage`): the caller must begin a new epoch.
 */
export function open(resume: Resume | undefined, epoch: Epoch, head: Seq): Opening {
  if (resume === undefined) return { from: 0, reset: "new" };
  if (resume.epoch !== epoch) return { from: 0, reset: "epoch" };
  if (resume.seq > head) return { from: 0, reset: "storage" };
  return { from: resume.seq };
}

/** The cursor of a connection that starts after `from`. */
export function cursorAt(epoch: Epoch, from: Seq): Cursor {
  return { epoch, sent: from, acked: from, flight: [], express: [], stalledUntil: null, badAcks: 0 };
}

export interface RowsFrame {
  readonly type: "rows";
  readonly rows: readonly StreamRow[];
}

/**
 * What a connection gets now, in order: messages while the window has room, and gaps, which need none.
 * @param rows the stream, rising, at least what comes after `cursor.sent`; numbers missing there were trimmed long ago
 */
export function pump(
  cursor: Cursor,
  rows: Iterable<StreamRow>,
  head: Seq,
  now: number,
  window: Window,
): { readonly cursor: Cursor; readonly frames: readonly (RowsFrame | GapFrame)[] } {
  // A stalled connection waits for an acknowledgement; nothing else frees its window.
  if (cursor.sent >= head || cursor.stalledUntil !== null) return { cursor, frames: [] };
  const frames: (RowsFrame | GapFrame)[] = [];
  const flight = [...cursor.flight];
  let flightBytes = bytesOf(flight);
  let sent = cursor.sent;
  let full = false;
  let pack: StreamRow[] = [];
  let packBytes = 0;

  const skipTo = (to: Seq, reason: GoneReason): void => {
    const last = frames.at(-1);
    // One gap for the run, however mixed: there are never more gaps than messages between them.
    if (pack.length === 0 && last?.type === "gap") {
      frames[frames.length - 1] = { ...last, to, reason };
    } else {
      flush();
      frames.push({ type: "gap", from: sent + 1, to, reason });
    }
    sent = to;
  };
  const flush = (): void => {
    if (pack.length > 0) frames.push({ type: "rows", rows: pack });
    pack = [];
    packBytes = 0;
  };

  for (const row of rows) {
    if (row.seq <= sent) continue;
    if (row.seq > sent + 1) skipTo(row.seq - 1, "expired");
    const gone = row.gone ?? (row.expires <= now ? "expired" : null);
    if (gone !== null) {
      skipTo(row.seq, gone);
      continue;
    }
    full = isFull(flight.length, flightBytes, window);
    if (full) break;
    if (
      pack.length >= window.frameMessages ||
      (pack.length > 0 && packBytes + row.bytes > window.frameBytes)
    ) {
      flush();
    }
    pack.push(row);
    packBytes += row.bytes;
    flight.push({ seq: row.seq, bytes: row.bytes });
    flightBytes += row.bytes;
    sent = row.seq;
  }
  if (!full && sent < head) skipTo(head, "expired");
  flush();
  const stalledUntil = full ? now + window.stallTimeoutMs : null;
  return { cursor: { ...cursor, sent, flight, stalledUntil }, frames };
}

/**
 * The cursor after a copy of a critical message was sent ahead of its turn, or `undefined` where none
 * is due: it need not wait, since its turn is next and the window has room, or too many copies are
 * outstanding.
 */
export function express(cursor: Cursor, row: StreamRow, window: Window): Cursor | undefined {
  const { sent, flight, express: copies } = cursor;
  const waits = sent < row.seq - 1 || isFull(flight.length, bytesOf(flight), window);
  if (row.priority !== "critical" || !waits || copies.length >= window.maxExpress) return undefined;
  return { ...cursor, express: [...copies, row.seq] };
}

function isFull(messages: number, bytes: number, window: Window): boolean {
  return messages >= window.windowMessages || bytes >= window.windowBytes;
}

function bytesOf(flight: Cursor["flight"]): number {
  return flight.reduce((sum, { bytes }) => sum + bytes, 0);
}

export type Acked =
  | { readonly kind: "moved"; readonly cursor: Cursor }
  | { readonly kind: "bad"; readonly cursor: Cursor }
  | { readonly kind: "resync" }
  | { readonly kind: "hopeless" };

/**
 * What an acknowledgement does. It moves the cursor and nothing else: no message is deleted because of
 * it. Numbers that make no sense are answered (`bad`), the second time the connection ends (`hopeless`).
 */
export function acknowledge(cursor: Cursor, epoch: Epoch, seq: unknown, head: Seq): Acked {
  if (epoch !== cursor.epoch) return { kind: "resync" };
  if (typeof seq !== "number" || !Number.isInteger(seq) || seq < 0 || seq > head) {
    return cursor.badAcks > 0 ? { kind: "hopeless" } : { kind: "bad", cursor: { ...cursor, badAcks: 1 } };
  }
  const acked = Math.max(cursor.acked, Math.min(seq, cursor.sent));
  if (acked === cursor.acked) return { kind: "moved", cursor };
  return {
    kind: "moved",
    cursor: {
      ...cursor,
      acked,
      flight: cursor.flight.filter((sent) => sent.seq > acked),
      express: cursor.express.filter((sent) => sent > acked),
      stalledUntil: null,
    },
  };
}
