/**
 * Which job goes on with a message, as the object of its crowd remembers. A step may be taken twice, and then
 * makes two jobs for the next place, which would go on side by side and fork again at every fault. So a
 * job claims its place: the furthest one is remembered, with the job that has it. One row for each message.
 */
import { fanoutLimits } from "../limits.ts";
import type { MessageId } from "../protocol/ids.ts";

/** A job's claim to take the message on from a place. */
export interface Claim {
  readonly id: MessageId;
  /** Rises with each step: the job of a later place was made by one that had an earlier place, and had sent what it was to send. */
  readonly place: number;
  /** `chain` of the job. */
  readonly chain: number;
}

type Row = { id: MessageId; place: number; chain: number; at: number };

export function createTable(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS claims (
      id TEXT PRIMARY KEY,
      place INTEGER NOT NULL,
      chain REAL NOT NULL,
      at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `);
}

/**
 * Whether another job has the place, or has come further. That one is in its lane until its step is done or
 * it is a dead letter, whose redrive has the same claim: nothing is lost with this one.
 */
export function isTaken(sql: SqlStorage, { id, place, chain }: Claim): boolean {
  const [known] = sql.exec<Row>("SELECT * FROM claims WHERE id = ?", id);
  if (known === undefined || known.place < place) return false;
  return known.place > place || known.chain !== chain;
}

/** Claims the place, unless it is taken. Answers whether this job has it. */
export function claim(sql: SqlStorage, { id, place, chain }: Claim, now: number): boolean {
  sql.exec(
    `INSERT INTO claims VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT DO UPDATE SET place = ?2, chain = ?3, at = ?4 WHERE place < ?2`,
    ...[id, place, chain, now],
  );
  return !isTaken(sql, { id, place, chain });
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
