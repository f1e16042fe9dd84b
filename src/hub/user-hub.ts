/**
 * The object of one user: takes messages once, keeps them, and brings them to every device. It is thin:
 * `stream.ts` and `deadlines.ts` decide, `inbox.ts` stores, `connections.ts` sends.
 *
 * Each event changes state synchronously, before its first `await`, so that handlers can't interleave
 * half way; what must be on disk before anybody hears of it is guarded by the platform's output gate.
 */
import { DurableObject } from "cloudflare:workers";
import { verifyConnectToken } from "../auth/connect-token.ts";
import { inboxLimits, socketLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { ClientFrame } from "../protocol/client-frames.ts";
import { closeCodes } from "../protocol/close-codes.ts";
import type { Deliver, DeliveryResult, Verdict } from "../protocol/delivery.ts";
import { type FrameError, pingText, pongText, subprotocol } from "../protocol/frames.ts";
import type { MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { settingsOf } from "../settings.ts";
import { refusal, welcome } from "./admission.ts";
import { Alarm } from "./alarm.ts";
import { type Bucket, giveBack, take } from "./bucket.ts";
import { type ConnectRequest, fromEdge } from "./connect-request.ts";
import { Connections, closeQuietly } from "./connections.ts";
import { closesAt, deletableAt, nextDeadline, sweepAt } from "./deadlines.ts";
import { type CurrentDevice, currentDevices } from "./device-view.ts";
import { ackedAt, knownDevices, lastSeen, withAck } from "./devices.ts";
import { readInbound } from "./inbound.ts";
import { Inbox } from "./inbox.ts";
import { schemaVersion } from "./schema.ts";
import type { Connection } from "./sockets.ts";
import { acknowledge } from "./stream.ts";
import type {
  InboxPage,
  InboxQuery,
  MessageState,
  Presence,
  ReadRequest,
  ReadState,
  UserHubCalls,
} from "./views.ts";

const emptyState: ReadState = { unread: 0, readUpTo: 0, rev: 0 };

export class UserHub extends DurableObject<Env> implements Deliver, UserHubCalls {
  /** Absent while nothing is stored: asking about a user costs no storage. */
  #inbox: Inbox | undefined;
  readonly #connections: Connections;
  readonly #alarm: Alarm;
  /** Only for a running object: by the time one has slept, every bucket is full again. */
  readonly #frames = new WeakMap<WebSocket, Bucket>();
  /** Live-only messages seen lately, for the copies that a queue may make. */
  readonly #liveIds = new Set<MessageId>();

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(pingText, pongText));
    if (schemaVersion(context.storage.sql) > 0) this.#inbox = new Inbox(context.storage);
    this.#connections = new Connections(context);
    this.#alarm = new Alarm(context.storage);
    void context.blockConcurrencyWhile(async () => {
      await this.#alarm.restore();
      // One that the platform gave up on is set again.
      await this.#arm();
    });
  }

  /** Commits messages, all or (on a fault) none, and offers them to the devices. */
  async deliver(messages: readonly AcceptedMessage[]): Promise<DeliveryResult> {
    const now = this.#now();
    const stored = messages.filter((message) => !message.live);
    const { verdicts, fresh, withdrawn } =
      stored.length === 0 ? { verdicts: [], fresh: [], withdrawn: [] } : this.#open().commit(stored, now);
    if (withdrawn.length > 0) {
      const count = (reason: string) => withdrawn.filter((gone) => gone.reason === reason).length;
      log("info", "withdrawn", { evicted: count("evicted"), collapsed: count("collapsed") });
    }
    // Before anything can go wrong with a device: what is stored has its deadline.
    const swept = this.#arm(sweepAt(Math.min(...fresh.map(({ expires }) => expires))));
    // Duplicates as well: the fault that made them come again may have struck between commit and offer.
    const offered = stored.length === 0 ? undefined : this.#connections.offer(this.#open(), fresh, now);
    const inOrder = verdicts.values();
    const answers = messages.map((message): { verdict: Verdict; devices: number } => {
      if (message.live) return this.#live(message, now);
      const { value: verdict } = inOrder.next();
      if (verdict === undefined) throw new Error("a stored message got no verdict");
      const devices = verdict.verdict === "committed" ? (offered?.reached(verdict.seq) ?? 0) : 0;
      return { verdict, devices };
    });
    await Promise.all([swept, this.#arm(offered?.stalledUntil)]);
    return {
      verdicts: answers.map(({ verdict }) => verdict),
      devices: answers.map(({ devices }) => devices),
    };
  }

  async inbox(query: InboxQuery): Promise<InboxPage> {
    return this.#inbox?.page(query, this.#now()) ?? { messages: [], state: emptyState };
  }

  async read(request: ReadRequest): Promise<ReadState> {
    const now = this.#now();
    const changed = this.#inbox?.read(request, now);
    if (changed !== undefined) {
      const ids = "ids" in request && request.ids.length <= socketLimits.maxReadIds ? request.ids : undefined;
      this.#connections.broadcast({ type: "state", ...changed, ...(ids === undefined ? {} : { ids }) }, now);
    }
    return changed ?? this.#inbox?.readState(now) ?? emptyState;
  }

  async presence(): Promise<Presence> {
    const now = this.#now();
    const since = Math.min(...this.#connections.sockets.all().map(([, { connected }]) => connected));
    return {
      online: this.#connections.sockets.size > 0,
      ...(Number.isFinite(since) ? { since } : {}),
      head: this.#inbox?.head ?? 0,
      unread: this.#inbox?.readState(now).unread ?? 0,
      devices: this.#devices().map(({ view }) => view),
    };
  }

  async messageState(id: MessageId): Promise<MessageState | undefined> {
    const row = this.#inbox?.find(id);
    if (row === undefined) return undefined;
    const { seq, at, expires, gone, goneAt, read } = row;
    const expired = expires <= this.#now() ? "expired" : null;
    // What was acknowledged after its end was a gap.
    const end = goneAt ?? expires;
    const delivered = this.#devices().flatMap((device) => {
      const when = ackedAt(device, seq);
      return when === undefined || when > end ? [] : [{ device: device.device, at: when }];
    });
    return { id, seq, at, expires, delivered, state: gone ?? expired ?? (read ? "read" : "stored") };
  }

  async admits(issued: number): Promise<boolean> {
    return issued > (this.#inbox?.revokedBefore ?? 0);
  }

  async disconnect(revoke: boolean): Promise<{ readonly closed: number }> {
    const now = this.#now();
    if (revoke) this.#open().revoke(now);
    const closed = this.#connections.closeAll(revoke ? "revoked" : "reconnect", now);
    await this.#arm();
    return { closed };
  }

  async erase(): Promise<{ readonly erased: number }> {
    const now = this.#now();
    this.#connections.closeAll("revoked", now);
    const erased = this.#open().erase(now);
    await this.#arm();
    return { erased };
  }

  /** A connection that the edge has let in. Refusals come as a close code, since browsers see nothing of a refused handshake. */
  override async fetch(request: Request): Promise<Response> {
    const connect = fromEdge(request);
    const now = this.#now();
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [connect.device]);
    const connected = this.#connections.sockets.all().map(([, connection]) => connection);
    const refused = refusal(connect, connected, this.#inbox?.revokedBefore ?? 0);
    if (refused !== undefined) {
      this.#connections.close(server, refused, now);
    } else if (!this.#takeToken(connect.token, now)) {
      this.#connections.close(server, "token_invalid", now, undefined, "token_replayed");
    } else {
      try {
        const connection = welcome(
          server,
          connect,
          this.#open(),
          this.#connections,
          this.ctx.storage.sql,
          now,
        );
        const { stalledUntil } = this.#connections.offer(this.#open(), [], now, server);
        await this.#arm(Math.min(stalledUntil, this.#connections.deadline(server, connection, now)));
      } catch (error) {
        // The client never gets its end of it: without this, its device would count as online.
        this.#connections.sockets.forget(server);
        closeQuietly(server, closeCodes.internal_error, "");
        throw error;
      }
    }
    const headers = connect.subprotocol ? { "Sec-WebSocket-Protocol": subprotocol } : {};
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const now = this.#now();
    const connection = this.#connections.sockets.get(socket);
    if (connection === undefined) return;
    const bucket = take(this.#frames.get(socket), now, socketLimits.frameBurst, socketLimits.framesPerSecond);
    if (bucket === undefined) {
      this.#connections.close(socket, "rate_limited", now, 1_000);
      return;
    }
    this.#frames.set(socket, bucket);

    const inbound = readInbound(data);
    if (inbound.kind === "close") {
      this.#connections.close(socket, inbound.name, now);
    } else if (connection.closesAt <= now) {
      this.#connections.close(socket, "token_expired", now);
    } else if (inbound.kind === "fault") {
      const { code, message, ref } = inbound.fault;
      this.#connections.sockets.set(socket, {
        ...connection,
        heard: Math.max(connection.heard, now),
        badFrames: connection.badFrames + 1,
      });
      this.#fail(socket, code, message, ref);
      if (connection.badFrames + 1 >= socketLimits.maxBadFrames)
        this.#connections.close(socket, "bad_request", now);
    } else {
      const heard = { ...connection, heard: Math.max(connection.heard, now), badFrames: 0 };
      this.#connections.sockets.set(socket, heard);
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

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    try {
      this.#connections.end(socket, this.#now());
    } finally {
      closeQuietly(socket, code, reason);
    }
    await this.#arm();
  }

  /** What the runtime closed by itself, such as a frame over 32 MiB, gets no close event. */
  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.webSocketClose(socket, 1011, "");
  }

  /** Does what is due and sets the next alarm. It never throws for a fault of its own work: the platform gives up after six retries. */
  override async alarm(): Promise<void> {
    this.#alarm.rang();
    const now = this.#now();
    try {
      this.#connections.settleDue(now);
      const expired = this.#inbox?.sweep(now) ?? 0;
      if (expired > 0) log("info", "swept", { expired });
      if (this.#mayDelete(now)) {
        // Forgotten first: whoever comes while the storage goes must begin anew.
        this.#inbox = undefined;
        await this.ctx.storage.deleteAll();
        return;
      }
      await this.#arm();
    } catch (error) {
      log("error", "alarm_failed", { error: errorText(error) });
      await this.#alarm.set(now + inboxLimits.alarmRetryMs);
    }
  }

  #now(): number {
    return this.#inbox?.now(Date.now()) ?? Date.now();
  }

  #open(): Inbox {
    this.#inbox ??= new Inbox(this.ctx.storage);
    return this.#inbox;
  }

  #live(message: AcceptedMessage, now: number): { verdict: Verdict; devices: number } {
    if (message.at <= (this.#inbox?.erasedAt ?? 0)) return { verdict: { verdict: "gone" }, devices: 0 };
    if (message.expires <= now) return { verdict: { verdict: "expired" }, devices: 0 };
    if (this.#liveIds.has(message.id)) return { verdict: { verdict: "live" }, devices: 0 };
    this.#liveIds.add(message.id);
    const [oldest] = this.#liveIds;
    if (this.#liveIds.size > inboxLimits.maxLiveIds && oldest !== undefined) this.#liveIds.delete(oldest);
    return { verdict: { verdict: "live" }, devices: this.#connections.live(message, now) };
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
        await this.read(ids !== undefined ? { ids } : { upTo: upTo ?? 0 });
        return this.#ok(socket, frame.ref);
      }
      case "auth":
        return this.#refresh(socket, frame, now);
    }
  }

  async #ack(
    socket: WebSocket,
    connection: Connection,
    { epoch, seq, ref }: Extract<ClientFrame, { type: "ack" }>,
    now: number,
  ): Promise<void> {
    const inbox = this.#open();
    const acked = acknowledge(connection.cursor, epoch, seq, inbox.head);
    switch (acked.kind) {
      case "resync":
        return this.#connections.close(socket, "resync", now);
      case "hopeless":
        return this.#connections.close(socket, "bad_request", now);
      case "bad":
        this.#connections.sockets.set(socket, { ...connection, cursor: acked.cursor });
        return this.#fail(socket, "bad_ack", `seq must be a whole number from 0 to ${inbox.head}`, ref);
      case "moved": {
        const moved = acked.cursor !== connection.cursor;
        const history = moved ? withAck(connection.history, acked.cursor.acked, now) : connection.history;
        // There are never more of these than messages were sent: a fast device must not be taken for a flood.
        const bucket = this.#frames.get(socket);
        if (moved && bucket !== undefined) this.#frames.set(socket, giveBack(bucket));
        this.#connections.sockets.set(socket, { ...connection, cursor: acked.cursor, history });
        const { stalledUntil } = this.#connections.offer(inbox, [], now, socket);
        this.#ok(socket, ref);
        await this.#arm(stalledUntil);
      }
    }
  }

  /** A fresh token on the live connection. One that is refused changes nothing: the old one still ends when it ends. */
  async #refresh(
    socket: WebSocket,
    { token, ref }: Extract<ClientFrame, { type: "auth" }>,
    now: number,
  ): Promise<void> {
    const { tokens } = settingsOf(this.env);
    const verified = await verifyConnectToken(token, tokens, now);
    // Other events may have come in the meantime: only what stands now counts.
    const connection = this.#connections.sockets.get(socket);
    if (connection === undefined) return;
    if ("refused" in verified) return this.#fail(socket, "token_invalid", verified.reason, ref);
    const { user, device, issued, expires, id } = verified.ok;
    if (user !== this.ctx.id.name || (device !== undefined && device !== connection.device)) {
      return this.#connections.close(socket, "forbidden", now);
    }
    if (issued <= this.#open().revokedBefore) return this.#connections.close(socket, "revoked", now);
    if (!this.#takeToken({ id, expires, singleUse: tokens.singleUse }, now)) {
      return this.#fail(socket, "token_invalid", "the token was used before", ref);
    }
    const renewed = {
      ...connection,
      tokenExpires: expires,
      closesAt: closesAt(expires, now),
      reauthAsked: false,
    };
    this.#connections.sockets.set(socket, renewed);
    this.#ok(socket, ref);
    await this.#arm(this.#connections.deadline(socket, renewed, now));
  }

  /** False for one that opens a single connection, and has opened one. */
  #takeToken({ id, expires, singleUse }: Omit<ConnectRequest["token"], "issued">, now: number): boolean {
    return !singleUse || this.#open().takeToken(id, closesAt(expires, now));
  }

  #ok(socket: WebSocket, ref: string | undefined): void {
    if (ref !== undefined) this.#connections.send(socket, { type: "ok", ref });
  }

  #fail(socket: WebSocket, code: FrameError, message: string, ref: string | undefined): void {
    this.#connections.send(socket, { type: "error", code, message, ...(ref === undefined ? {} : { ref }) });
  }

  #devices(): readonly CurrentDevice[] {
    if (this.#inbox === undefined) return [];
    return currentDevices(knownDevices(this.ctx.storage.sql), this.#connections.sockets, this.#inbox.head);
  }

  #mayDelete(now: number): boolean {
    if (this.#inbox === undefined || this.#connections.sockets.size > 0) return false;
    const deletable = deletableAt(this.#inbox.holdings(lastSeen(this.ctx.storage.sql)));
    return deletable !== undefined && deletable <= now;
  }

  /** Makes sure that the alarm comes by then; without an argument, only that there is one where one is needed. */
  async #arm(deadline = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#alarm.ringBy(deadline, () => {
      const { sockets } = this.#connections;
      const pulses = sockets.all().map(([socket, connection]) => sockets.pulse(socket, connection));
      const holdings = this.#inbox?.holdings(lastSeen(this.ctx.storage.sql));
      return nextDeadline(pulses, holdings, this.#now());
    });
  }
}
