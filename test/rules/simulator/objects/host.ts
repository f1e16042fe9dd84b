/**
 * The platform around one object: its storage, its alarm and its sockets, which outlive it when it sleeps, and
 * the object itself, which may die at any point. Storage and sockets of one that died are closed to it.
 */
import { DatabaseSync } from "node:sqlite";
import { sqlOn, standIn, transaction } from "../../../support/sqlite-state.ts";
import type { ObjectKind, World } from "../world.ts";
import { Caller } from "./caller.ts";
import type { ServerSocket } from "./server-socket.ts";

/** Makes the object, in a state of the platform and with its bindings. */
export type Make = (state: DurableObjectState, caller: Caller) => DurableObject;

/** An object while it runs. */
interface Running {
  readonly caller: Caller;
  readonly object: DurableObject;
  readonly ready: Promise<unknown>;
  isReady: boolean;
  /** Rejects when it dies. */
  readonly died: Promise<never>;
  /** Events and background work that are not through. */
  busy: number;
}

export class Host {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly sockets = new Set<ServerSocket>();
  /** Calls fail until then. */
  downUntil = 0;
  /** Whether anything was written since somebody looked. */
  changed = true;
  readonly #world: World;
  readonly #make: Make;
  #database = new DatabaseSync(":memory:");
  #sql = sqlOn(this.#database);
  #alarm: { readonly at: number } | null = null;
  #running: Running | undefined;

  constructor(world: World, kind: ObjectKind, name: string, make: Make) {
    this.#world = world;
    this.kind = kind;
    this.name = name;
    this.#make = make;
  }

  /** Reads the storage, as an onlooker. */
  query(sql: string, ...bindings: (string | number)[]): Record<string, unknown>[] {
    return this.#sql.exec(sql, ...bindings).toArray();
  }

  has(table: string): boolean {
    return this.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table).length > 0;
  }

  /** An event of the object. Rejects if the object dies before it is through. */
  async call<Answer>(event: (object: DurableObject) => Promise<Answer>): Promise<Answer> {
    this.#running ??= this.#start();
    const running = this.#running;
    running.busy += 1;
    try {
      if (!running.isReady) await running.ready;
      return await Promise.race([event(running.object), running.died]);
    } finally {
      running.busy -= 1;
    }
  }

  /** Memory is lost, what is committed is not; sockets die with the object. */
  crash(): void {
    for (const socket of this.sockets) socket.die();
    this.sockets.clear();
    this.#running?.caller.crash();
  }

  /** Memory is lost, sockets stay; only where nothing is going on. @returns whether it sleeps */
  hibernate(): boolean {
    if (this.#running === undefined || this.#running.busy > 0) return false;
    this.#running = undefined;
    return true;
  }

  loseStorage(): void {
    this.crash();
    this.#clear();
  }

  #start(): Running {
    let die = () => {};
    const died = new Promise<never>((_, reject) => {
      die = () => reject(new Error("the object is dead"));
    });
    died.catch(() => {});
    const caller = new Caller(this.kind, this.name, () => {
      if (this.#running?.caller === caller) this.#running = undefined;
      for (const socket of this.sockets) socket.die();
      this.sockets.clear();
      die();
    });
    let ready: Promise<unknown> = Promise.resolve();
    const state = standIn({
      id: { name: this.name },
      storage: this.#storage(caller),
      setWebSocketAutoResponse: () => {},
      getWebSocketAutoResponseTimestamp: ({ wire }: ServerSocket) =>
        wire === undefined || wire.pinged === null ? null : new Date(wire.pinged),
      getWebSockets: () => [...this.sockets],
      acceptWebSocket: (socket: ServerSocket) => this.sockets.add(socket),
      waitUntil: (work: Promise<unknown>) => {
        running.busy += 1;
        void work.catch(() => {}).finally(() => {
          running.busy -= 1;
        });
      },
      blockConcurrencyWhile: (work: () => Promise<unknown>) => {
        ready = work();
        return ready;
      },
    });
    const object = this.#make(state, caller);
    const running: Running = { caller, object, ready, isReady: false, died, busy: 0 };
    void ready.then(() => {
      running.isReady = true;
    });
    return running;
  }

  #storage({ alive: _, ...rest }: Caller, caller = rest): never;
  #storage(caller: Caller): unknown {
    return caller;
  }
}
