/**
 * Where a device keeps who it is and what it has handled. The app brings its own, or takes the memory here
 * or the `localStorage` of a browser in `web-storage.ts`.
 */
import type { Epoch, Seq } from "../protocol/seq.ts";

/** What a device has handled. Written as one value: a cursor without its ids would repeat or lose. */
export interface Saved {
  /** The life of the hub's storage that the numbers belong to; empty before the first `welcome`. */
  readonly epoch: Epoch;
  /** Everything up to this number is handled. */
  readonly cursor: Seq;
  /** Handled last, oldest first. */
  readonly recentIds: readonly string[];
  /** Handled as an express copy, while their turn in the stream is still to come. */
  readonly ahead: readonly { readonly seq: Seq; readonly id: string }[];
}

/** Everything that a device keeps between runs; JSON. */
export interface Kept extends Saved {
  readonly device: string;
}

export interface Storage {
  /** What was saved last; `undefined` on a new device. */
  load(): Promise<Kept | undefined>;
  /** Resolves once it would survive a crash. The whole value at once: never a part of it. */
  save(kept: Kept): Promise<void>;
}

/** The part of the Web Storage API that is needed. */
export interface WebStorageArea {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Remembers for as long as the page or process lives: after a restart everything that the hub keeps comes again. */
export function memoryStorage(before?: Kept): Storage {
  let kept = before;
  return {
    load: async () => kept,
    save: async (next) => {
      kept = next;
    },
  };
}
