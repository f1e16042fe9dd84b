/**
 * Which of the tabs leads: the one that holds a lock. When it leaves, crashes or is closed, the browser
 * gives the lock to the next in line.
 */

/** The part of the Web Locks API that is needed. */
export interface Locks {
  request(
    name: string,
    options: { ifAvailable?: boolean; signal?: AbortSignal },
    callback: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

export class Election {
  readonly #locks: Locks;
  readonly #name: string;
  readonly #won: () => void;
  #left = new AbortController();
  #release = () => {};
  #leading = false;

  /** @param won called when this tab comes to lead after others did */
  constructor(locks: Locks, name: string, won: () => void) {
    this.#locks = locks;
    this.#name = name;
    this.#won = won;
  }

  get leading(): boolean {
    return this.#leading;
  }

  /**
   * Resolves once it is known whether this tab leads; if not, it waits for its turn. Rejects where the
   * browser denies locks to the page.
   */
  enter(): Promise<void> {
    this.#left = new AbortController();
    const { signal } = this.#left;
    return new Promise((entered, denied) => {
      const hold = (): Promise<void> | undefined => {
        // Left while the answer was on its way.
        if (signal.aborted) {
          entered();
          return undefined;
        }
        this.#leading = true;
        return new Promise((release) => {
          this.#release = release;
          entered();
        });
      };
      const inTurn = () => {
        const held = hold();
        if (held !== undefined) this.#won();
        return held;
      };
      const first = (lock: unknown): Promise<void> | undefined => {
        if (lock !== null) return hold();
        // It rejects when this tab leaves before its turn.
        this.#locks.request(this.#name, { signal }, inTurn).catch(() => {});
        entered();
        return undefined;
      };
      this.#locks.request(this.#name, { ifAvailable: true }, first).catch(denied);
    });
  }

  /**
   * Gives up its place, and lets the next one lead.
   * @param afterMs until then nobody does
   */
  leave(afterMs = 0): void {
    this.#left.abort();
    this.#leading = false;
    if (afterMs === 0) this.#release();
    else setTimeout(this.#release, afterMs);
  }
}
