/**
 * The one alarm of an object, and what it is set for. Each setting is a written row, so one that comes
 * early enough is left alone: when it rings too early, everything is looked at again.
 */
import { lowered } from "./deadlines.ts";

export class Alarm {
  readonly #storage: DurableObjectStorage;
  /** Null while none is set. */
  #at: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Learns what it was set for before the object slept. */
  async restore(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  /** It has rung: none is set any more. */
  rang(): void {
    this.#at = null;
  }

  /**
   * Makes sure that it rings by then.
   * @param everything the earliest of all deadlines, asked for when none is set, or the platform gave up on it
   */
  async ringBy(deadline: number, everything: () => number | undefined): Promise<void> {
    const at = this.#at === null ? everything() : lowered(this.#at, deadline);
    if (at !== undefined && at !== this.#at) await this.set(at);
  }

  async set(at: number): Promise<void> {
    this.#at = at;
    try {
      await this.#storage.setAlarm(at);
    } catch (error) {
      // So that the next event sets it, and does not trust one that never was.
      this.#at = null;
      throw error;
    }
  }
}
