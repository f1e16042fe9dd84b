/**
 * What the object of a user stores: the stream and what of it is read. The rules are in `commit.ts` and
 * `stream.ts`, the statements on messages in `message-rows.ts`; SQL stands in the files of this folder that
 * have a table, and nowhere else.
 *
 * Opening an inbox creates its tables. Everything is synchronous, so that each event sees whole states.
 */
import type { LogSeq } from "../everyone/calls.ts";
import { inboxLimits, tokenLimits } from "../limits.ts";
import type { Verdict } from "../protocol/delivery.ts";
import type { DeviceId, MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage, CancelEvent } from "../protocol/message.ts";
import type { Epoch, Seq } from "../protocol/seq.ts";
import { Barred } from "./barred.ts";
import { Change, type Changes, type Circumstances } from "./change.ts";
import type { Holdings } from "./deadlines.ts";
import * as rows from "./message-rows.ts";
import type { Tell } from "./receipt-steps.ts";
import { Scheduled } from "./scheduled.ts";
import { migrate } from "./schema.ts";
import type { Cursor, StreamRow } from "./stream.ts";
import { Tallies } from "./tallies.ts";
import type { InboxPage, InboxQuery, ReadRequest, ReadState } from "./views.ts";
import { Watched } from "./watched.ts";

type Meta = {
  epoch: Epoch;
  /** The last number given, as of the last trim. */
  head: Seq;
  /** The latest time seen, as of the last trim: commit times never go back. */
  clock: number;
  /** Everything up to here is gone. A lower bound, raised by sweeps. */
  floor: Seq;
  read_up_to: Seq;
  rev: number;
  erased_at: number;
  revoked_before: number;
  log_seen: LogSeq;
};

export interface Committed extends Changes {
  /** In the order of the messages. */
  readonly verdicts: readonly Verdict[];
}

const undisturbed: Circumstances = { attention: () => "announce" };

export class Inbox {
  readonly #sql: SqlStorage;
  readonly #transaction: <T>(change: () => T) => T;
  readonly #maxStored: number;
  readonly #tell: Tell;
  #meta: Meta;
  #head: Seq = 0;
  /** Of the last commit. */
  #clock = 0;
  #tallies: Tallies;
  readonly #barred: Barred;
  readonly #watched: Watched;
  /** The messages whose time has not come. */
  readonly scheduled: Scheduled;

  /**
   * @param maxStored messages kept; see `inboxLimits`
   * @param tell takes, inside each transaction, what publishers are to be told
   */
  constructor(
    storage: DurableObjectStorage,
    maxStored: number = inboxLimits.maxStored,
    tell: Tell = () => {},
  ) {
    this.#sql = storage.sql;
    this.#maxStored = maxStored;
    this.#tell = tell;
    this.#transaction = (change) => {
      try {
        return storage.transactionSync(change);
      } catch (error) {
        // What was rolled back must not live on in memory.
        this.#meta = this.#load();
        this.#tallies = new Tallies(this.#sql);
        for (const known of [this.#barred, this.#watched, this.scheduled]) known.forget();
        throw error;
      }
    };
    this.#barred = new Barred(storage.sql);
    this.#watched = new Watched(storage.sql);
    this.scheduled = new Scheduled(storage.sql);
    storage.transactionSync(() => {
      migrate(this.#sql);
      this.#sql.exec(
        `INSERT INTO meta (one, epoch, head, clock, floor, read_up_to, rev, erased_at, revoked_before)
         SELECT 1, ?, 0, 0, 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM meta)`,
        crypto.randomUUID(),
      );
    });
    this.#meta = this.#load();
    this.#tallies = new Tallies(this.#sql);
  }

  get epoch(): Epoch {
    return this.#meta.epoch;
  }

  /** The last number given. */
  get head(): Seq {
    return this.#head;
  }

  get erasedAt(): number {
    return this.#meta.erased_at;
  }

  /** Tokens issued until then (ms) are refused. */
  get revokedBefore(): number {
    return this.#meta.revoked_before;
  }

  /** `wallClock`, but never before a time that was already used. */
  now(wallClock: number): number {
    return Math.max(wallClock, this.#clock);
  }

  /** Commits messages in one transaction: all verdicts hold, or (on a fault) none. What is not due yet is kept until it is. */
  commit(messages: readonly AcceptedMessage[], now: number, circumstances = undisturbed): Committed {
    return this.#change(now, (change) => {
      const judged = messages.map((message) => [message.id, change.commit(message, circumstances)] as const);
      circumstances.settled?.(new Map(judged));
      return { verdicts: judged.map(([, verdict]) => verdict) };
    });
  }

  /**
   * A device has acknowledged everything up to a number, which settles for all devices what one of them is to have.
   * @param after what it had acknowledged before
   */
  acknowledged(device: DeviceId, after: Seq, upTo: Seq, now: number): Changes {
    const settled = this.#settledBy("ack", upTo, now);
    const heard = this.#delivered(this.#watched.untold("acknowledged", after, upTo), now);
    if (settled.length === 0 && heard.length === 0) return { fresh: [], withdrawn: [] };
    return this.#change(now, (change) => {
      change.tell(this.#watched.steps(heard, "acknowledged", now, device));
      for (const seq of settled) change.takeDown({ seq, reason: "handled" }, device);
      return {};
    });
  }

  /**
   * A device was sent the stream up to where it is now, and some numbers ahead of their turn.
   * @param after what it had been sent before
   */
  sent(device: DeviceId, after: Seq, { sent, express }: Pick<Cursor, "sent" | "express">, now: number): void {
    const copies = express.flatMap((seq) => this.#watched.untold("sent", seq - 1, seq));
    const got = [...copies, ...this.#delivered(this.#watched.untold("sent", after, sent), now)];
    if (got.length === 0) return;
    this.#transaction(() => this.#tell(this.#watched.steps(got, "sent", now, device), now));
  }

  /**
   * The stream after a number, rising. Nothing is read before it is asked for, and of what is gone before
   * the first message that is kept, nothing at all.
   */
  after(seq: Seq): Iterable<StreamRow> {
    return rows.rowsAfter(this.#sql, Math.max(seq, this.#meta.floor));
  }

  /** The lowest number that can still be replayed, minus 1. */
  floor(now: number): Seq {
    const rows = this.#sql
      .exec<{ seq: Seq }>(
        "SELECT seq FROM messages WHERE seq > ? AND gone IS NULL AND expires > ? ORDER BY seq LIMIT 1",
        this.#meta.floor,
        now,
      )
      .toArray();
    return rows[0] === undefined ? this.head : rows[0].seq - 1;
  }

  /** A page of what is stored and not expired, newest first. */
  page(query: InboxQuery, now: number): InboxPage {
    const { floor, read_up_to: readUpTo } = this.#meta;
    const found = rows.pageRows(this.#sql, query, { floor, head: this.head, readUpTo }, now);
    const messages = found.slice(0, query.limit);
    const last = messages.at(-1);
    return {
      messages,
      ...(found.length > query.limit && last !== undefined ? { next: last.seq } : {}),
      state: this.readState(now),
    };
  }

  /** How much is unread, and up to where everything is read. */
  readState(now: number): ReadState {
    const unread = this.#tallies.unread(Math.max(this.#meta.read_up_to, this.#meta.floor), now);
    return { unread, readUpTo: this.#meta.read_up_to, rev: this.#meta.rev };
  }

  /** Marks as read; `undefined` where that changes nothing. A number beyond the head means the head. */
  read(request: ReadRequest, now: number): (Changes & { readonly state: ReadState }) | undefined {
    const changed = this.#change(now, (change) => {
      const settled =
        "upTo" in request
          ? this.#readUpTo(request.upTo, now, change)
          : this.#readIds(request.ids, now, change);
      if (settled === undefined) return { changed: false };
      this.#meta.rev += 1;
      this.#sql.exec("UPDATE meta SET read_up_to = ?, rev = ?", this.#meta.read_up_to, this.#meta.rev);
      this.#tallies.read();
      // On which device is not known: it may be over HTTP.
      for (const seq of settled) change.takeDown({ seq, reason: "handled" });
      return { changed: true };
    });
    return changed.changed ? { ...changed, state: this.readState(now) } : undefined;
  }

  /** One message, gone or not; `undefined` where its id is not known. */
  find(id: MessageId): rows.KnownMessage | undefined {
    return rows.findRow(this.#sql, id, this.#meta.read_up_to);
  }

  /** Whether, when and why an id was retracted or replaced before its message could be committed. */
  barred(id: MessageId): ReturnType<Barred["find"]> {
    return this.#barred.find(id);
  }

  /** Whether this message must not be delivered any more, for that reason. */
  stops(message: AcceptedMessage): boolean {
    return this.#barred.stops(message);
  }

  /** Begins a new epoch, for when a device proves that storage went back in time. */
  renewEpoch(): void {
    this.#transaction(() => {
      this.#sql.exec("UPDATE meta SET epoch = ?", crypto.randomUUID());
      this.#sql.exec("DELETE FROM devices");
    });
    this.#meta = this.#load();
  }

  /** How far the log of everyone is in the stream. */
  get logSeen(): LogSeq {
    return this.#meta.log_seen;
  }

  /** An entry of the log has come by itself: where it is the next one, it need not be read there. */
  gotFromLog(seq: LogSeq): void {
    if (seq === this.#meta.log_seen + 1) this.sawLog(seq);
  }

  /** The log is in the stream up to there. */
  sawLog(upTo: LogSeq): void {
    if (upTo <= this.#meta.log_seen) return;
    this.#sql.exec("UPDATE meta SET log_seen = ?", upTo);
    this.#meta.log_seen = upTo;
  }

  /** Refuses tokens issued until `now`. */
  revoke(now: number): void {
    this.#sql.exec("UPDATE meta SET revoked_before = ?", now);
    this.#meta.revoked_before = now;
  }

  /** Removes everything but the fact, under a new epoch. Messages accepted until `now` will not come back. */
  erase(now: number): number {
    const erased = this.#transaction(() => {
      const { count } = this.#sql
        .exec<{ count: number }>(
          `SELECT count(*) AS count FROM messages WHERE gone IS NULL AND ${rows.notOwn}`,
        )
        .one();
      for (const table of ["messages", "devices", "used_tokens", "watched", "withdrawn"]) {
        this.#sql.exec(`DELETE FROM ${table}`);
      }
      this.#sql.exec(
        `UPDATE meta SET epoch = ?1, head = 0, clock = ?2, floor = 0, read_up_to = 0, rev = rev + 1, erased_at = ?2, revoked_before = ?2`,
        crypto.randomUUID(),
        now,
      );
      return count;
    });
    this.#meta = this.#load();
    this.#tallies = new Tallies(this.#sql);
    for (const known of [this.#barred, this.#watched]) known.forget();
    return erased;
  }

  /** Takes a single-use token; false where it was taken before. */
  takeToken(id: string, expires: number): boolean {
    return (
      this.#sql.exec(
        "INSERT INTO used_tokens (id, expires) VALUES (?, ?) ON CONFLICT DO NOTHING",
        id,
        expires,
      ).rowsWritten > 0
    );
  }

  /** Drops the bodies of expired messages, ids past their horizon and used tokens past their expiry; counts the expired. */
  sweep(now: number): Changes & { readonly expired: number } {
    return this.#change(now, (change) => {
      const expired = rows.expireRows(this.#sql, this.#meta.floor, now);
      // Before rows go, by which it is known what has expired.
      change.tell(this.#watched.sweep());
      for (const { seq, replaces } of expired) change.passOn(seq, replaces);
      const floor = this.floor(now);
      const trimmed = this.#trim(now - inboxLimits.dedupeHorizonMs);
      if (floor > this.#meta.floor || trimmed > 0) {
        // Head and clock are otherwise known from the rows that are gone now.
        this.#sql.exec("UPDATE meta SET head = ?, clock = ?, floor = ?", this.head, this.#clock, floor);
        this.#meta.floor = floor;
      }
      this.#sql.exec("DELETE FROM used_tokens WHERE expires <= ?", now - tokenLimits.leewayMs);
      this.#barred.sweep(now - inboxLimits.dedupeHorizonMs);
      if (expired.length > 0) this.#tallies.expired();
      return { expired: expired.length };
    });
  }

  /** What is stored, as far as it has an end. */
  holdings(lastSeen: number): Omit<Holdings, "kept"> {
    const { earliest, oldest } = this.#sql
      .exec<{ earliest: number | null; oldest: number | null }>(
        `SELECT (SELECT min(expires) FROM messages WHERE gone IS NULL AND seq > ?) AS earliest,
                (SELECT committed FROM messages ORDER BY seq LIMIT 1) AS oldest`,
        this.#meta.floor,
      )
      .one();
    const barred = this.#barred.oldest();
    const known = [...(oldest === null ? [] : [oldest]), ...(barred === undefined ? [] : [barred])];
    return {
      earliestExpiry: earliest ?? undefined,
      oldestCommit: known.length === 0 ? undefined : Math.min(...known),
      erasedAt: this.#meta.erased_at,
      revokedBefore: this.#meta.revoked_before,
      lastSeen,
    };
  }

  /** The meta row, and with it head and clock: of the last message, or as of the trim that took it. */
  #load(): Meta {
    const meta = this.#sql
      .exec<Meta>(
        "SELECT epoch, head, clock, floor, read_up_to, rev, erased_at, revoked_before, log_seen FROM meta",
      )
      .one();
    const last = this.#sql
      .exec<{ seq: Seq; committed: number }>("SELECT seq, committed FROM messages ORDER BY seq DESC LIMIT 1")
      .toArray()[0];
    this.#head = Math.max(meta.head, last?.seq ?? 0);
    this.#clock = Math.max(meta.clock, last?.committed ?? 0);
    return meta;
  }

  /** Makes a change in one transaction. */
  #change<Result>(now: number, make: (change: Change) => Result): Result & Changes {
    const { floor, erased_at: erasedAt } = this.#meta;
    const change = new Change({
      ...{ sql: this.#sql, now, head: this.#head, floor, erasedAt, maxStored: this.#maxStored },
      readUpTo: () => this.#meta.read_up_to,
      ...{ tallies: this.#tallies, barred: this.#barred, watched: this.#watched, scheduled: this.scheduled },
    });
    const result = this.#transaction(() => {
      const made = make(change);
      this.#tell(change.steps, now);
      return made;
    });
    const { made } = change;
    this.#head = change.head;
    if (made.fresh.length > 0) this.#clock = now;
    return { ...result, ...made };
  }

  /** Forgets what was committed until then: no copy of it can arrive any more. */
  #trim(horizon: number): number {
    const kept = this.#sql
      .exec<{ seq: Seq }>("SELECT seq FROM messages WHERE committed > ? ORDER BY seq LIMIT 1", horizon)
      .toArray()[0];
    return this.#sql.exec("DELETE FROM messages WHERE seq < ?", kept?.seq ?? this.head + 1).rowsWritten;
  }

  /** The messages that this settles; `undefined` where nothing becomes read. */
  #readUpTo(asked: Seq, now: number, change: Change): readonly Seq[] | undefined {
    const upTo = Math.min(asked, this.head);
    if (upTo <= this.#meta.read_up_to) return undefined;
    const read = this.#delivered(this.#watched.untold("read", this.#meta.read_up_to, upTo), now);
    change.tell(this.#watched.steps(read, "read", now));
    this.#meta.read_up_to = upTo;
    return this.#settledBy("read", upTo, now);
  }

  /** As {@link #readUpTo}. One statement an id: a statement takes 100 parameters, and each id is one row by the index. */
  #readIds(ids: readonly MessageId[], now: number, change: Change): readonly Seq[] | undefined {
    const marked = ids.flatMap((id) =>
      this.#sql
        .exec<{ seq: Seq }>(
          "UPDATE messages SET read = ? WHERE id = ? AND read IS NULL AND seq > ? RETURNING seq",
          now,
          id,
          this.#meta.read_up_to,
        )
        .toArray(),
    );
    if (marked.length === 0) return undefined;
    const seqs = new Set(marked.map(({ seq }) => seq));
    const read = this.#watched.untold("read", 0, this.head).filter((seq) => seqs.has(seq));
    change.tell(this.#watched.steps(this.#delivered(read, now), "read", now));
    return this.#settledBy("read", this.head, now).filter((seq) => seqs.has(seq));
  }

  /** The messages up to a number that are settled for all devices when one of them does this. */
  #settledBy(event: CancelEvent, upTo: Seq, now: number): readonly Seq[] {
    return this.#delivered(this.#watched.settledBy(event, upTo), now);
  }

  /** Those of the numbers that can still be delivered. */
  #delivered(seqs: readonly Seq[], now: number): readonly Seq[] {
    return seqs.filter((seq) => rows.isDelivered(this.#sql, seq, now));
  }
}
