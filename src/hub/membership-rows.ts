/** The table of a user's topics, and all SQL on it. */
import type { Topic } from "../protocol/ids.ts";

/** A topic of the user, or one that it left: still to be told so, or told and not forgotten yet. */
export interface Membership {
  readonly topic: Topic;
  readonly member: boolean;
  readonly presence: boolean;
  /** Rises with each change: its time in milliseconds since 1970, or one more than the last where that is later. */
  readonly version: number;
  /** What the topic's object is still to be told: nothing, the change, or that the user was erased. */
  readonly pending: "nothing" | "change" | "erasure";
}

/** As `pending` is stored. */
const pendings = ["nothing", "change", "erasure"] as const satisfies readonly Membership["pending"][];

export function load(sql: SqlStorage): Map<Topic, Membership> {
  const rows = sql
    .exec<{ topic: Topic; member: number; presence: number; version: number; pending: number }>(
      "SELECT topic, member, presence, version, pending FROM topics",
    )
    .toArray();
  return new Map(
    rows.map(({ topic, member, presence, version, pending }) => [
      topic,
      {
        topic,
        member: member === 1,
        presence: presence === 1,
        version,
        pending: pendings[pending] ?? "change",
      },
    ]),
  );
}

export function put(sql: SqlStorage, { topic, member, presence, version, pending }: Membership): void {
  sql.exec(
    `INSERT INTO topics (topic, member, presence, version, pending) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (topic) DO UPDATE SET member = ?2, presence = ?3, version = ?4, pending = ?5`,
    topic,
    member ? 1 : 0,
    presence ? 1 : 0,
    version,
    pendings.indexOf(pending),
  );
}

export function remove(sql: SqlStorage, topic: Topic): void {
  sql.exec("DELETE FROM topics WHERE topic = ?", topic);
}

/** Leaves every topic, with a version above the last; what is kept is what those topics are to be told. */
export function eraseAll(sql: SqlStorage, now: number): void {
  sql.exec(
    "UPDATE topics SET member = 0, presence = 0, pending = ?, version = max(?, version + 1)",
    pendings.indexOf("erasure"),
    now,
  );
}
