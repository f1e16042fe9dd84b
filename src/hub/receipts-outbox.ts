/**
 * What of a user's messages is still to be told to their publishers: written in the transaction of the
 * change itself, and sent to the queue of receipts as soon as the event that wrote it is through. What was
 * sent is deleted after the queue took it: a crash in between sends it twice, and events are known again.
 */
import { backoffSeconds } from "../lanes/backoff.ts";
import { within } from "../lanes/bounded.ts";
import { batches } from "../lanes/send.ts";
import { laneLimits, receiptLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { UserId } from "../protocol/ids.ts";
import { bundles, parseBundle, type ReceiptEvent, receiptEvent } from "../receipts/event.ts";
import type { Held, Keeping } from "./keeping.ts";
import type { Step } from "./receipt-steps.ts";

export interface OutboxSurroundings {
  readonly user: UserId;
  /** One `sendBatch` to the queue of receipts. @throws when it refuses */
  send(texts: readonly string[]): Promise<void>;
  /** Makes sure that the object's alarm comes by then. */
  ringBy(at: number): Promise<void>;
  /** Keeps the object awake for work that nobody waits for. */
  waitUntil(work: Promise<void>): void;
  /** In [0, 1). */
  random(): number;
}

type Row = { n: number; event: string };

/** A receipt that has not been sent yet. */
export interface HeldReceipt extends Held, ReceiptEvent {
  readonly kind: "receipt";
}

export class ReceiptsOutbox implements Keeping {
  readonly #sql: SqlStorage;
  readonly #surroundings: OutboxSurroundings;
  /** By when to try again, if nothing has been sent until then; `undefined` while nothing waits, and until it is {@link #known}. */
  #due: number | undefined;
  #known = false;
  #sending: Promise<void> | undefined;
  /** Tries in a row that failed. */
  #failed = 0;

  constructor(sql: SqlStorage, surroundings: OutboxSurroundings) {
    this.#sql = sql;
    this.#surroundings = surroundings;
  }

  /** Writes down what became of messages, inside the object's transaction, and sends it after that. */
  tell(steps: readonly Step[], now: number): void {
    const { user, waitUntil } = this.#surroundings;
    if (steps.length === 0) return;
    const rescue = now + receiptLimits.rescueMs;
    this.#due = this.nextDue() ?? rescue;
    for (const text of bundles(steps.map((step) => receiptEvent({ ...step, user })))) {
      this.#sql.exec("INSERT INTO receipts (event) VALUES (?)", text);
    }
    // While the queue refuses, only the alarm tries again.
    if (this.#failed === 0) waitUntil(this.#sendSoon(rescue));
  }

  get empty(): boolean {
    return this.nextDue() === undefined;
  }

  /** What an object that died had not sent is due at once. */
  nextDue(): number | undefined {
    if (!this.#known && this.#waiting(1).length > 0) this.#due = 0;
    this.#known = true;
    return this.#due;
  }

  settle(): Promise<void> {
    return this.#send();
  }

  /** Of a user who is erased nothing more is told. */
  erase(): void {
    this.#sql.exec("DELETE FROM receipts");
    // Looked for again, since the transaction may yet fail.
    this.#due = undefined;
    this.#known = false;
  }

  *held(): Iterable<HeldReceipt> {
    for (const { n, event } of this.#waiting(-1)) {
      for (const [index, each] of (parseBundle(event)?.events ?? []).entries()) {
        yield { kind: "receipt", key: `${String(n).padStart(16, "0")}.${100 + index}`, ...each };
      }
    }
  }

  async #sendSoon(rescue: number): Promise<void> {
    // Lets the transaction end, and whatever follows without a pause: alarm and rows become durable together.
    await Promise.resolve();
    try {
      // Should the object die before they are sent, its alarm sends them.
      await this.#surroundings.ringBy(rescue);
    } catch (error) {
      log("error", "alarm_failed", { error: errorText(error) });
    }
    await this.#send();
  }

  /** Whoever asks while a try is under way waits for that one, which takes along what was written meanwhile. */
  #send(): Promise<void> {
    this.#sending ??= this.#sendAll();
    return this.#sending;
  }

  /** Never throws. */
  async #sendAll(): Promise<void> {
    // It is known to be under way before it can end.
    await Promise.resolve();
    try {
      for (let rows = this.#waiting(laneLimits.maxSendMessages); rows.length > 0; ) {
        await this.#sendThese(rows);
        rows = this.#waiting(laneLimits.maxSendMessages);
      }
      this.#failed = 0;
      this.#due = undefined;
    } catch (error) {
      this.#failed += 1;
      this.#due = Date.now() + backoffSeconds(this.#failed, this.#surroundings.random()) * 1_000;
      log("warn", "receipts_not_sent", { error: errorText(error) });
    }
    this.#sending = undefined;
  }

  async #sendThese(rows: readonly Row[]): Promise<void> {
    let sent = 0;
    for (const texts of batches(rows.map(({ event }) => event))) {
      await within(laneLimits.sendTimeoutMs, this.#surroundings.send(texts));
      for (const { n, event } of rows.slice(sent, sent + texts.length)) {
        // By its text too: an erasure may have come meanwhile, after which the numbers begin again.
        this.#sql.exec("DELETE FROM receipts WHERE n = ? AND event = ?", n, event);
      }
      sent += texts.length;
    }
  }

  #waiting(most: number): Row[] {
    return this.#sql.exec<Row>("SELECT n, event FROM receipts ORDER BY n LIMIT ?", most).toArray();
  }
}
