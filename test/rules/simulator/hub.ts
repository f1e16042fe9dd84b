/**
 * The object of one user as a model: the same order of events as the real one, over a store in memory.
 * It decides nothing; every decision is a rule's.
 */

import { noGrants } from "../../../src/auth/grants.ts";
import { closesAt } from "../../../src/hub/deadlines.ts";
import { readInbound } from "../../../src/hub/inbound.ts";
import type { Connection } from "../../../src/hub/sockets.ts";
import { cursorAt, type Resume, type StreamRow } from "../../../src/hub/stream.ts";
import { inboxLimits, socketLimits } from "../../../src/limits.ts";
import type { ClientFrame } from "../../../src/protocol/client-frames.ts";
import { closeCodes } from "../../../src/protocol/close-codes.ts";
import type { DeliveryResult, Verdict } from "../../../src/protocol/delivery.ts";
import { type MessageId, messageId, type UserId } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import type { Seq } from "../../../src/protocol/seq.ts";
import { bye, ModelConnections, pulse } from "./connections.ts";
import { deletionInvariants, hubInvariants } from "./hub-invariants.ts";
import type { Ledger } from "./ledger.ts";
import { type Marked, type Row, Stored } from "./stored.ts";
import { StreamRecord } from "./stream-record.ts";
import { readToken, type Token } from "./token.ts";
import { Unreachable } from "./unreachable.ts";
import type { Wire } from "./wire.ts";
import type { World } from "./world.ts";

export class ModelHub {
  readonly user: UserId;
  readonly record = new StreamRecord();
  readonly connections: ModelConnections;
  stored: Stored | undefined;
  /** What the platform has; {@link #alarmAt} is what the running object believes. It may be late, but not later than `excused`. */
  alarm: { readonly at: number; excused: number } | null = null;
  /** Calls fail until then. */
  downUntil = 0;
  /** Storage went back, and this many numbers are known outside: the next to connect must be one who knows. */
  betrayed: Resume | undefined;
  readonly #world: World;
  readonly #ledger: Ledger;
  #alarmAt: number | null = null;
  #liveIds = new Set<MessageId>();
  /** An alarm that was lost, or not set, is noticed by the next event that arms. */
  #alarmLost = false;

  constructor(world: World, ledger: Ledger, user: UserId) {
    this.#world = world;
    this.#ledger = ledger;
    this.user = user;
    this.connections = new ModelConnections(world, ledger, this);
  }

  get sockets(): Map<Wire, Connection> {
    return this.connections.open;
  }

  now(): number {
    return Math.max(this.#world.wall(), this.stored?.clock ?? 0);
  }

  row(seq: Seq): Row | undefined {
    return this.stored?.rows.find((row) => row.seq === seq);
  }

  get revokedBefore(): number {
    return this.stored?.revokedBefore ?? 0;
  }

  deliver(messages: readonly AcceptedMessage[]): DeliveryResult {
    const world = this.#world;
    if (this.downUntil > world.now || this.betrayed !== undefined) throw new Unreachable();
    if (world.strikes("hub overloaded", this.user, 0.01)) throw new Unreachable(true);
    if (world.strikes("hub crashed before commit", this.user, 0.01)) {
      this.#die();
      throw new Unreachable();
    }
    const now = this.now();
    const stored = messages.filter(({ live }) => !live);
    const { verdicts, fresh } = stored.length === 0 ? { verdicts: [], fresh: [] } : this.#commit(stored, now);
    if (stored.length > 0) {
      this.#arm(world.rules.sweepAt(Math.min(...fresh.map((row) => row.expires))));
      if (world.strikes("hub failed between commit and offer", this.user, 0.01)) throw new Unreachable();
      this.#arm(this.connections.offer(this.#open(), fresh, now));
    }
    const inOrder = verdicts.values();
    const all = messages.map((message) => (message.live ? this.#live(message, now) : inOrder.next().value));
    const answer = { verdicts: all.filter((verdict) => verdict !== undefined), devices: [] };
    for (const [index, { verdict }] of answer.verdicts.entries()) {
      world.count(`verdict ${verdict}`);
      const message = messages[index];
      if (message !== undefined) this.#ledger.judged(message.id, this.user, verdict);
    }
    world.note(this.user, "delivered", answer.verdicts);
    this.#audit();
    // Rows and alarm become durable together, before anything leaves the object.
    if (world.strikes("hub crashed after commit", this.user, 0.01)) {
      this.#die();
      throw new Unreachable();
    }
    if (world.strikes("hub answer lost", this.user, 0.02)) throw new Unreachable();
    return answer;
  }

  connect(wire: Wire, token: Token): void {
    const now = this.now();
    if (token.issued <= (this.stored?.revokedBefore ?? 0)) {
      this.connections.send(wire, bye("revoked"));
      wire.closeByHub(closeCodes.revoked, "revoked");
      return;
    }
    const stored = this.#open();
    for (const [other, { device }] of this.sockets)
      if (device === wire.device) this.connections.close(other, "replaced", now);
    const { resume } = wire.record;
    const remembered = stored.devices.get(wire.device)?.acked ?? 0;
    const opening = this.#world.rules.open(resume, stored.epoch, stored.head, remembered);
    if (opening.reset === "storage") {
      this.connections.closeAll("resync", now);
      this.renewEpoch();
    }
    this.#world.count(opening.reset === undefined ? "resumed" : `reset ${opening.reset}`);
    const connection: Connection = {
      connection: this.#world.fresh("connection"),
      device: wire.device,
      cursor: cursorAt(stored.epoch, opening.from),
      connected: now,
      heard: now,
      tokenExpires: token.expires,
      closesAt: closesAt(token.expires, now),
      reauthAsked: false,
      grants: noGrants,
      history: [],
      badFrames: 0,
    };
    stored.devices.set(wire.device, { acked: opening.from, seen: now });
    this.sockets.set(wire, connection);
    this.connections.send(wire, {
      type: "welcome",
      connection: connection.connection,
      device: wire.device,
      epoch: stored.epoch,
      head: stored.head,
      floor: stored.floor(now),
      from: opening.from,
      resumed: opening.reset === undefined,
      ...(opening.reset === undefined ? {} : { reason: opening.reset }),
      window: {
        messages: this.#world.scale.window.windowMessages,
        bytes: this.#world.scale.window.windowBytes,
      },
      heartbeat: socketLimits.heartbeatMs,
      spread: socketLimits.reconnectSpreadMs,
      expires: token.expires,
      ...stored.readState(now),
    });
    const stalledUntil = this.connections.offer(this.#open(), [], now, wire);
    this.#arm(Math.min(stalledUntil, this.#world.rules.nextLook(pulse(wire, connection), now)));
    this.#audit();
  }

  frame(wire: Wire, text: string): void {
    const now = this.now();
    const connection = this.sockets.get(wire);
    if (connection === undefined) return;
    const inbound = readInbound(text);
    if (inbound.kind !== "frame") throw new Error(`the client said ${text}`);
    if (connection.closesAt <= now) this.connections.close(wire, "token_expired", now);
    else this.#handle(wire, { ...connection, heard: Math.max(connection.heard, now) }, inbound.frame, now);
    this.#audit();
  }

  /** The end of a connection that the hub did not close itself. */
  lost(wire: Wire): void {
    this.connections.end(wire, this.now());
    this.#arm(Number.POSITIVE_INFINITY);
    this.#audit();
  }

  read(marked: Marked): void {
    const { stored } = this;
    if (this.downUntil > this.#world.now || this.betrayed !== undefined) throw new Unreachable();
    if (stored === undefined || !stored.mark(marked)) return;
    const now = this.now();
    const ids = "ids" in marked ? { ids: marked.ids.map((id) => messageId.parse(id)) } : {};
    this.connections.broadcast({ type: "state", ...stored.readState(now), ...ids }, now);
    this.#audit();
  }

  disconnect(revoke: boolean): void {
    const now = this.now();
    if (revoke) this.#open().revokedBefore = now;
    this.connections.closeAll(revoke ? "revoked" : "reconnect", now);
    this.#arm(Number.POSITIVE_INFINITY);
    this.#audit();
  }

  erase(): void {
    const now = this.now();
    this.connections.closeAll("revoked", now);
    const stored = this.#open();
    const erased = new Stored(this.#world.fresh("epoch"));
    this.stored = Object.assign(erased, {
      clock: now,
      erasedAt: now,
      revokedBefore: now,
      rev: stored.rev + 1,
    });
    this.record.restart(this.stored);
    this.betrayed = undefined;
    this.#arm(Number.POSITIVE_INFINITY);
    this.#audit();
  }

  /** Memory is lost, what is committed is not; sockets die with the object. */
  crash(): void {
    this.#die();
  }

  /** Memory is lost, sockets stay. */
  hibernate(): void {
    this.#alarmAt = this.alarm?.at ?? null;
    this.#liveIds = new Set();
  }

  loseStorage(): void {
    this.stored = undefined;
    this.alarm = null;
    this.betrayed = undefined;
    this.#die();
  }

  /** Storage as it was; who knows of later numbers must come first, since nothing else could tell. */
  goBack(to: Stored, witness: Resume): void {
    this.stored = to.copy();
    this.alarm = null;
    this.betrayed = witness;
    this.#alarmLost = true;
    this.#die();
    this.record.restart(this.stored);
  }

  /** Under another epoch the numbers stay what they are. */
  renewEpoch(): void {
    const stored = this.#open();
    stored.epoch = this.#world.fresh("epoch");
    stored.devices = new Map();
    this.betrayed = undefined;
    this.record.restart(stored);
  }

  #open(): Stored {
    this.stored ??= this.record.restart(new Stored(this.#world.fresh("epoch")));
    return this.stored;
  }

  #die(): void {
    for (const wire of this.sockets.keys()) wire.cut({ device: true, hub: false });
    this.sockets.clear();
    this.hibernate();
  }

  #commit(messages: readonly AcceptedMessage[], now: number) {
    const stored = this.#open();
    const fresh: StreamRow[] = [];
    const gone = new Map<Seq, StreamRow["gone"]>();
    const verdicts = messages.map((message): Verdict => {
      const decided = this.#world.rules.commit(
        message,
        stored.facts(message),
        now,
        this.#world.scale.maxStored,
      );
      if (!("withdrawn" in decided)) return decided.verdict;
      fresh.push(stored.append(message, decided.verdict.seq, now));
      stored.withdraw(decided.withdrawn);
      for (const { seq, reason } of decided.withdrawn) gone.set(seq, reason);
      for (const { reason } of decided.withdrawn) this.record.told[reason] += 1;
      this.#ledger.committed(message.id, this.user);
      return decided.verdict;
    });
    return { verdicts, fresh: fresh.map((row) => ({ ...row, gone: gone.get(row.seq) ?? null })) };
  }

  #live(message: AcceptedMessage, now: number): Verdict {
    if (message.at <= (this.stored?.erasedAt ?? 0)) return { verdict: "gone" };
    if (message.expires <= now) return { verdict: "expired" };
    if (this.#liveIds.has(message.id)) return { verdict: "live" };
    this.#liveIds.add(message.id);
    this.connections.live(message, now);
    return { verdict: "live" };
  }

  #handle(wire: Wire, connection: Connection, frame: ClientFrame, now: number): void {
    this.sockets.set(wire, connection);
    switch (frame.type) {
      case "auth":
        this.#refresh(wire, connection, readToken(frame.token), now);
        break;
      case "ack":
        this.#acknowledge(wire, connection, frame, now);
        break;
      case "read":
        throw new Error("the client machine does not read");
    }
  }

  #refresh(wire: Wire, connection: Connection, { issued, expires }: Token, now: number): void {
    if (issued <= this.#open().revokedBefore) {
      this.connections.close(wire, "revoked", now);
      return;
    }
    const times = { tokenExpires: expires, closesAt: closesAt(expires, now), reauthAsked: false };
    this.sockets.set(wire, { ...connection, ...times });
    this.#arm(this.#world.rules.nextLook(pulse(wire, { ...connection, ...times }), now));
  }

  #acknowledge(
    wire: Wire,
    connection: Connection,
    { epoch, seq }: Extract<ClientFrame, { type: "ack" }>,
    now: number,
  ): void {
    const acked = this.#world.rules.acknowledge(connection.cursor, epoch, seq, this.#open().head);
    if (acked.kind === "bad" || acked.kind === "hopeless") throw new Error(`the client acknowledged ${seq}`);
    if (acked.kind === "resync") {
      this.connections.close(wire, "resync", now);
      return;
    }
    if (typeof seq === "number") wire.record.acknowledged(seq);
    this.sockets.set(wire, { ...connection, cursor: acked.cursor });
    this.#arm(this.connections.offer(this.#open(), [], now, wire));
  }

  #arm(deadline: number): void {
    const { rules } = this.#world;
    this.#alarmLost = false;
    if (this.#alarmAt !== null) {
      const at = rules.lowered(this.#alarmAt, deadline);
      if (at !== this.#alarmAt) this.#setAlarm(at);
      return;
    }
    const next = rules.nextDeadline(this.connections.pulses(), this.stored?.holdings(), [], this.now());
    if (next !== undefined) this.#setAlarm(next);
  }

  #setAlarm(at: number, excused = this.now()): void {
    const alarm = { at, excused: Math.max(excused, this.alarm?.excused ?? 0) };
    this.alarm = alarm;
    this.#alarmAt = at;
    this.#world.count("alarm set");
    const due = at + this.#world.skew;
    const late = this.#world.strikes("alarm late", this.user, 0.05) ? this.#world.random.int(60_000) : 0;
    this.#world.schedule.at(due + late, () => {
      if (this.alarm === alarm) this.#ring();
    });
  }

  #ring(): void {
    const now = this.now();
    this.alarm = null;
    this.#alarmAt = null;
    if (this.#world.strikes("alarm lost", this.user, 0.03)) {
      this.#alarmLost = true;
      return;
    }
    this.#world.note(this.user, "alarm");
    if (this.#world.strikes("alarm work failed", this.user, 0.03)) {
      this.#setAlarm(now + inboxLimits.alarmRetryMs, now + inboxLimits.alarmRetryMs);
      return;
    }
    this.connections.settleDue(now);
    this.record.told.expired += this.stored?.sweep(now) ?? 0;
    if (this.#mayDelete(now)) {
      this.#world.count("storage deleted");
      this.#world.check(deletionInvariants, this);
      this.stored = undefined;
      this.betrayed = undefined;
      return;
    }
    this.#arm(Number.POSITIVE_INFINITY);
    this.#audit();
  }

  #mayDelete(now: number): boolean {
    if (this.stored === undefined || this.sockets.size > 0) return false;
    const deletable = this.#world.rules.deletableAt(this.stored.holdings());
    return deletable !== undefined && deletable <= now;
  }

  #audit(): void {
    this.#world.check(hubInvariants, { hub: this, scale: this.#world.scale, alarmLost: this.#alarmLost });
  }
}
