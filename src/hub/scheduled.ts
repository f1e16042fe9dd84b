/**
 * The messages that wait for their time: the table of them, and when each is due. That is read once and known
 * while the object runs, so that where nothing waits, nothing is looked for. When they are delivered is
 * decided in `schedule.ts`.
 */
import { encodeMessage, parseMessage } from "../lanes/message-text.ts";
import type { Verdict } from "../protocol/delivery.ts";
import type { MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";

type Row = { id: MessageId; due: number; message: string };

/** A message whose time has come. */
export interface Due {
  readonly id: MessageId;
  /** As it is kept. */
  readonly text: string;
  /** Absent where its text can't be read. */
  readonly message: AcceptedMessage | undefined;
}

/** A message that waits, and until when, in milliseconds since 1970. */
export interface Waiting {
  readonly due: number;
  readonly message: AcceptedMessage;
}

/** A message whose time has not come. */
export type Ahead = AcceptedMessage & { readonly deliverAt: number };

export function isAhead(message: AcceptedMessage, now: number): message is Ahead {
  return message.deliverAt !== undefined && message.deliverAt > now;
}

export class Scheduled {
  readonly #sql: SqlStorage;
  #dues: Map<MessageId, number> | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get count(): number {
    return this.#known().size;
  }

  /** When the first of them is due. */
  nextDue(): number | undefined {
    const dues = [...this.#known().values()];
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  /** The verdict on a message whose id waits already: only its time brings that one, whatever copies of it come. */
  recall(message: AcceptedMessage): Verdict | undefined {
    const waits = this.find(message.id)?.message;
    if (waits === undefined) return undefined;
    const { type, priority, body } = message;
    const same = waits.type === type && waits.priority === priority && waits.body === body;
    return { verdict: same ? "scheduled" : "id_conflict" };
  }

  find(id: MessageId): Waiting | undefined {
    return this.#known().has(id) ? waitingOf(this.#row(id)) : undefined;
  }

  /** Those due by then, the first due first. */
  dueBy(now: number, limit: number): Due[] {
    const due = [...this.#known()].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
    return due.slice(0, limit).map(([id]) => {
      const { message: text } = this.#row(id);
      return { id, text, message: parseMessage(text) };
    });
  }

  /** All that can be read, in the order of their ids; read as they are asked for. */
  *all(): Generator<Waiting> {
    for (const row of this.#sql.exec<Row>("SELECT id, due, message FROM scheduled ORDER BY id")) {
      const waiting = waitingOf(row);
      if (waiting !== undefined) yield waiting;
    }
  }

  /** Keeps one that is ahead until its time; in the place of its own text, where that can't be read. */
  keep(message: Ahead): void {
    const { id, deliverAt } = message;
    this.#known().set(id, deliverAt);
    this.#sql.exec(
      `INSERT INTO scheduled (id, due, message) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET due = excluded.due, message = excluded.message`,
      ...[id, deliverAt, encodeMessage(message)],
    );
  }

  /** Takes one out of the way for its own delivery; the row stays until that has come to something. */
  release(id: MessageId): void {
    this.#known().delete(id);
  }

  /** One that was released goes on waiting. Only the running object knows until when: another one tries it at once. */
  putBack(id: MessageId, due: number): void {
    this.#known().set(id, due);
  }

  /** Removes one, if it is there. */
  drop(id: MessageId): void {
    this.#known().delete(id);
    this.#sql.exec("DELETE FROM scheduled WHERE id = ?", id);
  }

  clear(): void {
    this.#sql.exec("DELETE FROM scheduled");
    this.forget();
  }

  /** Of a transaction that failed, nothing must live on in memory. */
  forget(): void {
    this.#dues = undefined;
  }

  #row(id: MessageId): Row {
    return this.#sql.exec<Row>("SELECT id, due, message FROM scheduled WHERE id = ?", id).one();
  }

  #known(): Map<MessageId, number> {
    this.#dues ??= new Map(
      this.#sql
        .exec<Omit<Row, "message">>("SELECT id, due FROM scheduled")
        .toArray()
        .map(({ id, due }) => [id, due]),
    );
    return this.#dues;
  }
}

function waitingOf({ due, message: text }: Row): Waiting | undefined {
  const message = parseMessage(text);
  return message && { due, message };
}
