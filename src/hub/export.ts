/**
 * Everything that is held about a user, as lines of JSON, page by page. What moves meanwhile is not lost: what
 * waits comes before the stream that it moves into, and each kind goes on after the last key told.
 */
import type { MessageId } from "../protocol/ids.ts";
import type { Seq } from "../protocol/seq.ts";
import type { CurrentDevice } from "./device-view.ts";
import type { Keeping } from "./keeping.ts";
import type { StreamRow } from "./stream.ts";
import type { ExportCursor, ExportPage } from "./views.ts";
import { marksOf, withBody } from "./wire.ts";

/** One record: a line of JSON, and where the next page may go on. */
export interface ExportRecord {
  readonly line: string;
  readonly key?: string | number | undefined;
}

/** One kind of record, with rising keys: those after a key, or all of them. */
export type Shelf = (after: ExportCursor["after"]) => Iterable<ExportRecord>;

/** The records from a cursor on, as many as make so many characters, or one more. Pure, but for what the shelves read. */
export function exportPage(shelves: readonly Shelf[], cursor: ExportCursor, pageLength: number): ExportPage {
  const lines: string[] = [];
  let length = 0;
  for (const [index, shelf] of shelves.entries()) {
    if (index < cursor.shelf) continue;
    for (const { line, key } of shelf(index === cursor.shelf ? cursor.after : undefined)) {
      lines.push(line);
      length += line.length;
      if (length >= pageLength && key !== undefined) return { lines, next: { shelf: index, after: key } };
    }
  }
  return { lines };
}

/** The shelves of one user's object. */
export function shelvesOf(
  sql: SqlStorage,
  keepings: readonly Keeping[],
  devices: () => readonly CurrentDevice[],
): readonly Shelf[] {
  return [
    () => sql.exec(metaColumns).toArray().map(recordOf("inbox")),
    ...keepings.map((keeping) => (after: ExportCursor["after"]) => heldAfter(keeping, after)),
    (after = "") => devicesAfter(devices(), String(after)),
    (after = "") =>
      rowsOf(
        sql,
        "SELECT id AS key, id, expires FROM used_tokens WHERE id > ? ORDER BY id",
        after,
        "used_token",
      ),
    (after = "") =>
      rowsOf(
        sql,
        "SELECT id AS key, id, at, reason FROM withdrawn WHERE id > ? ORDER BY id",
        after,
        "withdrawn",
      ),
    (after = 0) => messagesAfter(sql, Number(after)),
  ];
}

/** `head` stands in the last message, or where that was trimmed in `meta`. */
const metaColumns = `SELECT epoch, max(head, ifnull((SELECT max(seq) FROM messages), 0)) AS head, floor, read_up_to AS readUpTo, rev, erased_at AS erasedAt,
  revoked_before AS revokedBefore, log_seen AS logSeen FROM meta`;

function recordOf(kind: string): (fields: object) => ExportRecord {
  return (fields) => ({ line: JSON.stringify({ kind, ...fields }) });
}

function* rowsOf(
  sql: SqlStorage,
  statement: string,
  after: string | number,
  kind: string,
): Generator<ExportRecord> {
  for (const { key, ...fields } of sql.exec<Record<string, SqlStorageValue> & { key: string }>(
    statement,
    after,
  )) {
    yield { line: JSON.stringify({ kind, ...fields }), key };
  }
}

function* heldAfter(keeping: Keeping, after: ExportCursor["after"]): Generator<ExportRecord> {
  for (const { key, ...held } of keeping.held()) {
    if (after !== undefined && key !== undefined && key <= String(after)) continue;
    yield { line: JSON.stringify(held), key };
  }
}

function* devicesAfter(devices: readonly CurrentDevice[], after: string): Generator<ExportRecord> {
  const rising = devices.toSorted((a, b) => (a.device < b.device ? -1 : 1));
  for (const { device, history, view } of rising) {
    if (device <= after) continue;
    yield { line: JSON.stringify({ kind: "device", ...view, acknowledged: history }), key: device };
  }
}

type MessageRow = Omit<StreamRow, "bytes"> & {
  committed: number;
  category: string | null;
  isRead: number;
  readAt: number | null;
  goneAt: number | null;
  cancelOn: string | null;
};

/** Every message in the stream; of one that is gone, the facts that are kept of it. */
function* messagesAfter(sql: SqlStorage, after: Seq): Generator<ExportRecord> {
  const found = sql.exec<MessageRow & Record<string, SqlStorageValue> & { id: MessageId }>(
    `SELECT seq, messages.id, type, priority, at, committed, expires, collapse_key AS collapseKey, body, gone,
            gone_at AS goneAt, topic, category, replaces, attention, read AS readAt,
            (read IS NOT NULL OR seq <= (SELECT read_up_to FROM meta)) AS isRead, cancel_on AS cancelOn
     FROM messages LEFT JOIN watched USING (seq) WHERE seq > ? ORDER BY seq`,
    after,
  );
  for (const { body, isRead, topic, replaces, attention, ...row } of found) {
    const known = Object.entries(row).filter(([, value]) => value !== null);
    const facts = { kind: "message", ...Object.fromEntries(known), read: isRead === 1 };
    const head = { ...facts, ...marksOf({ topic, replaces, attention }) };
    yield { line: row.gone === null ? withBody(head, body) : JSON.stringify(head), key: row.seq };
  }
}
