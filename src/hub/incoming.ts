/**
 * What clients say on their connections: each frame is counted against its bucket, read, carried out and, where
 * it asks for that, answered.
 */
import { verifyConnectToken } from "../auth/connect-token.ts";
import { socketLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { ClientFrame } from "../protocol/client-frames.ts";
import type { FrameError } from "../protocol/frames.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Settings } from "../settings.ts";
import { type Bucket, giveBack, take } from "./bucket.ts";
import type { ConnectRequest } from "./connect-request.ts";
import type { Connections } from "./connections.ts";
import { closesAt } from "./deadlines.ts";
import { withAck } from "./devices.ts";
import { answerFrame, type Handling } from "./handling.ts";
import { readInbound } from "./inbound.ts";
import type { Inbox } from "./inbox.ts";
import type { Connection } from "./sockets.ts";
import { acknowledge, type StreamRow } from "./stream.ts";
import { type ChangeTopics, subscription } from "./subscriptions.ts";
import type { ReadRequest } from "./views.ts";

/** The object that clients talk to. */
export interface Interlocutor {
  readonly user: UserId;
  readonly connections: Connections;
  readonly handling: Handling;
  settings(): Settings;
  now(): number;
  open(): Inbox;
  /** There was a sign of life. */
  heard(): void;
  read(request: ReadRequest): Promise<unknown>;
  readonly changeTopics: ChangeTopics;
  /** False for a token that opens a single connection, and has opened one. */
  takeToken(token: Omit<ConnectRequest["token"], "issued">, now: number): boolean;
  /** Brings what was committed just now to the devices. */
  offer(fresh: readonly StreamRow[], now: number): Promise<void>;
  /** Makes sure that the alarm comes by then. */
  ringBy(deadline?: number): Promise<void>;
}

export class Incoming {
  readonly #of: Interlocutor;
  /** Only for a running object: by the time one has slept, every bucket is full again. */
  readonly #buckets = new WeakMap<WebSocket, Bucket>();

  constructor(of: Interlocutor) {
    this.#of = of;
  }

  /** Carries out and answers one frame. Never throws. */
  async take(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const now = this.#of.now();
    const connection = this.#of.connections.sockets.get(socket);
    if (connection === undefined) return;
    this.#of.heard();
    const bucket = take(
      this.#buckets.get(socket),
      now,
      socketLimits.frameBurst,
      socketLimits.framesPerSecond,
    );
    if (bucket === undefined) {
      this.#of.connections.close(socket, "rate_limited", now, 1_000);
      return;
    }
    this.#buckets.set(socket, bucket);

    const inbound = readInbound(data);
    if (inbound.kind === "close") {
      this.#of.connections.close(socket, inbound.name, now);
    } else if (connection.closesAt <= now) {
      this.#of.connections.close(socket, "token_expired", now);
    } else if (inbound.kind === "fault") {
      const { code, message, ref } = inbound.fault;
      this.#of.connections.sockets.set(socket, {
        ...connection,
        heard: Math.max(connection.heard, now),
        badFrames: connection.badFrames + 1,
      });
      this.#fail(socket, code, message, ref);
      if (connection.badFrames + 1 >= socketLimits.maxBadFrames)
        this.#of.connections.close(socket, "bad_request", now);
    } else {
      const heard = { ...connection, heard: Math.max(connection.heard, now), badFrames: 0 };
      this.#of.connections.sockets.set(socket, heard);
      try {
        await this.#handle(socket, heard, inbound.frame, now);
      } catch (error) {
        log("error", "frame_failed", { code: inbound.frame.type, error: errorText(error) });
        this.#fail(
          socket,
          "internal",
          "the hub failed to handle the frame; send it again",
          inbound.frame.ref,
        );
      }
    }
  }

  async #handle(socket: WebSocket, connection: Connection, frame: ClientFrame, now: number): Promise<void> {
    switch (frame.type) {
      case "ack":
        return this.#ack(socket, connection, frame, now);
      case "read": {
        const { ids, upTo } = frame;
        if ((ids === undefined) === (upTo === undefined)) {
          return this.#fail(socket, "bad_frame", "a read names either ids or upTo", frame.ref);
        }
        await this.#of.read(ids !== undefined ? { ids } : { upTo: upTo ?? 0 });
        return this.#ok(socket, frame.ref);
      }
      case "auth":
        return this.#refresh(socket, frame, now);
      case "send":
        return this.#send(socket, connection, frame);
      case "subscribe":
      case "unsubscribe": {
        const refused = await subscription(frame, connection.grants, this.#of.changeTopics);
        if (refused !== undefined) return this.#fail(socket, refused.code, refused.message, frame.ref);
        return this.#ok(socket, frame.ref);
      }
    }
  }

  async #send(
    socket: WebSocket,
    { device, grants }: Connection,
    { name, data, ref }: Extract<ClientFrame, { type: "send" }>,
  ): Promise<void> {
    const handled = await this.#of.handling.handle({ name, data, device, scopes: grants.scopes }, socket);
    // A handler may take long: only a connection that is still good hears of it.
    const { closesAt = 0 } = this.#of.connections.sockets.get(socket) ?? {};
    if (ref !== undefined && closesAt > this.#of.now())
      this.#of.connections.send(socket, answerFrame(handled, ref));
  }

  async #ack(
    socket: WebSocket,
    connection: Connection,
    { epoch, seq, ref }: Extract<ClientFrame, { type: "ack" }>,
    now: number,
  ): Promise<void> {
    const inbox = this.#of.open();
    const acked = acknowledge(connection.cursor, epoch, seq, inbox.head);
    switch (acked.kind) {
      case "resync":
        return this.#of.connections.close(socket, "resync", now);
      case "hopeless":
        return this.#of.connections.close(socket, "bad_request", now);
      case "bad":
        this.#of.connections.sockets.set(socket, { ...connection, cursor: acked.cursor });
        return this.#fail(socket, "bad_ack", `seq must be a whole number from 0 to ${inbox.head}`, ref);
      case "moved": {
        const moved = acked.cursor !== connection.cursor;
        const history = moved ? withAck(connection.history, acked.cursor.acked, now) : connection.history;
        // There are never more of these than messages were sent: a fast device must not be taken for a flood.
        const bucket = this.#buckets.get(socket);
        if (moved && bucket !== undefined) this.#buckets.set(socket, giveBack(bucket));
        this.#of.connections.sockets.set(socket, { ...connection, cursor: acked.cursor, history });
        const { device, cursor } = connection;
        const changes = inbox.acknowledged(device, cursor.acked, acked.cursor.acked, now);
        const settled = this.#of.offer(changes.fresh, now);
        const { stalledUntil } = this.#of.connections.offer(inbox, [], now, socket);
        this.#ok(socket, ref);
        await Promise.all([settled, this.#of.ringBy(stalledUntil)]);
      }
    }
  }

  /** A fresh token on the live connection. One that is refused changes nothing: the old one still ends when it ends. */
  async #refresh(
    socket: WebSocket,
    { token, ref }: Extract<ClientFrame, { type: "auth" }>,
    now: number,
  ): Promise<void> {
    const { tokens } = this.#of.settings();
    const verified = await verifyConnectToken(token, tokens, now);
    // Other events may have come in the meantime: only what stands now counts.
    const connection = this.#of.connections.sockets.get(socket);
    if (connection === undefined) return;
    if ("refused" in verified) return this.#fail(socket, "token_invalid", verified.reason, ref);
    const { user, device, issued, expires, id, grants } = verified.ok;
    if (user !== this.#of.user || (device !== undefined && device !== connection.device)) {
      return this.#of.connections.close(socket, "forbidden", now);
    }
    if (issued <= this.#of.open().revokedBefore) return this.#of.connections.close(socket, "revoked", now);
    if (!this.#of.takeToken({ id, expires, singleUse: tokens.singleUse }, now)) {
      return this.#fail(socket, "token_invalid", "the token was used before", ref);
    }
    const renewed = {
      ...connection,
      tokenExpires: expires,
      closesAt: closesAt(expires, now),
      reauthAsked: false,
      grants,
    };
    this.#of.connections.sockets.set(socket, renewed);
    this.#ok(socket, ref);
    await this.#of.ringBy(this.#of.connections.deadline(socket, renewed, now));
  }

  #ok(socket: WebSocket, ref: string | undefined): void {
    if (ref !== undefined) this.#of.connections.send(socket, { type: "ok", ref });
  }

  #fail(socket: WebSocket, code: FrameError, message: string, ref: string | undefined): void {
    this.#of.connections.send(socket, {
      type: "error",
      code,
      message,
      ...(ref === undefined ? {} : { ref }),
    });
  }
}
