/** The table of a user's messages: the statements on it that bring rows in and out, with typed rows. */
import type { CollapseKey, MessageId, MessageType } from "../protocol/ids.ts";
import { utf8Length } from "../protocol/json.ts";
import { type AcceptedMessage, ownTypePrefix } from "../protocol/message.ts";
import type { Priority } from "../protocol/priority.ts";
import type { Seq } from "../protocol/seq.ts";
import { isOwn, type Place, type Removal, type Retold } from "./commit.ts";
import { type Reaching, reaches } from "./reach.ts";
import type { StreamRow } from "./stream.ts";
import type { InboxMessage, InboxQuery } from "./views.ts";
import { marksOf } from "./wire.ts";

/** A message by its id. */
export interface KnownMessage extends StreamRow {
  readonly read: boolean;
  /** Since when it is gone; null while it is not. */
  readonly goneAt: number | null;
}

const streamColumns =
  "seq, id, type, priority, at, expires, collapse_key AS collapseKey, body, bytes, gone, topic, replaces, attention";

/** In SQL, what `isOwn` says of a row: such rows are no messages to be counted or listed. */
export const notOwn = `substr(type, 1, ${ownTypePrefix.length}) <> '${ownTypePrefix}'`;

type Sql<Row> = Row & Record<string, SqlStorageValue>;

/** The stream after a number, rising; nothing is read before it is asked for. */
export function* rowsAfter(sql: SqlStorage, seq: Seq): Generator<StreamRow> {
  yield* sql.exec<Sql<StreamRow>>(`SELECT ${streamColumns} FROM messages WHERE seq > ? ORDER BY seq`, seq);
}

/** One message, gone or not; `undefined` where its id is not known. */
export function findRow(sql: SqlStorage, id: MessageId, readUpTo: Seq): KnownMessage | undefined {
  const [row] = sql.exec<Sql<Omit<KnownMessage, "read"> & { isRead: number }>>(
    `SELECT ${streamColumns}, gone_at AS goneAt, (read IS NOT NULL OR seq <= ?) AS isRead FROM messages WHERE id = ?`,
    readUpTo,
    id,
  );
  if (row === undefined) return undefined;
  const { isRead, ...rest } = row;
  // What the hub says to devices is for nobody to read.
  return { ...rest, read: isRead === 1 && !isOwn(rest.type) };
}

/** Where the stream begins, and up to where it is read. */
export interface Extent {
  readonly floor: Seq;
  readonly head: Seq;
  readonly readUpTo: Seq;
}

/** What is stored and not expired, newest first: one more than asked for, where there is one. */
export function pageRows(
  sql: SqlStorage,
  query: InboxQuery,
  { floor, head, readUpTo }: Extent,
  now: number,
): InboxMessage[] {
  const unread = query.unread ? "AND read IS NULL AND seq > ?4" : "";
  return sql
    .exec<Sql<Omit<StreamRow, "collapseKey" | "bytes" | "gone"> & { isRead: number }>>(
      `SELECT seq, id, type, priority, at, expires, topic, replaces, attention, body,
              (read IS NOT NULL OR seq <= ?4) AS isRead
       FROM messages WHERE seq < ?1 AND seq > ?5 AND gone IS NULL AND expires > ?2 AND ${notOwn} ${unread}
       ORDER BY seq DESC LIMIT ?3`,
      query.before ?? head + 1,
      now,
      query.limit + 1,
      readUpTo,
      floor,
    )
    .toArray()
    .map(({ seq, id, type, priority, at, expires, body, isRead, ...marks }) => ({
      ...{ seq, id, type, priority, at, expires, ...marksOf(marks), body },
      read: isRead === 1,
    }));
}

/** Puts a new message in. What is the hub's own is nothing to read, and counts as read from the start. */
export function insertRow(
  sql: SqlStorage,
  message: AcceptedMessage,
  { seq, now, attention }: { seq: Seq; now: number } & Pick<StreamRow, "attention">,
): StreamRow {
  const { id, type, priority, at, expires, body } = message;
  const { collapseKey = null, topic = null, replaces = null, category = null } = message;
  const bytes = utf8Length(body);
  sql.exec(
    `INSERT INTO messages (seq, id, type, priority, at, committed, expires, collapse_key, bytes, body, read, topic, category, replaces, attention)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[seq, id, type, priority, at, now, expires, collapseKey, bytes, body, isOwn(type) ? now : null],
    ...[topic, category, replaces, attention],
  );
  return {
    ...{ seq, id, type, priority, at, expires, collapseKey, body, bytes, gone: null },
    ...{ topic, replaces, attention },
  };
}

/** What was where a number has gone. */
export interface Gone {
  readonly id: MessageId;
  readonly type: MessageType;
  readonly key: CollapseKey | null;
  /** The message in whose place it came. */
  readonly replaces: MessageId | null;
  /** When it would have expired; null if it was read. */
  readonly unreadUntil: number | null;
}

/** Takes a number out of delivery; its row stays, without the body. */
export function withdrawRow(sql: SqlStorage, { seq, reason }: Removal, readUpTo: Seq, now: number): Gone {
  return sql
    .exec<Sql<Gone>>(
      `UPDATE messages SET gone = ?, gone_at = ?, body = '' WHERE seq = ?
       RETURNING id, type, collapse_key AS key, replaces, iif(read IS NULL AND seq > ?, expires, NULL) AS unreadUntil`,
      reason,
      now,
      seq,
      readUpTo,
    )
    .one();
}

/** What a number that is delivered no more has left behind. */
export type Ended = Pick<StreamRow, "seq" | "replaces">;

/** What is over becomes over for another reason; since when stays. @returns it, where no sweep has yet seen that it has expired */
export function renameEnd(sql: SqlStorage, { id, reason }: Retold): Ended | undefined {
  const unswept = sql.exec<Sql<Ended>>(
    "SELECT seq, replaces FROM messages WHERE id = ? AND gone IS NULL",
    id,
  );
  const [ended] = unswept.toArray();
  sql.exec(
    "UPDATE messages SET gone = ?, gone_at = coalesce(gone_at, expires), body = '' WHERE id = ?",
    reason,
    id,
  );
  return ended;
}

/** Takes out of delivery what has expired. */
export function expireRows(sql: SqlStorage, floor: Seq, now: number): Ended[] {
  return sql
    .exec<Sql<Ended>>(
      `UPDATE messages SET gone = 'expired', gone_at = expires, body = ''
       WHERE seq > ? AND gone IS NULL AND expires <= ? RETURNING seq, replaces`,
      floor,
      now,
    )
    .toArray();
}

/** Whether devices may show a message, as far as they were not told otherwise by a retraction. */
export function mayBeShown(sql: SqlStorage, id: MessageId): boolean {
  return sql.exec("SELECT 1 FROM messages WHERE id = ? AND gone IS NOT 'retracted'", id).toArray().length > 0;
}

/** Why a message is known: its place, and enough of it to tell whether another one says the same. */
type KnownRow = {
  seq: Seq;
  type: AcceptedMessage["type"];
  priority: Priority;
  bytes: number;
  body: string;
  gone: string | null;
};

/** The message that has an id already, and whether this one says the same. Where the body is gone, its length has to do. */
export function knownRow(
  sql: SqlStorage,
  message: AcceptedMessage,
): { readonly seq: Seq; readonly same: boolean } | undefined {
  const [row] = sql.exec<KnownRow>(
    "SELECT seq, type, priority, bytes, body, gone FROM messages WHERE id = ?",
    message.id,
  );
  if (row === undefined) return undefined;
  const sameBody = row.gone === null ? row.body === message.body : row.bytes === utf8Length(message.body);
  return { seq: row.seq, same: row.type === message.type && row.priority === message.priority && sameBody };
}

/** Whether a number can still be delivered. */
export function isDelivered(sql: SqlStorage, seq: Seq, now: number): boolean {
  const found = sql.exec("SELECT 1 FROM messages WHERE seq = ? AND gone IS NULL AND expires > ?", seq, now);
  return found.toArray().length > 0;
}

/** Where a message is that another one retracts or replaces: gone, if that one does not reach it. The hub's own words only give way to its own newer ones. */
export function placeOf(sql: SqlStorage, id: MessageId, by: AcceptedMessage, now: number): Place {
  const [row] = sql.exec<Pick<Sql<StreamRow>, "seq" | "type" | "expires" | "gone" | "topic">>(
    "SELECT seq, type, expires, gone, topic FROM messages WHERE id = ?",
    id,
  );
  if (row === undefined) return "unknown";
  const givesWay = (!isOwn(row.type) || (isOwn(by.type) && by.replaces === id)) && reaches(by, row.topic);
  if (!givesWay || row.gone === "retracted" || row.gone === "replaced") return "gone";
  return row.gone === null && row.expires > now ? row.seq : "left";
}

/** Whether a message is known, gone or not, and one that replaces it reaches it. */
export function isReached(sql: SqlStorage, id: MessageId, by: Reaching): boolean {
  const [row] = sql.exec<Pick<Sql<StreamRow>, "topic">>("SELECT topic FROM messages WHERE id = ?", id);
  return row !== undefined && reaches(by, row.topic);
}
