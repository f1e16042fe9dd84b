/** The table of the dead letters: every statement on it, with typed rows. */
import type { MessageId, UserId } from "../protocol/ids.ts";
import type { Priority } from "../protocol/priority.ts";
import type { DeadLetter, DeadLetterPage, DeadLetterQuery } from "./dead-letter.ts";
import { type DeadReason, type DeadRecord, type Death, deadKey, deadTextKey } from "./dead-record.ts";
import { encodeMessage, parseMessage } from "./message-text.ts";

type Row = {
  n: number;
  key: string;
  /** NULL, as the user, where `payload` is a text from a lane. */
  id: MessageId | null;
  user: UserId | null;
  lane: Priority;
  payload: string;
  accepted: number;
  reason: DeadReason;
  attempts: number;
  error: string;
  at: number;
  redrives: number;
  /** NULL while it is dead. */
  redriven_at: number | null;
};

export function createTable(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS dead_letters (
      n INTEGER PRIMARY KEY,
      key TEXT NOT NULL UNIQUE,
      id TEXT,
      user TEXT,
      lane TEXT NOT NULL,
      payload TEXT NOT NULL,
      accepted INTEGER NOT NULL,
      reason TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      error TEXT NOT NULL,
      at INTEGER NOT NULL,
      redrives INTEGER NOT NULL DEFAULT 0,
      redriven_at INTEGER
    ) STRICT;
    CREATE INDEX IF NOT EXISTS dead_letters_at ON dead_letters (at);
    CREATE INDEX IF NOT EXISTS dead_letters_user ON dead_letters (user, id);
    CREATE TABLE IF NOT EXISTS erased_users (
      user TEXT PRIMARY KEY,
      at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `);
}

/**
 * One row for each user of the record. The same death again changes nothing; another one makes the row
 * dead again. Of a user who was erased after the message was accepted nothing is kept.
 */
export function put(sql: SqlStorage, record: DeadRecord): void {
  if ("raw" in record) {
    insert(
      sql,
      record,
      { key: deadTextKey(record.raw), id: null, user: null, lane: record.lane },
      record.raw,
      record.at,
    );
    return;
  }
  const { message } = record;
  const payload = encodeMessage(message);
  for (const user of record.users) {
    const [erased] = sql.exec("SELECT 1 FROM erased_users WHERE user = ? AND at >= ?", user, message.at);
    const names = { key: deadKey(message, user), id: message.id, user, lane: message.priority };
    // Its id can be known from its time on only: that is where the age begins that a redrive allows.
    const from = message.deliverAt ?? message.at;
    if (erased === undefined) insert(sql, record, names, payload, from);
  }
}

function insert(
  sql: SqlStorage,
  { reason, attempts, error, at }: Death,
  { key, id, user, lane }: Pick<Row, "key" | "id" | "user" | "lane">,
  payload: string,
  accepted: number,
): void {
  sql.exec(
    `INSERT INTO dead_letters (key, id, user, lane, payload, accepted, reason, attempts, error, at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET
       payload = excluded.payload, accepted = min(accepted, excluded.accepted),
       reason = excluded.reason, attempts = excluded.attempts, error = excluded.error, at = excluded.at,
       redriven_at = NULL
     WHERE dead_letters.at <> excluded.at`,
    ...[key, id, user, lane, payload, accepted, reason, attempts, error, at],
  );
}

/** Removes the letters of a user, and remembers that. */
export function eraseUser(sql: SqlStorage, user: UserId, now: number): number {
  sql.exec(
    "INSERT INTO erased_users VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
    ...[user, now],
  );
  return sql.exec("DELETE FROM dead_letters WHERE user = ? RETURNING n", user).toArray().length;
}

/** A letter, and when its message was accepted; of a text it is only known when it died first. */
export interface Kept {
  readonly letter: DeadLetter;
  readonly accepted: number;
}

export function byKey(sql: SqlStorage, key: string): Kept | undefined {
  const [row] = sql.exec<Row>("SELECT * FROM dead_letters WHERE key = ?", key);
  return row && { letter: letterOf(row), accepted: row.accepted };
}

/** The letter of a message and a user; of several under one id the last that died. */
export function byMessage(sql: SqlStorage, id: MessageId, user: UserId): DeadLetter | undefined {
  const [row] = sql.exec<Row>(
    "SELECT * FROM dead_letters WHERE user = ? AND id = ? ORDER BY redriven_at IS NULL DESC, at DESC LIMIT 1",
    ...[user, id],
  );
  return row && letterOf(row);
}

export function page(sql: SqlStorage, { cursor, limit, user, reason }: DeadLetterQuery): DeadLetterPage {
  const rows = sql
    .exec<Row>(
      `SELECT * FROM dead_letters
       WHERE (?1 IS NULL OR n < ?1) AND (?2 IS NULL OR user = ?2) AND (?3 IS NULL OR reason = ?3)
       ORDER BY n DESC LIMIT ?4`,
      ...[cursor ?? null, user ?? null, reason ?? null, limit + 1],
    )
    .toArray();
  const letters = rows.slice(0, limit).map(letterOf);
  const last = rows[limit - 1];
  return rows.length > limit && last ? { letters, next: last.n } : { letters };
}

/** Notes that the death of this time has been sent on its way again. A later death of the same letter stays dead. */
export function markRedriven(sql: SqlStorage, key: string, diedAt: number, now: number): void {
  sql.exec(
    "UPDATE dead_letters SET redrives = redrives + 1, redriven_at = ? WHERE key = ? AND at = ?",
    ...[now, key, diedAt],
  );
}

/** Whether there was one. */
export function remove(sql: SqlStorage, key: string): boolean {
  return sql.exec("DELETE FROM dead_letters WHERE key = ? RETURNING n", key).toArray().length > 0;
}

/** The time of the earliest death or erasure that is remembered. */
export function earliest(sql: SqlStorage): number | undefined {
  const { at } = sql
    .exec<{ at: number | null }>(
      "SELECT min(at) AS at FROM (SELECT at FROM dead_letters UNION ALL SELECT at FROM erased_users)",
    )
    .one();
  return at ?? undefined;
}

export function removeUntil(sql: SqlStorage, at: number): void {
  sql.exec("DELETE FROM dead_letters WHERE at <= ?", at);
  sql.exec("DELETE FROM erased_users WHERE at <= ?", at);
}

function letterOf(row: Row): DeadLetter {
  const { key, user, lane, reason, attempts, error, at, redrives, redriven_at, payload } = row;
  const letter = {
    ...{ key, lane, reason, attempts, error, at, redrives },
    ...(redriven_at === null
      ? { state: "dead" as const }
      : { state: "redriven" as const, redrivenAt: redriven_at }),
  };
  const message = user === null ? undefined : parseMessage(payload);
  return user !== null && message ? { ...letter, user, message } : { ...letter, raw: payload };
}
