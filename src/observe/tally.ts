/**
 * What one isolate has counted and not sent yet. A busy isolate has hundreds of invocations a second, and
 * each of them counts by adding up in memory; about once a second the sum goes out as one call.
 */
import { observeLimits } from "../limits.ts";
import { addCounts, type Counts } from "./counts.ts";
import { errorText, log } from "./log.ts";

export interface Surroundings {
  /** Milliseconds since 1970. */
  now(): number;
  wait(milliseconds: number): Promise<void>;
  /** Lets work go on after its invocation has answered. */
  waitUntil(work: Promise<void>): void;
  send(counts: Counts): Promise<void>;
}

export class Tally {
  #gathered: Counts = {};
  /** Until then an invocation that is waiting will send everything gathered; 0 where none is. */
  #promisedUntil = 0;

  /**
   * Counts at once and throws nothing. The first invocation to count sends what all count in the second
   * after it, when its own work has long been answered. What could not be sent goes with the next send; where
   * only the answer was lost, it is counted twice. What was gathered is lost with its isolate.
   */
  add(counts: Counts, surroundings: Surroundings): void {
    if (Object.keys(counts).length === 0) return;
    this.#gathered = addCounts(this.#gathered, counts);
    const now = surroundings.now();
    // An invocation may be cut off while it waits: after a while its promise is worth nothing.
    if (now < this.#promisedUntil) return;
    this.#promisedUntil = now + observeLimits.promiseMs;
    surroundings.waitUntil(this.#send(surroundings));
  }

  async #send({ wait, send }: Surroundings): Promise<void> {
    await wait(observeLimits.gatherMs);
    const counts = this.#gathered;
    this.#gathered = {};
    // Before the call: who counts while it is under way must not rely on it.
    this.#promisedUntil = 0;
    try {
      await send(counts);
    } catch (error) {
      log("warn", "counts_not_sent", { error: errorText(error) });
      this.#gathered = addCounts(this.#gathered, counts);
    }
  }
}
