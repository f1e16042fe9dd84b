/** What an onlooker reads from the storage of a user's object: the stream, the topics, what is barred and what waits. */
import { z } from "zod";
import { goneReasons } from "../../../../src/protocol/frames.ts";
import { collapseKey, messageId, messageType, topic } from "../../../../src/protocol/ids.ts";
import { priorities } from "../../../../src/protocol/priority.ts";
import type { Row } from "../stored.ts";
import type { ModelStorage } from "./storage.ts";

const row: z.ZodType<Row> = z.object({
  seq: z.number(),
  id: messageId,
  type: messageType,
  priority: z.enum(priorities),
  at: z.number(),
  expires: z.number(),
  collapseKey: collapseKey.nullable(),
  body: z.string(),
  bytes: z.number(),
  gone: z.enum(goneReasons).nullable(),
  topic: topic.nullable(),
  replaces: messageId.nullable(),
  attention: z.enum(["silent", "held"]).nullable(),
  committed: z.number(),
});
const columns = "collapse_key AS collapseKey, seq, id, type, priority, at, expires, body, bytes, gone, topic";
const select = `SELECT ${columns}, replaces, attention, committed FROM messages`;

const meta = z.object({
  epoch: z.string(),
  head: z.number(),
  clock: z.number(),
  revokedBefore: z.number(),
  erasedAt: z.number(),
});
const membership = z.object({ topic, member: z.number(), pending: z.number() });
const named = z.object({ id: messageId });

/** Of one moment. */
export interface UserStorage {
  readonly epoch: string;
  readonly head: number;
  /** The latest time in the stream. */
  readonly clock: number;
  readonly erasedAt: number;
  readonly rows: Row[];
  readonly topics: readonly z.infer<typeof membership>[];
  readonly barred: ReadonlySet<string>;
  readonly scheduled: readonly string[];
}

/** `undefined` while nothing is stored. */
export function readUser(storage: ModelStorage): UserStorage | undefined {
  const facts = metaOf(storage);
  if (facts === undefined) return undefined;
  const rows = row.array().parse(storage.query(`${select} ORDER BY seq`));
  const last = rows.at(-1);
  return {
    epoch: facts.epoch,
    erasedAt: facts.erasedAt,
    head: Math.max(facts.head, last?.seq ?? 0),
    clock: Math.max(facts.clock, last?.committed ?? 0),
    rows,
    topics: membership.array().parse(storage.query("SELECT topic, member, pending FROM topics")),
    barred: new Set(idsOf(storage, "withdrawn")),
    scheduled: idsOf(storage, "scheduled"),
  };
}

/** As the object knows it: what is gone below the floor counts as expired, whatever it was. */
export function rowOf(storage: ModelStorage, seq: number): Row | undefined {
  if (!storage.has("meta")) return undefined;
  const where = "seq = ? AND seq > (SELECT floor FROM meta)";
  return row.optional().parse(storage.query(`${select} WHERE ${where}`, seq)[0]);
}

export function metaOf(storage: ModelStorage): z.infer<typeof meta> | undefined {
  if (!storage.has("meta")) return undefined;
  const found = storage.query(
    "SELECT epoch, head, clock, revoked_before AS revokedBefore, erased_at AS erasedAt FROM meta",
  );
  return meta.optional().parse(found[0]);
}

/** The time of the last commit, as far as it is known. */
export function clockOf(storage: ModelStorage): number {
  const facts = metaOf(storage);
  if (facts === undefined) return 0;
  const last = z.object({ committed: z.number() }).optional();
  const [newest] = storage.query("SELECT committed FROM messages ORDER BY seq DESC LIMIT 1");
  return Math.max(facts.clock, last.parse(newest)?.committed ?? 0);
}

function idsOf(storage: ModelStorage, table: "withdrawn" | "scheduled"): string[] {
  return named
    .array()
    .parse(storage.query(`SELECT id FROM ${table}`))
    .map(({ id }) => id);
}
