/**
 * What goes out to the open connections of a user: the stream, copies ahead of it, state, goodbyes.
 * It carries out what the rules in `stream.ts` and `deadlines.ts` decide.
 */
import { socketLimits } from "../limits.ts";
import { type CloseName, closeCodes, sanitisedCloseCode } from "../protocol/close-codes.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Seq } from "../protocol/seq.ts";
import { due, nextLook } from "./deadlines.ts";
import { rememberDevice } from "./devices.ts";
import type { Inbox } from "./inbox.ts";
import { type Connection, Sockets } from "./sockets.ts";
import { type Cursor, express, pump, type StreamRow } from "./stream.ts";
import { expressText, frameText, liveText, pumpWriter } from "./wire.ts";

type PlainFrame = Exclude<ServerFrame, { type: "messages" | "express" | "live" }>;

/** What came of an offer. */
export interface Offered {
  /** When the first of the connections that are stalled now must be looked at. */
  readonly stalledUntil: number;
  /** How many connections were sent a fresh number at once. */
  readonly reached: (seq: Seq) => number;
}

export class Connections {
  readonly #sql: SqlStorage;
  readonly sockets: Sockets;
  readonly #ended: (connection: Connection) => void;

  /** @param ended called when a connection has ended, whatever ended it */
  constructor(context: DurableObjectState, ended: (connection: Connection) => void) {
    this.#sql = context.storage.sql;
    this.#ended = ended;
    this.sockets = new Sockets(context);
  }

  send(socket: WebSocket, frame: PlainFrame): void {
    sendText(socket, frameText(frame));
  }

  /** To every connection, but for one whose token is over and whose end is only late. */
  broadcast(frame: PlainFrame, now: number): void {
    const text = frameText(frame);
    for (const [socket, { closesAt }] of this.sockets.all()) {
      if (closesAt > now) sendText(socket, text);
    }
  }

  /**
   * Brings connections forward as far as their windows allow: critical messages first, as a copy where
   * they would have to wait, then everything in its turn.
   * @param fresh what was committed just now, so that it need not be read again
   */
  offer(inbox: Inbox, fresh: readonly StreamRow[], now: number, only?: WebSocket): Offered {
    const write = pumpWriter(() => inbox.readState(now).unread);
    const urgent = fresh.filter((row) => row.priority === "critical" && row.gone === null);
    const firstFresh = fresh[0]?.seq ?? inbox.head + 1;
    const reached = new Map<Seq, number>();
    let upToDate = 0;
    let stalledUntil = Number.POSITIVE_INFINITY;
    for (const [socket, connection] of this.sockets.all()) {
      if (only !== undefined && socket !== only) continue;
      if (connection.closesAt <= now) {
        this.close(socket, "token_expired", now);
        continue;
      }
      let { cursor } = connection;
      for (const row of urgent) {
        const ahead = express(cursor, row, socketLimits);
        if (ahead === undefined) continue;
        cursor = ahead;
        sendText(socket, expressText(row));
      }
      const rows = cursor.sent >= firstFresh - 1 ? fresh : inbox.after(cursor.sent);
      const pumped = pump(cursor, rows, inbox.head, now, socketLimits);
      for (const frame of pumped.frames) sendText(socket, write(frame));
      if (pumped.cursor !== connection.cursor)
        this.sockets.set(socket, { ...connection, cursor: pumped.cursor });
      inbox.sent(connection.device, connection.cursor.sent, pumped.cursor, now);
      stalledUntil = Math.min(stalledUntil, pumped.cursor.stalledUntil ?? Number.POSITIVE_INFINITY);
      if (pumped.cursor.sent === inbox.head) upToDate += 1;
      else for (const seq of sentOf(fresh, pumped.cursor)) reached.set(seq, (reached.get(seq) ?? 0) + 1);
    }
    return { stalledUntil, reached: (seq) => upToDate + (reached.get(seq) ?? 0) };
  }

  /** A message that is never stored, to the connections that keep up, and how many they are; a stalled one would only queue it in memory. */
  live(message: AcceptedMessage, now: number): number {
    const text = liveText(message);
    const listening = this.sockets
      .all()
      .filter(([, { cursor, closesAt }]) => cursor.stalledUntil === null && closesAt > now);
    for (const [socket] of listening) sendText(socket, text);
    return listening.length;
  }

  /** Says why, closes, and remembers how far the device was. */
  close(socket: WebSocket, name: CloseName, now: number, retryAfter?: number, reason: string = name): void {
    const code = closeCodes[name];
    this.send(socket, { type: "bye", code, reason, ...(retryAfter === undefined ? {} : { retryAfter }) });
    try {
      this.end(socket, now);
    } finally {
      closeQuietly(socket, code, reason);
    }
  }

  closeAll(name: CloseName, now: number): number {
    const open = this.sockets.all();
    for (const [socket] of open) this.close(socket, name, now);
    return open.length;
  }

  /** A connection that is over, however it ended. */
  end(socket: WebSocket, now: number): void {
    const connection = this.sockets.forget(socket);
    if (connection === undefined) return;
    const { device, cursor, history } = connection;
    this.#ended(connection);
    rememberDevice(this.#sql, { device, acked: cursor.acked, seen: now, history });
  }

  /** Closes or asks whoever a deadline has come for. */
  settleDue(now: number): void {
    for (const [socket, connection] of this.sockets.all()) {
      const todo = due(this.sockets.pulse(socket, connection), now);
      if (todo === undefined) continue;
      if ("close" in todo) {
        this.close(socket, todo.close, now);
      } else {
        this.send(socket, { type: "reauth", expires: connection.tokenExpires });
        this.sockets.set(socket, { ...connection, reauthAsked: true });
      }
    }
  }

  /** When to look at a connection next. */
  deadline(socket: WebSocket, connection: Connection, now: number): number {
    return nextLook(this.sockets.pulse(socket, connection), now);
  }
}

/** Completes a closing handshake. The runtime does not do it for hibernating sockets, whatever the compatibility date. */
export function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(sanitisedCloseCode(code), reason);
  } catch {
    // Already closed from the other side: there is nobody left to tell.
  }
}

/** What of the fresh numbers a connection that is behind was sent: in its turn, or as a copy. */
function sentOf(fresh: readonly StreamRow[], { sent, express: copies }: Cursor): readonly Seq[] {
  return fresh.map(({ seq }) => seq).filter((seq) => seq <= sent || copies.includes(seq));
}

function sendText(socket: WebSocket, text: string): void {
  try {
    socket.send(text);
  } catch {
    // It is closing; its close event ends the connection, and the device resumes from its own cursor.
  }
}
