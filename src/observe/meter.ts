/**
 * The Durable Object that keeps the counts of the whole hub. It is told by every isolate, about once a
 * second at most, and writes one row each time; what it has kept outlives restarts and deploys.
 */
import { DurableObject } from "cloudflare:workers";
import type { Counts } from "./counts.ts";
import { counted, type Interval, placeOf, recent } from "./intervals.ts";

/** Times in milliseconds since 1970. */
export interface Reading {
  readonly at: number;
  /** When counting began; now, as long as nothing has been counted. */
  readonly since: number;
  readonly totals: Counts;
  /** The last 10 minutes, oldest first, without intervals in which nothing was counted. */
  readonly recent: readonly Pick<Interval, "at" | "counts">[];
}

/** There is one; it is the name of its object. */
export const meterName = "meter";

const keyPrefix = "interval:";

export class Meter extends DurableObject<Env> {
  /** By place; the same as what is stored. */
  readonly #intervals: Map<string, Interval>;
  #newest: Interval | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#intervals = new Map(ctx.storage.kv.list<Interval>({ prefix: keyPrefix }));
    this.#newest = [...this.#intervals.values()].sort((a, b) => a.at - b.at).at(-1);
  }

  /** Adds counts to the totals, and to the interval of now, which is when they arrived and not when they were made. */
  async add(counts: Counts): Promise<void> {
    const interval = counted(this.#newest, counts, Date.now());
    const key = `${keyPrefix}${placeOf(interval)}`;
    this.ctx.storage.kv.put(key, interval);
    this.#intervals.set(key, interval);
    this.#newest = interval;
  }

  /** Writes nothing. */
  async read(): Promise<Reading> {
    const now = Date.now();
    return {
      at: now,
      since: this.#newest?.since ?? now,
      totals: this.#newest?.totals ?? {},
      recent: recent([...this.#intervals.values()], now).map(({ at, counts }) => ({ at, counts })),
    };
  }
}
