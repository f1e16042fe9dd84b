/**
 * Ids whose messages must not be committed when they come: they were retracted or replaced before, or while
 * they were still to wait for their time. Kept for as long as a copy may be on its way. Where there are
 * none, which is found out once, a message costs no look at the table.
 */
import { z } from "zod";
import type { GoneReason } from "../protocol/frames.ts";
import type { MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { topicPattern } from "../protocol/topic-pattern.ts";
import { type Reaching, reaches } from "./reach.ts";

export type BarReason = Extract<GoneReason, "retracted" | "replaced">;

export interface Bar extends Reaching {
  readonly id: MessageId;
  /** Since when, in milliseconds since 1970. */
  readonly at: number;
  readonly reason: BarReason;
}

type Row = { id: MessageId; at: number; reason: BarReason; within: string | null };
const patterns = z.array(topicPattern);

export class Barred {
  readonly #sql: SqlStorage;
  #any: boolean | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(id: MessageId): Bar | undefined {
    if (!this.#some()) return undefined;
    const [row] = this.#sql
      .exec<Row>("SELECT id, at, reason, within FROM withdrawn WHERE id = ?", id)
      .toArray();
    if (row === undefined) return undefined;
    const { within, ...bar } = row;
    return within === null ? bar : { ...bar, within: patterns.parse(JSON.parse(within)) };
  }

  /** Whether this message must not be committed. */
  stops({ id, topic }: Pick<AcceptedMessage, "id" | "topic">): boolean {
    const bar = this.find(id);
    return bar !== undefined && reaches(bar, topic);
  }

  /** What was barred first stays so; it reaches as far as all that barred it do together. */
  add({ id, at, reason, within }: Bar): void {
    const before = this.find(id);
    if (before !== undefined && before.within === undefined) return;
    const both = within && [...new Set([...(before?.within ?? []), ...within])];
    this.#sql.exec(
      "INSERT INTO withdrawn (id, at, reason, within) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET within = excluded.within",
      ...[id, at, reason, both === undefined ? null : JSON.stringify(both)],
    );
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
