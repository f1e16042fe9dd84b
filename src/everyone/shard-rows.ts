/** The tables of an `EveryoneShard`: every statement on them, with typed rows. */
import type { UserId } from "../protocol/ids.ts";
import type { LogSeq, OnlineUser } from "./calls.ts";

export function createTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS state (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      head INTEGER NOT NULL,
      reported INTEGER NOT NULL
    ) STRICT;
    INSERT OR IGNORE INTO state VALUES (1, 0, 0);
    CREATE TABLE IF NOT EXISTS online (
      user TEXT PRIMARY KEY,
      since INTEGER NOT NULL,
      seen INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `);
}

export interface ShardState {
  /** The log's, as far as the shard knows. */
  readonly head: LogSeq;
  /** When the shard last said that it is in use. */
  readonly reported: number;
}

export function stateOf(sql: SqlStorage): ShardState {
  return sql.exec<{ head: LogSeq; reported: number }>("SELECT head, reported FROM state").one();
}

/** Raises what is known, each of it only. */
export function raise(sql: SqlStorage, { head, reported }: ShardState): void {
  sql.exec(
    "UPDATE state SET head = max(head, ?1), reported = max(reported, ?2) WHERE head < ?1 OR reported < ?2",
    ...[head, reported],
  );
}

/** What is older than what is known changes nothing. */
export function put(sql: SqlStorage, { user, since, seen }: OnlineUser): void {
  sql.exec(
    `INSERT INTO online VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET since = excluded.since, seen = excluded.seen WHERE excluded.seen > seen`,
    ...[user, since, seen],
  );
}

export function remove(sql: SqlStorage, user: UserId, seenUntil: number): void {
  sql.exec("DELETE FROM online WHERE user = ? AND seen <= ?", ...[user, seenUntil]);
}

/** Users in the order of their ids, after one or from the first. */
export function usersAfter(sql: SqlStorage, after: UserId | undefined, limit: number): OnlineUser[] {
  return sql
    .exec<OnlineUser & Record<string, SqlStorageValue>>(
      "SELECT user, since, seen FROM online WHERE user > ? ORDER BY user LIMIT ?",
      ...[after ?? "", limit],
    )
    .toArray();
}

/** Those of the users that are there. One parameter for all: a statement takes 100. */
export function among(sql: SqlStorage, users: readonly UserId[]): OnlineUser[] {
  return sql
    .exec<OnlineUser & Record<string, SqlStorageValue>>(
      "SELECT user, since, seen FROM online WHERE user IN (SELECT value FROM json_each(?))",
      JSON.stringify(users),
    )
    .toArray();
}
