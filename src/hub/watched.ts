/**
 * The messages of which an acknowledgement or a reading means more than that: it settles them for all
 * devices (`cancelOn`), or somebody is told of it (`receipts`). Most messages are not among them, and those cost
 * nothing: the table is read once, when it first matters, and then known while the object runs.
 */
import type { DeviceId, MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage, CancelEvent } from "../protocol/message.ts";
import type { Seq } from "../protocol/seq.ts";
import type { ReceiptState } from "../receipts/event.ts";
import { asked, isNews, type Step, withStep } from "./receipt-steps.ts";

export interface Watch {
  readonly id: MessageId;
  readonly cancelOn: CancelEvent | null;
  /** What was told of it; 0 where nobody is to be told. */
  readonly receipts: number;
}

export class Watched {
  readonly #sql: SqlStorage;
  /** Rising. */
  #watches: Map<Seq, Watch> | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Watches a message from its commit on, if there is reason to. */
  add(seq: Seq, message: AcceptedMessage): void {
    const { id, cancelOn: settlesOn, receipts: wanted = false } = message;
    if (settlesOn === undefined && !wanted) return;
    const watches = this.#all();
    const cancelOn = settlesOn ?? null;
    const receipts = wanted ? asked : 0;
    this.#sql.exec(
      "INSERT INTO watched (seq, cancel_on, receipts) VALUES (?, ?, ?)",
      seq,
      cancelOn,
      receipts,
    );
    watches.set(seq, { id, cancelOn, receipts });
  }

  /** Those after a number, up to another, of which this step would be told. */
  untold(state: ReceiptState, after: Seq, upTo: Seq): Seq[] {
    const seqs: Seq[] = [];
    for (const [seq, { receipts }] of this.#all()) {
      if (seq > upTo) break;
      if (seq > after && isNews(receipts, state)) seqs.push(seq);
    }
    return seqs;
  }

  /** What of this step, which these numbers have come to, is to be told; from then on it counts as told. */
  steps(seqs: Iterable<Seq>, state: ReceiptState, at: number, device?: DeviceId): Step[] {
    const watches = this.#all();
    const steps: Step[] = [];
    for (const seq of seqs) {
      const watch = watches.get(seq);
      if (watch === undefined || !isNews(watch.receipts, state)) continue;
      const receipts = withStep(watch.receipts, state);
      if (receipts !== watch.receipts) {
        this.#sql.exec("UPDATE watched SET receipts = ? WHERE seq = ?", receipts, seq);
        watches.set(seq, { ...watch, receipts });
      }
      steps.push({ message: watch.id, state, at, device });
    }
    return steps;
  }

  /** The messages up to a number that this settles, when one device does it. */
  settledBy(event: CancelEvent, upTo: Seq): Seq[] {
    const seqs: Seq[] = [];
    for (const [seq, { cancelOn }] of this.#all()) {
      if (seq > upTo) break;
      if (cancelOn === event) seqs.push(seq);
    }
    return seqs;
  }

  /** A message is gone, and there is nothing more to say of it. */
  drop(seq: Seq): void {
    if (this.#all().delete(seq)) this.#sql.exec("DELETE FROM watched WHERE seq = ?", seq);
  }

  /** Drops those whose messages have expired, many at once, and tells which end is news. */
  sweep(): Step[] {
    if (this.#all().size === 0) return [];
    const expired = this.#sql
      .exec<{ seq: Seq; at: number }>(
        "SELECT seq, expires AS at FROM watched JOIN messages USING (seq) WHERE gone IS NOT NULL ORDER BY seq",
      )
      .toArray();
    const steps = expired.flatMap(({ seq, at }) => this.steps([seq], "expired", at));
    this.#sql.exec(
      `DELETE FROM watched WHERE NOT EXISTS
         (SELECT 1 FROM messages WHERE messages.seq = watched.seq AND gone IS NULL)`,
    );
    this.forget();
    return steps;
  }

  /** Of a transaction that failed, nothing must live on in memory. */
  forget(): void {
    this.#watches = undefined;
  }

  #all(): Map<Seq, Watch> {
    this.#watches ??= new Map(
      this.#sql
        .exec<{ seq: Seq; id: MessageId; cancelOn: CancelEvent | null; receipts: number }>(
          "SELECT seq, id, cancel_on AS cancelOn, receipts FROM watched JOIN messages USING (seq) ORDER BY seq",
        )
        .toArray()
        .map(({ seq, ...watch }) => [seq, watch]),
    );
    return this.#watches;
  }
}
