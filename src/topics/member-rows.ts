/** The tables of a topic's object, and all SQL on them. Members are in the order of their ids, which are ASCII. */
import { createHash } from "node:crypto";
import type { MessageId, UserId } from "../protocol/ids.ts";
import type { Member, MemberChange, MemberPage, MemberQuery } from "./calls.ts";
import type { KnownMember } from "./member-rule.ts";

/**
 * A member is one written row, one that takes part in presence events two: only those stand in the index.
 * Who left stays, with the time. Of who was erased only a hash stays, for as long as a call from before may
 * still arrive, which would bring the name back. To be called inside a transaction.
 */
export function createTables(sql: SqlStorage): void {
  sql.exec(
    `CREATE TABLE IF NOT EXISTS members (
       user TEXT PRIMARY KEY,
       version INTEGER NOT NULL,
       left_at INTEGER,
       presence INTEGER NOT NULL
     ) WITHOUT ROWID;
     CREATE INDEX IF NOT EXISTS members_by_presence ON members (user) WHERE presence = 1;
     CREATE TABLE IF NOT EXISTS erased (
       user_hash TEXT PRIMARY KEY,
       version INTEGER NOT NULL,
       at INTEGER NOT NULL
     ) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS retracted (
       id TEXT PRIMARY KEY,
       at INTEGER NOT NULL
     ) WITHOUT ROWID;`,
  );
}

export function haveTables(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'retracted'").toArray().length > 0;
}

/** A member, or one that left and is still remembered. */
export function known(sql: SqlStorage, user: UserId): KnownMember | undefined {
  const row = sql
    .exec<{ version: number; isMember: number; presence: number }>(
      "SELECT version, left_at IS NULL AS isMember, presence FROM members WHERE user = ?",
      user,
    )
    .toArray()[0];
  if (row !== undefined) {
    return { version: row.version, member: row.isMember === 1, presence: row.presence === 1, erased: false };
  }
  const [erased] = sql.exec<{ version: number }>(
    "SELECT version FROM erased WHERE user_hash = ?",
    hashOf(user),
  );
  return erased && { version: erased.version, member: false, presence: false, erased: true };
}

function hashOf(user: UserId): string {
  return createHash("sha256").update(user).digest("base64url");
}

export function put(sql: SqlStorage, { user, version, member, presence }: MemberChange, now: number): void {
  sql.exec(
    `INSERT INTO members VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (user) DO UPDATE SET version = ?2, left_at = ?3, presence = ?4`,
    user,
    version,
    member ? null : now,
    member && presence ? 1 : 0,
  );
}

export function erase(sql: SqlStorage, { user, version }: MemberChange, now: number): void {
  sql.exec("DELETE FROM members WHERE user = ?", user);
  sql.exec(
    `INSERT INTO erased VALUES (?1, ?2, ?3)
     ON CONFLICT (user_hash) DO UPDATE SET version = max(version, ?2), at = ?3`,
    ...[hashOf(user), version, now],
  );
}

export function page(sql: SqlStorage, { after, limit, withLeft, presenceOnly }: MemberQuery): MemberPage {
  const rows = sql
    .exec<{ user: UserId; presence: number }>(
      `SELECT user, presence FROM members WHERE user > ?
       ${withLeft === true ? "" : "AND left_at IS NULL"} ${presenceOnly === true ? "AND presence = 1" : ""}
       ORDER BY user LIMIT ?`,
      after ?? "",
      limit + 1,
    )
    .toArray();
  const members = rows
    .slice(0, limit)
    .map(({ user, presence }): Member => ({ user, presence: presence === 1 }));
  const last = members.at(-1);
  return { members, ...(rows.length > limit && last !== undefined ? { next: last.user } : {}) };
}

/** How many are members now. Reads every row. */
export function count(sql: SqlStorage): number {
  return sql.exec<{ count: number }>("SELECT count(*) AS count FROM members WHERE left_at IS NULL").one()
    .count;
}

export function rememberRetracted(sql: SqlStorage, id: MessageId, now: number): void {
  sql.exec("INSERT INTO retracted VALUES (?, ?) ON CONFLICT DO NOTHING", id, now);
}

export function wasRetracted(sql: SqlStorage, id: MessageId): boolean {
  return sql.exec("SELECT 1 FROM retracted WHERE id = ?", id).toArray().length > 0;
}

/** Forgets who left, who was erased and what was retracted until then. */
export function sweep(sql: SqlStorage, leftUntil: number, erasedUntil: number, retractedUntil: number): void {
  sql.exec("DELETE FROM members WHERE left_at <= ?", leftUntil);
  sql.exec("DELETE FROM erased WHERE at <= ?", erasedUntil);
  sql.exec("DELETE FROM retracted WHERE at <= ?", retractedUntil);
}

/** The earliest times of what has an end, and whether there is anything at all. Reads every row. */
export function remains(sql: SqlStorage): {
  readonly left: number | null;
  readonly erased: number | null;
  readonly retracted: number | null;
  readonly empty: boolean;
} {
  const { left, erased, retracted, anybody } = sql
    .exec<{ left: number | null; erased: number | null; retracted: number | null; anybody: number }>(
      `SELECT (SELECT min(left_at) FROM members) AS left,
              (SELECT min(at) FROM erased) AS erased,
              (SELECT min(at) FROM retracted) AS retracted,
              EXISTS (SELECT 1 FROM members) AS anybody`,
    )
    .one();
  return { left, erased, retracted, empty: anybody === 0 && erased === null && retracted === null };
}
