/**
 * What came silently in quiet hours is told when they end, in one row of the stream. One number says that
 * there is something to tell, and when; it goes in the transaction that tells it, so that no crash and no
 * alarm, however late, tells it twice.
 */
import { attentionLimits } from "../limits.ts";
import type { Digest } from "../protocol/frames.ts";
import { type MessageId, messageId } from "../protocol/ids.ts";
import { type AcceptedMessage, digestType } from "../protocol/message.ts";

type HeldRow = { id: MessageId; committed: number };
type EarlierRow = { id: MessageId; seq: number; stands: number };

/** The digest that is to come. */
export class PendingDigest {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** When it is to be told, in milliseconds since 1970; `undefined` while nothing was held. */
  get due(): number | undefined {
    return this.#sql.exec<{ due: number | null }>("SELECT digest_at AS due FROM meta").one().due ?? undefined;
  }

  /** A message is held until then. The first one sets the time: one written row for all quiet hours. */
  hold(until: number): void {
    this.#sql.exec("UPDATE meta SET digest_at = ? WHERE digest_at IS NULL", until);
  }

  /** The quiet hours last until then, after all. */
  postpone(until: number): void {
    this.#sql.exec("UPDATE meta SET digest_at = ?", until);
  }

  clear(): void {
    this.#sql.exec("UPDATE meta SET digest_at = NULL WHERE digest_at IS NOT NULL");
  }

  /**
   * The message that tells it, to be committed in the same transaction; `undefined` where nothing of it is left to tell.
   * @param ended when the quiet hours ended
   */
  take(ended: number, now: number): AcceptedMessage | undefined {
    this.clear();
    const earlier = this.#earlier(now);
    const held = this.#sql
      .exec<HeldRow>(
        `SELECT id, committed FROM messages
         WHERE seq > max(?, (SELECT max(floor, read_up_to) FROM meta)) AND attention = 'held'
           AND gone IS NULL AND read IS NULL AND expires > ? ORDER BY seq DESC`,
        earlier?.seq ?? 0,
        now,
      )
      .toArray();
    const first = held.at(-1);
    if (first === undefined) return undefined;
    const data: Digest = {
      count: held.length,
      ids: held.slice(0, attentionLimits.maxDigestIds).map(({ id }) => id),
      from: first.committed,
      to: ended,
    };
    return {
      id: messageId.parse(crypto.randomUUID()),
      type: digestType,
      priority: "normal",
      at: now,
      expires: now + attentionLimits.digestMs,
      live: false,
      // Who was away for both gets the newer one only.
      ...(earlier?.stands === 1 ? { replaces: earlier.id } : {}),
      body: JSON.stringify(data),
    };
  }

  /** The digest before this one, which has told of all that was held before it; and whether devices may still get it. */
  #earlier(now: number): EarlierRow | undefined {
    return this.#sql
      .exec<EarlierRow>(
        `SELECT id, seq, (gone IS NULL AND expires > ?) AS stands FROM messages
         WHERE type = ? AND seq > (SELECT floor FROM meta) ORDER BY seq DESC LIMIT 1`,
        now,
        digestType,
      )
      .toArray()[0];
  }
}
