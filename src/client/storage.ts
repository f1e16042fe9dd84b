/**
 * Where a device keeps who it is and what it has handled. The app brings its own or takes one of these:
 * memory, or the `localStorage` of a browser.
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

/**
 * Keeps it in the browser under a key, which should name the user: another user is another device.
 * Where there is no `localStorage`, or the browser denies it, only in memory.
 *
 * ```ts
 * new HubClient({ url, token, storage: webStorage("hubbub:alice") });
 * ```
 */
export function webStorage(key: string, area?: WebStorageArea): Storage {
  let opened: Storage | undefined;
  const open = async () => {
    const { openArea } = await import("./web-storage.ts");
    // Once: what the browser denies is kept in the memory of this one.
    opened ??= openArea(key, area);
    return opened;
  };
  return {
    load: async () => (await open()).load(),
    save: async (kept) => (await open()).save(kept),
  };
}
