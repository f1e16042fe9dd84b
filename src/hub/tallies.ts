/**
 * What a commit must know of the stored messages as a whole. Cheap to keep up to date and costly to find
 * out, so each is counted when it first matters, and kept while the object runs. Derived from the rows:
 * after a transaction that failed it is thrown away.
 */
import type { CollapseKey } from "../protocol/ids.ts";
import { type Priority, priorities } from "../protocol/priority.ts";
import type { Seq } from "../protocol/seq.ts";
import { isOwn } from "./commit.ts";
import { Expiries } from "./expiries.ts";
import { notOwn } from "./message-rows.ts";
import type { StreamRow } from "./stream.ts";

/** Least urgent first; critical messages are never evicted. */
const evictionOrder = priorities.filter((priority) => priority !== "critical").reverse();

export class Tallies {
  readonly #sql: SqlStorage;
  #stored: number | undefined;
  /** When each unread message expires, and when that was found out: a clock that goes back may bring some back. */
  #unread: { readonly expiries: Expiries; readonly since: number } | undefined;
  #collapsible: Map<CollapseKey, Seq> | undefined;
  /** No message of the priority is stored at or below this number. */
  readonly #scannedTo = new Map<Priority, Seq>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Messages stored, without those that are gone and what is the hub's own. */
  stored(floor: Seq): number {
    this.#stored ??= this.#sql
      .exec<{ count: number }>(
        `SELECT count(*) AS count FROM messages WHERE seq > ? AND gone IS NULL AND ${notOwn}`,
        floor,
      )
      .one().count;
    return this.#stored;
  }

  /** Unread messages after a number that have not expired. Read from the rows once, and then known. */
  unread(after: Seq, now: number): number {
    if (this.#unread === undefined || now < this.#unread.since) {
      const rows = this.#sql
        .exec<{ expires: number }>(
          `SELECT expires FROM messages
           WHERE seq > ? AND gone IS NULL AND read IS NULL AND expires > ? ORDER BY expires`,
          after,
          now,
        )
        .toArray();
      this.#unread = { expiries: new Expiries(rows.map(({ expires }) => expires)), since: now };
    }
    const { expiries } = this.#unread;
    expiries.endUntil(now);
    this.#unread = { expiries, since: now };
    return expiries.count;
  }

  /** The unread message that a newer one of the same key replaces. */
  collapsible(key: CollapseKey, readUpTo: Seq): Seq | undefined {
    this.#collapsible ??= new Map(
      this.#sql
        .exec<{ key: CollapseKey; seq: Seq }>(
          `SELECT collapse_key AS key, seq FROM messages
           WHERE seq > ? AND collapse_key IS NOT NULL AND gone IS NULL AND read IS NULL ORDER BY seq`,
          readUpTo,
        )
        .toArray()
        .map((row) => [row.key, row.seq]),
    );
    return this.#collapsible.get(key);
  }

  /** The first stored message of the least urgent priority. Each scan goes on where the last one of that priority ended. */
  weakest(floor: Seq, head: Seq): { readonly seq: Seq; readonly priority: Priority } | undefined {
    for (const priority of evictionOrder) {
      const row = this.#sql
        .exec<{ seq: Seq }>(
          `SELECT seq FROM messages WHERE seq > ? AND priority = ? AND gone IS NULL AND ${notOwn} ORDER BY seq LIMIT 1`,
          Math.max(floor, this.#scannedTo.get(priority) ?? 0),
          priority,
        )
        .toArray()[0];
      this.#scannedTo.set(priority, row === undefined ? head : row.seq - 1);
      if (row !== undefined) return { seq: row.seq, priority };
    }
    return undefined;
  }

  added({ collapseKey, expires, seq, type }: StreamRow): void {
    if (isOwn(type)) return;
    if (this.#stored !== undefined) this.#stored += 1;
    this.#unread?.expiries.add(expires);
    if (collapseKey !== null) this.#collapsible?.set(collapseKey, seq);
  }

  /** One is gone; where it stood under its key itself, nothing does now. */
  withdrawn(seq: Seq, key: CollapseKey | null, unreadUntil: number | null): void {
    if (this.#stored !== undefined) this.#stored -= 1;
    if (unreadUntil !== null) this.#unread?.expiries.remove(unreadUntil);
    if (key !== null && this.#collapsible?.get(key) === seq) this.#collapsible.delete(key);
  }

  /** Messages were read, which are not to be replaced. */
  read(): void {
    this.#unread = undefined;
    this.#collapsible = undefined;
  }

  /** Any number of messages expired. */
  expired(): void {
    this.#stored = undefined;
    this.#unread = undefined;
    this.#collapsible = undefined;
  }
}
