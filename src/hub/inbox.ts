/**
 * What the object of a user stores: the stream and what of it is read. The SQL of the object stands here
 * and in `schema.ts`, `tallies.ts` and `devices.ts`, and nowhere else; the rules are in `stream.ts`.
 *
 * Opening an inbox creates its tables. Everything is synchronous, so that each event sees whole states.
 */
import { inboxLimits, tokenLimits } from "../limits.ts";
import type { Verdict } from "../protocol/delivery.ts";
import type { CollapseKey, MessageId } from "../protocol/ids.ts";
import { utf8Length } from "../protocol/json.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Priority } from "../protocol/priority.ts";
import type { Epoch, Seq } from "../protocol/seq.ts";
import type { Holdings } from "./deadlines.ts";
import { migrate } from "./schema.ts";
import { type CommitFacts, commit, type StreamRow, type Withdrawal } from "./stream.ts";
import { Tallies } from "./tallies.ts";
import type { InboxMessage, InboxPage, InboxQuery, ReadRequest, ReadState } from "./views.ts";

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
};

/** A message by its id. */
export interface KnownMessage extends StreamRow {
  readonly read: boolean;
  /** Since when it is gone; null while it is not. */
  readonly goneAt: number | null;
}

/** Why a message is known: its place, and enough of it to tell whether another one says the same. */
type KnownRow = {
  seq: Seq;
  type: string;
  priority: Priority;
  bytes: number;
  body: string;
  gone: string | null;
};

const streamColumns = "seq, id, type, priority, at, expires, collapse_key AS collapseKey, body, bytes, gone";

export class Inbox {
  readonly #sql: SqlStorage;
  readonly #transaction: <T>(change: () => T) => T;
  readonly #maxStored: number;
  #meta: Meta;
  #head: Seq = 0;
  /** Of the last commit. */
  #clock = 0;
  #tallies: Tallies;

  /** @param maxStored messages kept; see `inboxLimits` */
  constructor(storage: DurableObjectStorage, maxStored: number = inboxLimits.maxStored) {
    this.#sql = storage.sql;
    this.#maxStored = maxStored;
    this.#transaction = (change) => {
      try {
        return storage.transactionSync(change);
      } catch (error) {
        // What was rolled back must not live on in memory.
        this.#meta = this.#load();
        this.#tallies = new Tallies(this.#sql);
        throw error;
      }
    };
    storage.transactionSync(() => {
      migrate(this.#sql);
      this.#sql.exec(
        "INSERT INTO meta SELECT 1, ?, 0, 0, 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM meta)",
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

  /** Commits messages in one transaction: all verdicts hold, or (on a fault) none. */
  commit(
    messages: readonly AcceptedMessage[],
    now: number,
  ): {
    readonly verdicts: readonly Verdict[];
    readonly fresh: readonly StreamRow[];
    readonly withdrawn: readonly Withdrawal[];
  } {
    const fresh: StreamRow[] = [];
    const withdrawn: Withdrawal[] = [];
    const verdicts = this.#transaction(() =>
      messages.map((message) => {
        const decided = commit(message, this.#facts(message), now, this.#maxStored);
        if (!("withdrawn" in decided)) return decided.verdict;
        fresh.push(this.#append(message, decided.verdict.seq, now));
        this.#withdraw(decided.withdrawn, now);
        withdrawn.push(...decided.withdrawn);
        return decided.verdict;
      }),
    );
    const gone = new Map(withdrawn.map(({ seq, reason }) => [seq, reason]));
    return { verdicts, fresh: fresh.map((row) => ({ ...row, gone: gone.get(row.seq) ?? null })), withdrawn };
  }

  /**
   * The stream after a number, rising. Nothing is read before it is asked for, and of what is gone before
   * the first message that is kept, nothing at all.
   */
  *after(seq: Seq): Generator<StreamRow> {
    yield* this.#sql.exec<StreamRow & Record<string, SqlStorageValue>>(
      `SELECT ${streamColumns} FROM messages WHERE seq > ? ORDER BY seq`,
      Math.max(seq, this.#meta.floor),
    );
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
    const unread = query.unread ? "AND read IS NULL AND seq > ?4" : "";
    const rows = this.#sql
      .exec<Omit<InboxMessage, "read"> & Record<string, SqlStorageValue> & { isRead: number }>(
        `SELECT seq, id, type, priority, at, expires, body, (read IS NOT NULL OR seq <= ?4) AS isRead
         FROM messages WHERE seq < ?1 AND seq > ?5 AND gone IS NULL AND expires > ?2 ${unread} ORDER BY seq DESC LIMIT ?3`,
        query.before ?? this.head + 1,
        now,
        query.limit + 1,
        this.#meta.read_up_to,
        this.#meta.floor,
      )
      .toArray();
    const messages = rows.slice(0, query.limit).map(({ isRead, ...row }) => ({ ...row, read: isRead === 1 }));
    const last = messages.at(-1);
    return {
      messages,
      ...(rows.length > query.limit && last !== undefined ? { next: last.seq } : {}),
      state: this.readState(now),
    };
  }

  /** How much is unread, and up to where everything is read. */
  readState(now: number): ReadState {
    const unread = this.#tallies.unread(Math.max(this.#meta.read_up_to, this.#meta.floor), now);
    return { unread, readUpTo: this.#meta.read_up_to, rev: this.#meta.rev };
  }

  /** Marks as read; `undefined` where that changes nothing. A number beyond the head means the head. */
  read(request: ReadRequest, now: number): ReadState | undefined {
    const changed = this.#transaction(() => {
      let rows = 0;
      if ("upTo" in request) {
        const upTo = Math.min(request.upTo, this.head);
        if (upTo <= this.#meta.read_up_to) return false;
        this.#meta.read_up_to = upTo;
        rows = 1;
      } else {
        // One statement an id: a statement takes 100 parameters, and each id is one row by the index.
        for (const id of request.ids) {
          rows += this.#sql.exec(
            "UPDATE messages SET read = ? WHERE id = ? AND read IS NULL AND seq > ?",
            now,
            id,
            this.#meta.read_up_to,
          ).rowsWritten;
        }
      }
      if (rows === 0) return false;
      this.#meta.rev += 1;
      this.#sql.exec("UPDATE meta SET read_up_to = ?, rev = ?", this.#meta.read_up_to, this.#meta.rev);
      return true;
    });
    if (!changed) return undefined;
    this.#tallies.read();
    return this.readState(now);
  }

  /** One message, gone or not; `undefined` where its id is not known. */
  find(id: MessageId): KnownMessage | undefined {
    const row = this.#sql
      .exec<Omit<KnownMessage, "read"> & Record<string, SqlStorageValue> & { isRead: number }>(
        `SELECT ${streamColumns}, gone_at AS goneAt, (read IS NOT NULL OR seq <= ?) AS isRead FROM messages WHERE id = ?`,
        this.#meta.read_up_to,
        id,
      )
      .toArray()[0];
    if (row === undefined) return undefined;
    const { isRead, ...rest } = row;
    return { ...rest, read: isRead === 1 };
  }

  /** Begins a new epoch, for when a device proves that storage went back in time. */
  renewEpoch(): void {
    this.#transaction(() => {
      this.#sql.exec("UPDATE meta SET epoch = ?", crypto.randomUUID());
      this.#sql.exec("DELETE FROM devices");
    });
    this.#meta = this.#load();
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
        .exec<{ count: number }>("SELECT count(*) AS count FROM messages WHERE gone IS NULL")
        .one();
      for (const table of ["messages", "devices", "used_tokens"]) this.#sql.exec(`DELETE FROM ${table}`);
      this.#sql.exec(
        `UPDATE meta SET epoch = ?1, head = 0, clock = ?2, floor = 0, read_up_to = 0, rev = rev + 1, erased_at = ?2, revoked_before = ?2`,
        crypto.randomUUID(),
        now,
      );
      return count;
    });
    this.#meta = this.#load();
    this.#tallies = new Tallies(this.#sql);
    return erased;
  }

  /** Takes a single-use token; false where it was taken before. */
  takeToken(id: string, expires: number): boolean {
    return (
      this.#sql.exec("INSERT INTO used_tokens VALUES (?, ?) ON CONFLICT DO NOTHING", id, expires)
        .rowsWritten > 0
    );
  }

  /** Drops the bodies of expired messages, ids past their horizon and used tokens past their expiry; counts the expired. */
  sweep(now: number): number {
    return this.#transaction(() => {
      const expired = this.#sql.exec(
        "UPDATE messages SET gone = 'expired', gone_at = expires, body = '' WHERE seq > ? AND gone IS NULL AND expires <= ?",
        this.#meta.floor,
        now,
      ).rowsWritten;
      const floor = this.floor(now);
      const trimmed = this.#trim(now - inboxLimits.dedupeHorizonMs);
      if (floor > this.#meta.floor || trimmed > 0) {
        // Head and clock are otherwise known from the rows that are gone now.
        this.#sql.exec("UPDATE meta SET head = ?, clock = ?, floor = ?", this.head, this.#clock, floor);
        this.#meta.floor = floor;
      }
      this.#sql.exec("DELETE FROM used_tokens WHERE expires <= ?", now - tokenLimits.leewayMs);
      if (expired > 0) this.#tallies.expired();
      return expired;
    });
  }

  /** What is stored, as far as it has an end. */
  holdings(lastSeen: number): Holdings {
    const { earliest, oldest } = this.#sql
      .exec<{ earliest: number | null; oldest: number | null }>(
        `SELECT (SELECT min(expires) FROM messages WHERE gone IS NULL AND seq > ?) AS earliest,
                (SELECT committed FROM messages ORDER BY seq LIMIT 1) AS oldest`,
        this.#meta.floor,
      )
      .one();
    return {
      earliestExpiry: earliest ?? undefined,
      oldestCommit: oldest ?? undefined,
      erasedAt: this.#meta.erased_at,
      revokedBefore: this.#meta.revoked_before,
      lastSeen,
    };
  }

  /** The meta row, and with it head and clock: of the last message, or as of the trim that took it. */
  #load(): Meta {
    const meta = this.#sql
      .exec<Meta>("SELECT epoch, head, clock, floor, read_up_to, rev, erased_at, revoked_before FROM meta")
      .one();
    const last = this.#sql
      .exec<{ seq: Seq; committed: number }>("SELECT seq, committed FROM messages ORDER BY seq DESC LIMIT 1")
      .toArray()[0];
    this.#head = Math.max(meta.head, last?.seq ?? 0);
    this.#clock = Math.max(meta.clock, last?.committed ?? 0);
    return meta;
  }

  #facts(message: AcceptedMessage): CommitFacts {
    const known = this.#sql
      .exec<KnownRow>("SELECT seq, type, priority, bytes, body, gone FROM messages WHERE id = ?", message.id)
      .toArray()[0];
    const { floor, read_up_to } = this.#meta;
    const superseded =
      message.collapseKey === undefined
        ? undefined
        : this.#tallies.collapsible(message.collapseKey, Math.max(floor, read_up_to));
    // Counting is only worth it where there can be so many at all.
    const mayBeFull = this.head - floor >= this.#maxStored;
    const stored = mayBeFull ? this.#tallies.stored(floor) : 0;
    return {
      head: this.head,
      known: known && { seq: known.seq, same: saysTheSame(known, message) },
      erasedAt: this.#meta.erased_at,
      stored,
      superseded: superseded === undefined ? [] : [superseded],
      weakest: stored >= this.#maxStored ? this.#tallies.weakest(floor, this.head) : undefined,
    };
  }

  /** Forgets what was committed until then: no copy of it can arrive any more. */
  #trim(horizon: number): number {
    const kept = this.#sql
      .exec<{ seq: Seq }>("SELECT seq FROM messages WHERE committed > ? ORDER BY seq LIMIT 1", horizon)
      .toArray()[0];
    return this.#sql.exec("DELETE FROM messages WHERE seq < ?", kept?.seq ?? this.head + 1).rowsWritten;
  }

  #append(message: AcceptedMessage, seq: Seq, now: number): StreamRow {
    const collapseKey = message.collapseKey ?? null;
    const bytes = utf8Length(message.body);
    this.#sql.exec(
      "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
      seq,
      message.id,
      message.type,
      message.priority,
      message.at,
      now,
      message.expires,
      collapseKey,
      bytes,
      message.body,
    );
    this.#head = seq;
    this.#clock = now;
    const { id, type, priority, at, expires, body } = message;
    const row = { seq, id, type, priority, at, expires, collapseKey, body, bytes, gone: null };
    this.#tallies.added(row);
    return row;
  }

  #withdraw(withdrawn: readonly Withdrawal[], now: number): void {
    for (const { seq, reason } of withdrawn) {
      const { key, unreadUntil } = this.#sql
        .exec<{ key: CollapseKey | null; unreadUntil: number | null }>(
          `UPDATE messages SET gone = ?, gone_at = ?, body = '' WHERE seq = ?
           RETURNING collapse_key AS key, iif(read IS NULL AND seq > ?, expires, NULL) AS unreadUntil`,
          reason,
          now,
          seq,
          this.#meta.read_up_to,
        )
        .one();
      this.#tallies.withdrawn(seq, key, unreadUntil);
    }
  }
}

/** Whether a message is the one that has its id already. Where the body is gone, its length has to do. */
function saysTheSame(known: KnownRow, message: AcceptedMessage): boolean {
  const sameBody =
    known.gone === null ? known.body === message.body : known.bytes === utf8Length(message.body);
  return known.type === message.type && known.priority === message.priority && sameBody;
}
