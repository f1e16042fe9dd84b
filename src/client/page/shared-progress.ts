/**
 * What the next tabs begin with: the progress of the tab that leads.
 */
import { saveForward } from "../connect.ts";
import type { Kept, Storage } from "../storage.ts";

export class SharedProgress {
  readonly #storage: Storage;
  #leads = false;
  #latest: Kept | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
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
    if (this.#leads) await saveForward(this.#storage, next);
  }
}
