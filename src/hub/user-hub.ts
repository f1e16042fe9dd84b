/**
 * The object of one user: takes messages once, keeps them, and brings them to every device. It is thin:
 * `stream.ts` and `deadlines.ts` decide, `inbox.ts` stores, `connections.ts` sends.
 *
 * Each event changes state synchronously, before its first `await`, so that handlers can't interleave
 * half way; what must be on disk before anybody hears of it is guarded by the platform's output gate.
 */
import { DurableObject } from "cloudflare:workers";
import { enqueueDead } from "../lanes/enqueue.ts";
import { lanesOf } from "../lanes/send.ts";
import { exportLimits, inboxLimits, socketLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { closeCodes } from "../protocol/close-codes.ts";
import type { Deliver, DeliveryResult, Verdict } from "../protocol/delivery.ts";
import { pingText, pongText, subprotocol } from "../protocol/frames.ts";
import { type MessageId, type Topic, type UserId, userId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { noPreferences, type UserPreferences } from "../protocol/preferences.ts";
import { sendReceipts } from "../receipts/send.ts";
import { settingsOf } from "../settings.ts";
import { refusal, welcome } from "./admission.ts";
import { Alarm } from "./alarm.ts";
import type { Attendance } from "./attendance.ts";
import { type ConnectRequest, fromEdge } from "./connect-request.ts";
import { Connections, closeQuietly } from "./connections.ts";
import { closesAt, deletableAt, type Holdings, nextDeadline, sweepOf } from "./deadlines.ts";
import { Deliveries } from "./deliveries.ts";
import { type CurrentDevice, currentDevices } from "./device-view.ts";
import { knownDevices, lastSeen } from "./devices.ts";
import { attendanceOf } from "./everyone.ts";
import { exportPage, shelvesOf } from "./export.ts";
import { type Handled, type HandlerCall, Handling } from "./handling.ts";
import { Inbox } from "./inbox.ts";
import { Incoming } from "./incoming.ts";
import type { Keeping } from "./keeping.ts";
import type { Lease } from "./lease.ts";
import { Memberships, type TopicChange, type TopicOutcome, type TopicView } from "./memberships.ts";
import { stateOf } from "./message-state.ts";
import { Preferences } from "./preferences.ts";
import { PresenceEvents } from "./presence-events.ts";
import { verdictSteps } from "./receipt-steps.ts";
import { ReceiptsOutbox } from "./receipts-outbox.ts";
import { Schedule } from "./schedule.ts";
import { schemaVersion } from "./schema.ts";
import type { StreamRow } from "./stream.ts";
import type {
  ExportCursor,
  ExportPage,
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
  /** What is kept beside the inbox; none while nothing is stored. */
  #keepings: readonly Keeping[] = [];
  readonly #user: UserId;
  readonly #memberships: Memberships;
  readonly #preferences: Preferences;
  readonly #handling: Handling;
  readonly #incoming: Incoming;
  readonly #presenceEvents: PresenceEvents;
  readonly #receipts: ReceiptsOutbox;
  readonly #connections: Connections;
  readonly #deliveries: Deliveries;
  readonly #attendance: Attendance;
  readonly #alarm: Alarm;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(pingText, pongText));
    const topicOf = (topic: Topic) => env.TOPIC.getByName(topic);
    const user = userId.parse(context.id.name);
    this.#user = user;
    this.#memberships = new Memberships(context.storage, user, topicOf);
    this.#handling = new Handling(user, env);
    this.#preferences = new Preferences(context.storage, (message, now) => {
      const { fresh } = this.#open().commit([message], now);
      return () => this.#offer(fresh, now);
    });
    this.#presenceEvents = new PresenceEvents(context.storage.sql, {
      user,
      now: () => this.#now(),
      onlineSince: () => this.#connections.sockets.onlineSince(),
      topics: () => this.#memberships.list().flatMap(({ topic, presence }) => (presence ? [topic] : [])),
      lanes: lanesOf(env),
    });
    this.#receipts = new ReceiptsOutbox(context.storage.sql, {
      user,
      send: (texts) => sendReceipts(env, texts),
      ringBy: (at) => this.#arm(at),
      waitUntil: (work) => context.waitUntil(work),
      random: Math.random,
    });
    if (schemaVersion(context.storage.sql) > 0) this.#open();
    this.#connections = new Connections(context, ({ lease }) => context.waitUntil(this.#left(lease)));
    this.#deliveries = new Deliveries({
      connections: this.#connections,
      inbox: () => this.#inbox,
      open: () => this.#open(),
      attention: (message, now) => this.#preferences.judge(message, now),
      refused: (messages, now) => this.#refused(messages, now),
      ringBy: (deadline) => this.#arm(deadline),
      ringForDues: () => this.#armDues(),
    });
    this.#attendance = attendanceOf(context, env, {
      user,
      sockets: this.#connections.sockets,
      now: () => this.#now(),
      inbox: () => this.#inbox,
      deliver: (messages) => this.deliver(messages),
    });
    this.#incoming = new Incoming({
      user,
      connections: this.#connections,
      handling: this.#handling,
      settings: () => settingsOf(this.env),
      now: () => this.#now(),
      open: () => this.#open(),
      heard: () => this.#attendance.heard(),
      read: (request) => this.read(request),
      changeTopics: (changes, limit) => this.changeTopics(changes, limit),
      takeToken: (token, now) => this.#takeToken(token, now),
      offer: (fresh, now) => this.#offer(fresh, now),
      ringBy: (deadline) => this.#arm(deadline),
    });
    this.#alarm = new Alarm(context.storage);
    void context.blockConcurrencyWhile(async () => {
      await this.#alarm.restore();
      // One that the platform gave up on is set again.
      await this.#arm();
    });
  }

  /** Commits messages, all or (on a fault) none, and offers them to the devices. */
  async deliver(messages: readonly AcceptedMessage[]): Promise<DeliveryResult> {
    const result = await this.#deliveries.take(messages, this.#now());
    this.#attendance.heard();
    return result;
  }

  async inbox(query: InboxQuery): Promise<InboxPage> {
    if (query.before === undefined) await this.#attendance.upToDate();
    return this.#inbox?.page(query, this.#now()) ?? { messages: [], state: emptyState };
  }

  async read(request: ReadRequest): Promise<ReadState> {
    const now = this.#now();
    const changed = this.#inbox?.read(request, now);
    if (changed !== undefined) {
      const ids = "ids" in request && request.ids.length <= socketLimits.maxReadIds ? request.ids : undefined;
      const state = { ...changed.state, ...(ids === undefined ? {} : { ids }) };
      this.#connections.broadcast({ type: "state", ...state }, now);
      await this.#offer(changed.fresh, now);
    }
    return changed?.state ?? this.#inbox?.readState(now) ?? emptyState;
  }

  async presence(): Promise<Presence> {
    const now = this.#now();
    const since = this.#connections.sockets.onlineSince();
    return {
      online: since !== undefined,
      ...(since === undefined ? {} : { since }),
      head: this.#inbox?.head ?? 0,
      unread: this.#inbox?.readState(now).unread ?? 0,
      devices: this.#devices().map(({ view }) => view),
    };
  }

  async messageState(id: MessageId): Promise<MessageState | undefined> {
    return this.#inbox && stateOf(id, this.#inbox, () => this.#devices(), this.#now());
  }

  async preferences(): Promise<UserPreferences> {
    return this.#inbox === undefined ? noPreferences : this.#preferences.current;
  }

  async setPreferences(preferences: UserPreferences | undefined): Promise<UserPreferences> {
    if (preferences !== undefined) this.#open();
    if (this.#inbox !== undefined) await this.#preferences.set(preferences, this.#now());
    await this.#armDues();
    return this.preferences();
  }

  async topics(): Promise<readonly TopicView[]> {
    return this.#inbox === undefined ? [] : this.#memberships.list();
  }

  async changeTopics(changes: readonly TopicChange[], limit: number): Promise<readonly TopicOutcome[]> {
    this.#open();
    const now = this.#now();
    const beyond = this.#memberships.change(changes, limit, now);
    const names = changes.map(({ topic }) => topic);
    // Without an `await` before it: the change and the alarm that repairs it become durable together.
    const [, told] = await Promise.all([this.#armDues(), this.#memberships.tell(names, now)]);
    await this.#armDues();
    this.#announce();
    return told.map((view) => (beyond.includes(view.topic) ? { topic: view.topic, refused: "limit" } : view));
  }

  async send({ data, ...call }: HandlerCall): Promise<Handled> {
    return this.#handling.handle({ ...call, data: JSON.parse(data) }, this);
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

  async export(cursor: ExportCursor = { shelf: 0 }): Promise<ExportPage> {
    if (this.#inbox === undefined) return { lines: [] };
    const shelves = shelvesOf(this.ctx.storage.sql, this.#keepings, () => this.#devices());
    return exportPage(shelves, cursor, exportLimits.pageLength);
  }

  async erase(): Promise<{ readonly erased: number }> {
    const now = this.#now();
    this.#connections.closeAll("revoked", now);
    this.#attendance.left();
    const inbox = this.#open();
    const erased = this.ctx.storage.transactionSync(() => {
      for (const keeping of this.#keepings) keeping.erase(now);
      return inbox.erase(now);
    });
    // Without an `await` before it: the erasure and the alarm that tells others of it become durable together.
    await Promise.all([this.#armDues(), this.#settle(now)]);
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
        const { connection, known } = welcome(
          server,
          connect,
          this.#open(),
          this.#connections,
          this.ctx.storage.sql,
          now,
        );
        // It has what it says that it has, if its last acknowledgement was lost.
        const { acked } = connection.cursor;
        const settled = this.#offer(this.#open().acknowledged(connect.device, known, acked, now).fresh, now);
        const { stalledUntil } = this.#connections.offer(this.#open(), [], now, server);
        const deadline = Math.min(stalledUntil, this.#connections.deadline(server, connection, now));
        await Promise.all([settled, this.#arm(deadline)]);
        this.#attendance.came();
        this.#announce();
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
    await this.#incoming.take(socket, data);
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
      await this.#settle(now);
      if (this.#mayDelete(now)) {
        // Forgotten first: whoever comes while the storage goes must begin anew.
        this.#inbox = undefined;
        this.#keepings = [];
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
    if (this.#inbox === undefined) {
      const inbox = new Inbox(this.ctx.storage, undefined, (steps, now) => this.#receipts.tell(steps, now));
      this.#inbox = inbox;
      const schedule = new Schedule(this.#user, inbox.scheduled, {
        deliver: (due, now, settled) => this.#deliveries.take(due, now, settled),
        bury: (dead) => enqueueDead(lanesOf(this.env), dead),
      });
      this.#keepings = [schedule, this.#memberships, this.#preferences, this.#presenceEvents, this.#receipts];
    }
    return this.#inbox;
  }

  /** What is over before it is looked at: what came by a topic that the user is not in, which is told so. */
  #refused(messages: readonly AcceptedMessage[], now: number): ReadonlyMap<AcceptedMessage, Verdict> {
    const refused = new Map<AcceptedMessage, Verdict>();
    for (const message of messages) {
      if (message.onlineOnly && message.retracts === undefined && this.#connections.sockets.size === 0) {
        // Before any commit, so that a copy finds the same as long as nobody connects.
        this.#attendance.left();
        refused.set(message, { verdict: "offline" });
        continue;
      }
      // Of before an erasure: gone, and the topics know.
      if (message.topic === undefined || message.at <= this.#open().erasedAt) continue;
      if (!this.#memberships.refuses(message)) continue;
      this.#memberships.deny(message.topic, now);
      refused.set(message, { verdict: "left" });
      this.#receipts.tell(verdictSteps(message, { verdict: "left" }, now), now);
    }
    return refused;
  }

  /** Brings what the hub itself has committed to the devices. */
  async #offer(fresh: readonly StreamRow[], now: number): Promise<void> {
    if (fresh.length === 0) return;
    const swept = this.#arm(sweepOf(fresh));
    await Promise.all([swept, this.#arm(this.#connections.offer(this.#open(), fresh, now).stalledUntil)]);
  }

  /** What is due of the things that are kept beside the inbox. */
  async #settle(now: number): Promise<void> {
    for (const keeping of this.#keepings) {
      const due = keeping.nextDue();
      if (due !== undefined && due <= now) await keeping.settle(now);
    }
  }

  /** False for one that opens a single connection, and has opened one. */
  #takeToken({ id, expires, singleUse }: Omit<ConnectRequest["token"], "issued">, now: number): boolean {
    return !singleUse || this.#open().takeToken(id, closesAt(expires, now));
  }

  #devices(): readonly CurrentDevice[] {
    if (this.#inbox === undefined) return [];
    return currentDevices(knownDevices(this.ctx.storage.sql), this.#connections.sockets, this.#inbox.head);
  }

  #mayDelete(now: number): boolean {
    if (this.#inbox === undefined || this.#connections.sockets.size > 0) return false;
    const deletable = deletableAt(this.#holdings(this.#inbox));
    return deletable !== undefined && deletable <= now;
  }

  #holdings(inbox: Inbox): Holdings {
    const kept = this.#keepings.some((keeping) => !keeping.empty);
    return { ...inbox.holdings(lastSeen(this.ctx.storage.sql)), kept };
  }

  /** A connection has ended. */
  async #left(lease: Lease | undefined): Promise<void> {
    // After this event: a device that takes its own place was never gone.
    await undefined;
    this.#attendance.left(lease);
    await this.#arm(this.#presenceEvents.nextDue());
  }

  /** Tells whoever follows the user's presence, where there is news; holds nothing up. */
  #announce(): void {
    const now = this.#now();
    const due = this.#presenceEvents.nextDue();
    if (due === undefined || due > now) return;
    this.ctx.waitUntil(this.#presenceEvents.settle(now).then(() => this.#armDues()));
  }

  /** Makes sure that the alarm comes for what is due of the things beside the inbox. */
  async #armDues(): Promise<void> {
    const due = Math.min(...this.#keepings.flatMap((keeping) => keeping.nextDue() ?? []));
    await this.#arm(Math.max(due, this.#now()));
  }

  /** Makes sure that the alarm comes by then; without an argument, only that there is one where one is needed. */
  async #arm(deadline = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#alarm.ringBy(deadline, () => {
      const { sockets } = this.#connections;
      const pulses = sockets.all().map(([socket, connection]) => sockets.pulse(socket, connection));
      const holdings = this.#inbox && this.#holdings(this.#inbox);
      const dues = this.#keepings.flatMap((keeping) => keeping.nextDue() ?? []);
      return nextDeadline(pulses, holdings, dues, this.#now());
    });
  }
}
