/**
 * The Durable Object that counts how far one message got, for its publisher: by state, over all its users.
 * It knows events by their ids, which are hashes, and holds no name of a user or device. After 30 days it
 * is gone.
 */
import { DurableObject } from "cloudflare:workers";
import { receiptLimits } from "../limits.ts";
import type { ReceiptEvent, ReceiptState } from "./event.ts";

/** The message as it was accepted. */
export interface AcceptedRecord {
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly type: string;
  /** Users that it is for; absent for a topic, whose members are found out later. */
  readonly recipients?: number;
}

/** Without the record, where that could not be made when the message was accepted. */
export interface MessageReceipts extends Partial<AcceptedRecord> {
  /** How many users came to each state; `acknowledged` counts devices. None of a state that is absent. */
  readonly counts: Readonly<Partial<Record<ReceiptState, number>>>;
}

/** What is needed of an event to count it once. */
export type Countable = Pick<ReceiptEvent, "id" | "state">;

const acceptedKey = "accepted";

export class Receipts extends DurableObject<Env> {
  /** Remembers the message. The first record of it stays. @param due when it is to be delivered */
  async accept(record: AcceptedRecord, due: number): Promise<void> {
    const { storage } = this.ctx;
    this.#open();
    if (storage.kv.get(acceptedKey) !== undefined) return;
    storage.kv.put(acceptedKey, record);
    await storage.setAlarm(due + receiptLimits.keptMs);
  }

  /** Counts events that have not been counted before. */
  async add(events: readonly Countable[]): Promise<void> {
    const { storage } = this.ctx;
    const created = this.#open();
    storage.transactionSync(() => {
      for (const { id, state } of events) {
        storage.sql.exec("INSERT INTO told VALUES (?, ?) ON CONFLICT DO NOTHING", id, state);
      }
    });
    if (created) await storage.setAlarm(Date.now() + receiptLimits.keptMs);
  }

  /** `undefined` where nothing is known of the message, or nothing any more. */
  async read(): Promise<MessageReceipts | undefined> {
    const { kv, sql } = this.ctx.storage;
    if (!this.#exists()) return undefined;
    const rows = sql
      .exec<{ state: string; count: number }>("SELECT state, count(*) AS count FROM told GROUP BY state")
      .toArray();
    const counts = Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    return { ...kv.get<AcceptedRecord>(acceptedKey), counts };
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  /** Makes sure of the table; tells whether it is new, and with it everything here. */
  #open(): boolean {
    if (this.#exists()) return false;
    this.ctx.storage.sql.exec(
      "CREATE TABLE told (event TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID",
    );
    return true;
  }

  #exists(): boolean {
    const found = this.ctx.storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'told'").toArray();
    return found.length > 0;
  }
}
