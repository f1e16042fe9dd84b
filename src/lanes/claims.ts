/**
 * Which job goes on with a message, as the object of its crowd remembers. A step may be taken twice, and then
 * makes two jobs for the next place, which would go on side by side and fork again at every fault. So a
 * job claims its place: the furthest one is remembered, with the job that has it. One row for each message. A
 * crowd of one page has none: its first step is the last one, and makes no further job.
 */
import { fanoutLimits } from "../limits.ts";
import type { MessageId } from "../protocol/ids.ts";

/** A job's claim to take the message on from a place. */
export interface Claim {
  readonly id: MessageId;
  /** When the message was accepted: one that is published again goes its own way. */
  readonly accepted: number;
  /**
   * Rises with each step: the job of a later place was made by one that had an earlier place, and had sent what it
   * was to send. Pages and shards are counted from 0; the rounds of a message that waits for its time come before.
   */
  readonly place: number;
  /** `chain` of the job. */
  readonly chain: number;
}

type Row = { place: number; chain: number };

export function createTable(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS claims (
      id TEXT NOT NULL,
      accepted INTEGER NOT NULL,
      place INTEGER NOT NULL,
      chain REAL NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (id, accepted)
    ) STRICT, WITHOUT ROWID;
  `);
}

/**
 * Whether another job has the place, or has come further. That one is in its lane until its step is done or
 * it is a dead letter, whose redrive has the same claim: nothing is lost with this one.
 */
export function isTaken(sql: SqlStorage, { id, accepted, place, chain }: Claim): boolean {
  const [known] = sql.exec<Row>(
    "SELECT place, chain FROM claims WHERE id = ? AND accepted = ?",
    ...[id, accepted],
  );
  if (known === undefined || known.place < place) return false;
  return known.place > place || known.chain !== chain;
}

/** Claims the place, unless it is taken. Answers whether this job has it. */
export function claim(sql: SqlStorage, claimed: Claim, now: number): boolean {
  const { id, accepted, place, chain } = claimed;
  sql.exec(
    `INSERT INTO claims VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT DO UPDATE SET place = ?3, chain = ?4, at = ?5 WHERE place < ?3`,
    ...[id, accepted, place, chain, now],
  );
  return !isTaken(sql, claimed);
}

/** When the first of the claims is over. */
export function earliestEnd(sql: SqlStorage): number | undefined {
  const { at } = sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM claims").one();
  return at === null ? undefined : at + fanoutLimits.claimKeptMs;
}

/** Forgets the claims that are over: no copy of their steps can come any more. */
export function sweep(sql: SqlStorage, now: number): void {
  sql.exec("DELETE FROM claims WHERE at <= ?", now - fanoutLimits.claimKeptMs);
}
