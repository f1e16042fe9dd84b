/**
 * Ids whose messages must not be committed when they come: they were retracted or replaced before, or while
 * they were still to wait for their time. Kept for as long as a copy may be on its way. Where there are
 * none, which is found out once, a message costs no look at the table.
 */
import type { GoneReason } from "../protocol/frames.ts";
import type { MessageId } from "../protocol/ids.ts";

export type BarReason = Extract<GoneReason, "retracted" | "replaced">;

export interface Bar {
  readonly id: MessageId;
  /** Since when, in milliseconds since 1970. */
  readonly at: number;
  readonly reason: BarReason;
}

type Row = { id: MessageId; at: number; reason: BarReason };

export class Barred {
  readonly #sql: SqlStorage;
  #any: boolean | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(id: MessageId): Bar | undefined {
    if (!this.#some()) return undefined;
    return this.#sql.exec<Row>("SELECT id, at, reason FROM withdrawn WHERE id = ?", id).toArray()[0];
  }

  /** What was barred first stays so. */
  add({ id, at, reason }: Bar): void {
    this.#sql.exec("INSERT INTO withdrawn VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, at, reason);
    this.#any = true;
  }

  /** When the first of them was barred. */
  oldest(): number | undefined {
    if (!this.#some()) return undefined;
    return this.#sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM withdrawn").one().at ?? undefined;
  }

  /** Forgets what was barred until then: no copy of it can arrive any more. */
  sweep(horizon: number): void {
    if (!this.#some()) return;
    this.#sql.exec("DELETE FROM withdrawn WHERE at <= ?", horizon);
    this.forget();
  }

  /** Of a transaction that failed, nothing must live on in memory. */
  forget(): void {
    this.#any = undefined;
  }

  #some(): boolean {
    this.#any ??= this.#sql.exec("SELECT 1 FROM withdrawn LIMIT 1").toArray().length > 0;
    return this.#any;
  }
}
