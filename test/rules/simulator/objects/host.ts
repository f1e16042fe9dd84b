/**
 * The platform around one object. The object may die at any point, and is made anew for the next event; its
 * storage stays, and its sockets where it was only put to sleep.
 */
import { standIn } from "../../../support/sqlite-state.ts";
import type { ObjectKind, World } from "../world.ts";
import { Caller } from "./caller.ts";
import type { ServerSocket } from "./server-socket.ts";
import { ModelStorage } from "./storage.ts";

/** Makes the object, in a state of the platform and with bindings of its own. */
export type Make<Made> = (state: DurableObjectState, caller: Caller) => Made;

/** What the platform calls by itself. */
interface Rung {
  alarm?(): void | Promise<void>;
}

/** An object while it runs. */
interface Running<Made> {
  readonly caller: Caller;
  readonly object: Made;
  readonly ready: Promise<unknown>;
  isReady: boolean;
  /** Rejects when it dies. */
  readonly died: Promise<never>;
  /** Events and background work that are not through. */
  readonly work: { count: number };
}

/** After how long the platform rings again for an object that died or failed at its alarm. */
const ringAgainMs = 2_000;

export class Host<Made extends Rung = Rung> {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly storage = new ModelStorage((at) => this.#setAlarm(at));
  readonly sockets = new Set<ServerSocket>();
  /** Calls fail until then. */
  downUntil = 0;
  readonly #world: World;
  readonly #make: Make<Made>;
  #running: Running<Made> | undefined;
  #alarms = 0;

  constructor(world: World, kind: ObjectKind, name: string, make: Make<Made>) {
    this.#world = world;
    this.kind = kind;
    this.name = name;
    this.#make = make;
  }

  /** An event of the object. Rejects if the object dies before it is through. */
  async call<Answer>(event: (object: Made) => Promise<Answer>): Promise<Answer> {
    this.#running ??= this.#start();
    const { object, work, died, ready, isReady } = this.#running;
    work.count += 1;
    try {
      if (!isReady) await Promise.race([ready, died]);
      return await Promise.race([event(object), died]);
    } finally {
      work.count -= 1;
    }
  }

  openSockets(): ServerSocket[] {
    for (const socket of this.sockets)
      if (socket.readyState === WebSocket.CLOSED) this.sockets.delete(socket);
    return [...this.sockets];
  }

  /** Memory is lost, what is committed is not; sockets die with the object. */
  crash(): void {
    this.#running?.caller.crash();
    this.#closeAll();
  }

  /** Memory is lost, sockets stay; only where nothing is going on. @returns whether it sleeps */
  sleep(): boolean {
    if (this.#running === undefined || this.#running.work.count > 0) return false;
    this.#running = undefined;
    return true;
  }

  loseStorage(): void {
    this.crash();
    this.storage.clear();
  }

  #closeAll(): void {
    for (const socket of this.sockets) socket.die();
    this.sockets.clear();
  }

  #start(): Running<Made> {
    const work = { count: 0 };
    const death = Promise.withResolvers<never>();
    death.promise.catch(() => {});
    const caller = new Caller(this.kind, this.name, () => {
      if (this.#running?.caller === caller) this.#running = undefined;
      this.#closeAll();
      death.reject(new Error("the object is dead"));
    });
    let ready: Promise<unknown> = Promise.resolve();
    const state = standIn({
      id: { name: this.name },
      storage: this.storage.for(caller),
      ...this.#socketCalls(),
      waitUntil: (promise: Promise<unknown>) => {
        work.count += 1;
        const over = () => {
          work.count -= 1;
        };
        promise.then(over, over);
      },
      blockConcurrencyWhile: (begin: () => Promise<unknown>) => {
        ready = begin();
        return ready;
      },
    });
    const object = this.#make(state, caller);
    const running = { caller, object, ready, isReady: false, died: death.promise, work };
    ready.then(
      () => {
        running.isReady = true;
      },
      () => caller.crash(),
    );
    return running;
  }

  #socketCalls() {
    return {
      setWebSocketAutoResponse: () => {},
      getWebSocketAutoResponseTimestamp: ({ wire }: ServerSocket) =>
        wire === undefined || wire.pinged === null ? null : new Date(wire.pinged),
      getWebSockets: () => this.openSockets(),
      acceptWebSocket: (socket: ServerSocket) => this.sockets.add(socket),
    };
  }

  #setAlarm(at: number): void {
    const world = this.#world;
    this.#alarms += 1;
    const alarm = this.#alarms;
    const late = world.strikes("alarm late", this.name, 0.05)
      ? world.random.int(60_000)
      : world.random.int(5);
    world.schedule.at(Math.max(at + world.skew, world.now) + late, () => {
      if (alarm === this.#alarms && this.storage.alarm === at) this.#ring();
    });
  }

  #ring(): void {
    this.storage.alarm = null;
    const again = () => {
      const at = this.#world.wall() + ringAgainMs;
      if (this.storage.alarm !== null) return;
      this.storage.alarm = at;
      this.#setAlarm(at);
    };
    this.call(async (object) => object.alarm?.()).catch(again);
  }
}
