/** Where a device keeps what it has handled. The app brings its own: localStorage, IndexedDB, a file. */
import type { Saved } from "./state.ts";

export interface Storage {
  /** What was saved last; `undefined` on a new device. */
  load(): Promise<Saved | undefined>;
  /** Resolves once it would survive a crash. The whole value at once: never a part of it. */
  save(saved: Saved): Promise<void>;
}

/** Remembers for as long as the page or process lives: after a restart everything that the hub keeps comes again. */
export function memoryStorage(saved?: Saved): Storage {
  let kept = saved;
  return {
    load: async () => kept,
    save: async (next) => {
      kept = next;
    },
  };
}
