/** What the next tabs begin with, while several save in the same place. */
import type { Kept, Storage } from "../storage.ts";

/** A storage where the progress never goes back, since some of the tabs that save there may be behind. */
export function forward(storage: Storage): Storage {
  return {
    load: () => storage.load(),
    save: async (next) => {
      const kept = await storage.load();
      if (kept?.epoch !== next.epoch || kept.cursor <= next.cursor) await storage.save(next);
    },
  };
}

/** Of the tabs that share a connection, the progress of the one that leads counts. */
export class SharedProgress {
  readonly #storage: Storage;
  #leads = false;
  #latest: Kept | undefined;

  constructor(storage: Storage) {
    this.#storage = forward(storage);
  }

  /** From now on this tab's progress counts, with what it has handled until now; also what it finishes after it has left. */
  lead(): void {
    this.#leads = true;
    // What could not be saved comes with the next message.
    if (this.#latest !== undefined) this.save(this.#latest).catch(() => {});
  }

  /** Another tab may lead now. */
  follow(): void {
    this.#leads = false;
  }

  async save(next: Kept): Promise<void> {
    this.#latest = next;
    if (this.#leads) await this.#storage.save(next);
  }
}
