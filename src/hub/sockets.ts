/**
 * The open connections of a user and what is remembered of each. It lives in the socket's attachment, so
 * that it survives hibernation; it does not survive the object's death, and neither does the socket.
 */
import { z } from "zod";
import { grants, noGrants } from "../auth/grants.ts";
import { closeCodes } from "../protocol/close-codes.ts";
import { deviceId } from "../protocol/ids.ts";
import type { Pulse } from "./deadlines.ts";
import type { AckPoint } from "./devices.ts";
import { type Lease, lease } from "./lease.ts";
import type { Cursor } from "./stream.ts";

const cursor: z.ZodType<Cursor> = z.object({
  epoch: z.string(),
  sent: z.number(),
  acked: z.number(),
  flight: z.array(z.object({ seq: z.number(), bytes: z.number() })),
  express: z.array(z.number()),
  stalledUntil: z.number().nullable(),
  badAcks: z.number(),
});

const ackPoint: z.ZodType<AckPoint> = z.tuple([z.number(), z.number()]);

const attachment = z.object({
  connection: z.string(),
  device: deviceId,
  cursor,
  connected: z.number(),
  heard: z.number(),
  tokenExpires: z.number(),
  closesAt: z.number(),
  reauthAsked: z.boolean(),
  /** Of the token; connections from before there were grants have none. */
  grants: grants.default(noGrants),
  history: z.array(ackPoint).readonly(),
  /** Frames in a row that made no sense. */
  badFrames: z.number(),
  /** Of the user, when it was last taken or renewed; not of a connection that came later. */
  lease: lease.optional(),
});

/** What is remembered of a connection. */
export type Connection = Readonly<z.infer<typeof attachment>>;

export class Sockets {
  readonly #context: DurableObjectState;
  readonly #open = new Map<WebSocket, Connection>();

  /** Takes up again what was open before the object slept. */
  constructor(context: DurableObjectState) {
    this.#context = context;
    for (const socket of context.getWebSockets()) {
      if (socket.readyState !== WebSocket.OPEN) continue;
      const attached = attachedTo(socket);
      if (attached !== undefined) this.#open.set(socket, attached);
      // Of another version of the hub. Left alone, it would get its pongs and never a message.
      else socket.close(closeCodes.reconnect, "reconnect");
    }
  }

  get size(): number {
    return this.#open.size;
  }

  /** A copy, so that connections may close while it is walked. */
  all(): readonly (readonly [WebSocket, Connection])[] {
    return [...this.#open];
  }

  get(socket: WebSocket): Connection | undefined {
    return this.#open.get(socket);
  }

  set(socket: WebSocket, connection: Connection): void {
    this.#open.set(socket, connection);
    socket.serializeAttachment(connection);
  }

  /** Ends a connection and tells, once, how it stood; also one whose close is what woke the object. */
  forget(socket: WebSocket): Connection | undefined {
    const connection = this.#open.get(socket) ?? attachedTo(socket);
    this.#open.delete(socket);
    socket.serializeAttachment(null);
    return connection;
  }

  /** Since when the user is online; `undefined` while no connection is open. */
  onlineSince(): number | undefined {
    const since = Math.min(...this.all().map(([, { connected }]) => connected));
    return Number.isFinite(since) ? since : undefined;
  }

  /** Remembers the user's lease with every connection: whichever ends last can give it back. */
  keepLease(lease: Lease): void {
    for (const [socket, connection] of this.all()) this.set(socket, { ...connection, lease });
  }

  /** The leases that connections remember. */
  leases(): readonly Lease[] {
    return this.all().flatMap(([, { lease }]) => lease ?? []);
  }

  /** The times of a connection, with the last ping, which the runtime answers without telling. */
  pulse(socket: WebSocket, connection: Connection): Pulse {
    return {
      connected: connection.connected,
      heard: connection.heard,
      pinged: this.#context.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null,
      tokenExpires: connection.tokenExpires,
      closesAt: connection.closesAt,
      reauthAsked: connection.reauthAsked,
      stalledUntil: connection.cursor.stalledUntil,
    };
  }
}

function attachedTo(socket: WebSocket): Connection | undefined {
  const attached = attachment.safeParse(socket.deserializeAttachment());
  return attached.success ? attached.data : undefined;
}
