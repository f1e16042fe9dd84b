/** The tables of `Everyone`: every statement on them, with typed rows. */
import { withdrawal } from "../lanes/withdrawal.ts";
import type { MessageId } from "../protocol/ids.ts";
import { type AcceptedMessage, acceptedMessage } from "../protocol/message.ts";
import type { LogEntry, LogSeq } from "./calls.ts";

export function createTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS head (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      seq INTEGER NOT NULL
    ) STRICT;
    INSERT OR IGNORE INTO head VALUES (1, 0);
    CREATE TABLE IF NOT EXISTS log (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      expires INTEGER NOT NULL,
      message TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS retracted (
      id TEXT PRIMARY KEY,
      until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS counts (
      shards INTEGER PRIMARY KEY,
      used INTEGER NOT NULL
    ) STRICT;
  `);
}

/** The last number given. It outlives the entries, so that numbers never come again. */
export function headOf(sql: SqlStorage): LogSeq {
  return sql.exec<{ seq: LogSeq }>("SELECT seq FROM head").one().seq;
}

/** Puts a message at the end, unless its id is there; answers its place. */
export function append(sql: SqlStorage, message: AcceptedMessage): LogSeq {
  const [known] = sql.exec<{ seq: LogSeq }>("SELECT seq FROM log WHERE id = ?", message.id);
  if (known !== undefined) return known.seq;
  const { seq } = sql.exec<{ seq: LogSeq }>("UPDATE head SET seq = seq + 1 RETURNING seq").one();
  sql.exec(
    "INSERT INTO log VALUES (?, ?, ?, ?)",
    ...[seq, message.id, message.expires, JSON.stringify(message)],
  );
  return seq;
}

/**
 * Hands a message out no more, whether it is in the log or still to come. Where it was to take the place of another
 * one, the word that this one is withdrawn stands in its own: who was away for both may show it still.
 */
export function retract(sql: SqlStorage, id: MessageId, until: number, now: number): void {
  sql.exec("INSERT OR IGNORE INTO retracted VALUES (?, ?)", id, until);
  const [row] = sql.exec<{ message: string }>(
    "SELECT message FROM log WHERE id = ? AND message IS NOT NULL",
    id,
  );
  if (row === undefined) return;
  const message = acceptedMessage.parse(JSON.parse(row.message));
  // The word stands there already.
  if (message.id !== id) return;
  const word =
    message.replaces === undefined
      ? undefined
      : withdrawal(message.replaces, "replaced", { now, audience: `log of ${id}`, within: message.within });
  sql.exec(
    "UPDATE log SET message = ?, expires = ? WHERE id = ?",
    ...[word === undefined ? null : JSON.stringify(word), word?.expires ?? message.expires, id],
  );
}

export function isRetracted(sql: SqlStorage, id: MessageId): boolean {
  return sql.exec("SELECT 1 FROM retracted WHERE id = ?", id).toArray().length > 0;
}

/** What is in the log after a number, rising; nothing is read before it is asked for. `bytes` are about those of the message. */
export function* after(
  sql: SqlStorage,
  seq: LogSeq,
  now: number,
): Generator<LogEntry & { readonly bytes: number }> {
  const rows = sql.exec<{ seq: LogSeq; message: string }>(
    "SELECT seq, message FROM log WHERE seq > ? AND expires > ? AND message IS NOT NULL ORDER BY seq",
    ...[seq, now],
  );
  for (const row of rows) {
    yield {
      seq: row.seq,
      message: acceptedMessage.parse(JSON.parse(row.message)),
      bytes: row.message.length,
    };
  }
}

export function useCount(sql: SqlStorage, shards: number, now: number): void {
  sql.exec(
    "INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET used = max(used, excluded.used)",
    ...[shards, now],
  );
}

/** The shard counts that were used after `since`, rising. */
export function countsUsed(sql: SqlStorage, since: number): number[] {
  return sql
    .exec<{ shards: number }>("SELECT shards FROM counts WHERE used > ? ORDER BY shards", since)
    .toArray()
    .map(({ shards }) => shards);
}

/** When the first of the entries and retractions is over. */
export function earliestEnd(sql: SqlStorage): number | undefined {
  const { at } = sql
    .exec<{ at: number | null }>(
      "SELECT min(at) AS at FROM (SELECT min(expires) AS at FROM log UNION ALL SELECT min(until) FROM retracted)",
    )
    .one();
  return at ?? undefined;
}

/** Removes what is over, and the counts that were not used after `unusedSince`. */
export function sweep(sql: SqlStorage, now: number, unusedSince: number): void {
  sql.exec("DELETE FROM log WHERE expires <= ?", now);
  sql.exec("DELETE FROM retracted WHERE until <= ?", now);
  sql.exec("DELETE FROM counts WHERE used <= ?", unusedSince);
}
