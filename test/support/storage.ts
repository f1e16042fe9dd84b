/** What the object of a user has stored, what it writes, and faults of its storage; seen from inside of it. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import type { UserHub } from "../../src/hub/user-hub.ts";
import type { UserId } from "../../src/protocol/ids.ts";
import type { Seq } from "../../src/protocol/seq.ts";
import { hubOf } from "./device.ts";

/** Runs inside the object. */
export function inside<Result>(
  user: UserId,
  look: (hub: UserHub, state: DurableObjectState) => Result | Promise<Result>,
): Promise<Result> {
  return runInDurableObject(hubOf(user), look);
}

export type Row = Readonly<Record<string, SqlStorageValue>>;

export function query(user: UserId, sql: string, ...bindings: SqlStorageValue[]): Promise<readonly Row[]> {
  return inside(user, (_, { storage }) => storage.sql.exec(sql, ...bindings).toArray());
}

/** The names of all tables; none where nothing is stored. */
export async function tablesOf(user: UserId): Promise<readonly string[]> {
  const rows = await query(
    user,
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  );
  return rows.map(({ name }) => String(name));
}

/** Everything that is stored, as text to search in. */
export async function dump(user: UserId): Promise<string> {
  const parts: string[] = [];
  for (const table of await tablesOf(user))
    parts.push(JSON.stringify(await query(user, `SELECT * FROM ${table}`)));
  return parts.join("\n");
}

/** Why each number of the stream is not delivered any more; `null` for what is. */
export async function fates(user: UserId): Promise<ReadonlyMap<Seq, string | null>> {
  const rows = await query(user, "SELECT seq, gone FROM messages ORDER BY seq");
  return new Map(rows.map(({ seq, gone }) => [Number(seq), gone === null ? null : String(gone)]));
}

export function alarmOf(user: UserId): Promise<number | null> {
  return inside(user, (_, { storage }) => storage.getAlarm());
}

/** Moves the clock and lets the alarm come, if its time has. */
export async function pass(user: UserId, milliseconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + milliseconds);
  for (let rounds = 0; rounds < 3; rounds += 1) {
    const at = await alarmOf(user);
    if (at === null || at > Date.now()) return;
    await runDurableObjectAlarm(hubOf(user));
  }
}

export interface Meter {
  /** Rows written since the last `reset`, those of indexes included, without the alarm's. */
  readonly rows: number;
  readonly alarms: number;
  readonly transactions: number;
  reset(): void;
}

/** Counts what the running object writes, until it sleeps. */
export async function meter(user: UserId): Promise<Meter> {
  const cursors: { readonly rowsWritten: number }[] = [];
  let alarms = 0;
  let transactions = 0;
  await inside(user, (_, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql);
    const setAlarm = storage.setAlarm.bind(storage);
    const transactionSync = storage.transactionSync.bind(storage);
    replace(storage.sql, "exec", (sql: string, ...bindings: SqlStorageValue[]) => {
      const cursor = exec(sql, ...bindings);
      cursors.push(cursor);
      return cursor;
    });
    replace(storage, "setAlarm", (at: number) => {
      alarms += 1;
      return setAlarm(at);
    });
    replace(storage, "transactionSync", <Result>(change: () => Result) => {
      transactions += 1;
      return transactionSync(change);
    });
  });
  return {
    get rows() {
      return cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
    },
    get alarms() {
      return alarms;
    },
    get transactions() {
      return transactions;
    },
    reset: () => {
      cursors.length = 0;
      alarms = 0;
      transactions = 0;
    },
  };
}

/**
 * Lets matching statements of the object fail as a full disk would, from the `after`-th on.
 * @returns what repairs it
 */
export async function breakStatements(user: UserId, statement: RegExp, after = 0): Promise<() => void> {
  let seen = 0;
  return inside(user, (_, { storage: { sql } }) => {
    const exec = sql.exec.bind(sql);
    replace(sql, "exec", (text: string, ...bindings: SqlStorageValue[]) => {
      if (statement.test(text)) {
        seen += 1;
        if (seen > after) throw new Error("database or disk is full: SQLITE_FULL");
      }
      return exec(text, ...bindings);
    });
    return () => void Reflect.deleteProperty(sql, "exec");
  });
}

/** As {@link breakStatements}, for setting the alarm. */
export function breakAlarm(user: UserId): Promise<() => void> {
  return inside(user, (_, { storage }) => {
    replace(storage, "setAlarm", () => Promise.reject(new Error("the alarm can't be set")));
    return () => void Reflect.deleteProperty(storage, "setAlarm");
  });
}

function replace(target: object, method: string, value: unknown): void {
  Object.defineProperty(target, method, { configurable: true, value });
}

/** What a call inside the object threw; fails where it did not. A call from outside would leak its rejection. */
export function faultOf(user: UserId, call: (hub: UserHub) => Promise<unknown>): Promise<string> {
  return inside(user, async (hub) => {
    try {
      await call(hub);
    } catch (error) {
      return String(error);
    }
    throw new Error("the call succeeded");
  });
}
