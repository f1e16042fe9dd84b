/**
 * The state of a Durable Object on Node's own SQLite, as far as objects of few statements need it: so that
 * the real ones can be run by the thousand steps of a seed, with crashes in between. Its alarm never rings.
 */
import { DatabaseSync } from "node:sqlite";

/** The state of an object of this name. Objects made with it one after the other are one that was restarted. */
export function sqliteState(name: string): DurableObjectState {
  const database = new DatabaseSync(":memory:");
  let alarm: number | null = null;
  const storage = {
    sql: { exec: (sql: string, ...bindings: (string | number | null)[]) => exec(database, sql, bindings) },
    transactionSync: <Result>(change: () => Result) => transaction(database, change),
    getAlarm: async () => alarm,
    setAlarm: async (at: number) => {
      alarm = at;
    },
  };
  return standIn({ id: { name }, storage });
}

/** A namespace whose objects are made when first asked for. */
export function namespaceOf<Stub>(make: (name: string) => Stub) {
  const made = new Map<string, Stub>();
  const getByName = (name: string): Stub => {
    const stub = made.get(name) ?? make(name);
    made.set(name, stub);
    return stub;
  };
  return { getByName };
}

/** What the platform's own types say has more to it than its stand-in; what is missing fails when it is used. */
export function standIn(parts: object) {
  return Object.assign(Object.create(null), parts);
}

function exec(database: DatabaseSync, sql: string, bindings: readonly (string | number | null)[]) {
  // Only without bindings there may be several statements.
  const several = bindings.length === 0 && sql.trim().replace(/;$/, "").includes(";");
  if (several) database.exec(sql);
  const rows = several ? [] : database.prepare(sql).all(...bindings);
  return {
    toArray: () => rows,
    one: () => {
      const [row, ...more] = rows;
      if (row === undefined || more.length > 0) throw new Error(`expected one row, got ${rows.length}`);
      return row;
    },
    [Symbol.iterator]: () => rows.values(),
  };
}

function transaction<Result>(database: DatabaseSync, change: () => Result): Result {
  database.exec("BEGIN");
  try {
    const result = change();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
