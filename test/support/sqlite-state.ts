/**
 * The state of a Durable Object on Node's own SQLite, as far as objects of few statements need it: so that
 * the real ones can be run by the thousand steps of a seed, with crashes in between. Its alarm never rings.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";

/** The state of an object of this name. Objects made with it one after the other are one that was restarted. */
export function sqliteState(name: string): DurableObjectState {
  const database = new DatabaseSync(":memory:");
  let alarm: number | null = null;
  const storage = {
    sql: sqlOn(database),
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

type Binding = string | number | null;

/** `sql` as an object has it. Each statement is prepared once. */
export function sqlOn(database: DatabaseSync) {
  const prepared = new Map<string, StatementSync | "several">();
  const prepare = (sql: string): StatementSync | "several" => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const several = sql.trim().replace(/;$/, "").includes(";");
    const statement = several ? "several" : database.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
  const exec = (sql: string, ...bindings: Binding[]) => {
    const statement = prepare(sql);
    if (statement === "several") database.exec(sql);
    const rows = statement === "several" ? [] : statement.all(...bindings);
    return {
      toArray: () => rows,
      one: () => {
        const [row, ...more] = rows;
        if (row === undefined || more.length > 0) throw new Error(`expected one row, got ${rows.length}`);
        return row;
      },
      /** To be asked for before the next statement. */
      get rowsWritten(): unknown {
        return database.prepare("SELECT changes() AS count").get()?.["count"];
      },
      [Symbol.iterator]: () => rows.values(),
    };
  };
  return { exec };
}

/** Makes a change whole or not at all; there may be others within it. */
export function transaction<Result>(database: DatabaseSync, change: () => Result): Result {
  database.exec("SAVEPOINT change");
  try {
    const result = change();
    database.exec("RELEASE change");
    return result;
  } catch (error) {
    database.exec("ROLLBACK TO change; RELEASE change");
    throw error;
  }
}
