/** The storage of an object on Node's SQLite: it outlives every run of the object, and is closed to one that died. */
import { DatabaseSync } from "node:sqlite";
import { sqlOn, standIn, transaction } from "../../../support/sqlite-state.ts";
import type { Caller } from "./caller.ts";

export class ModelStorage {
  /** Whether anything may have been written since somebody looked. */
  changed = true;
  alarm: number | null = null;
  readonly #ring: (at: number) => void;
  #database = new DatabaseSync(":memory:");
  #sql = sqlOn(this.#database);

  /** @param ring told when the alarm is set */
  constructor(ring: (at: number) => void) {
    this.#ring = ring;
  }

  /** Reads, as an onlooker. */
  query(sql: string, ...bindings: (string | number)[]): readonly unknown[] {
    return this.#sql.exec(sql, ...bindings).toArray();
  }

  has(table: string): boolean {
    return this.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table).length > 0;
  }

  clear(): void {
    this.#database = new DatabaseSync(":memory:");
    this.#sql = sqlOn(this.#database);
    this.alarm = null;
    this.changed = true;
  }

  /** `state.storage` for one run of the object. */
  for(caller: Caller): unknown {
    const open = <Args extends readonly unknown[], Result>(use: (...args: Args) => Result) => {
      return (...args: Args): Result => {
        if (!caller.alive) throw new Error("the object is dead");
        return use(...args);
      };
    };
    return standIn({
      sql: {
        exec: open((sql: string, ...bindings: (string | number | null)[]) => {
          if (!sql.startsWith("SELECT")) this.changed = true;
          return this.#sql.exec(sql, ...bindings);
        }),
      },
      transactionSync: open((change: () => unknown) => transaction(this.#database, change)),
      getAlarm: open(async () => this.alarm),
      setAlarm: open(async (at: number) => {
        this.alarm = at;
        this.#ring(at);
      }),
      deleteAll: open(async () => this.clear()),
    });
  }
}
