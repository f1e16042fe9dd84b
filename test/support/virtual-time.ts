/**
 * A clock that only the test moves. Between two tasks everything that waits for a promise runs, as in an
 * event loop; nothing else does, so that a seed replays exactly.
 */
interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

const macrotask = setImmediate;

export class VirtualTime {
  now = 0;
  #order = 0;
  #tasks: Task[] = [];

  /** Runs something later. @returns takes it back */
  after(ms: number, run: () => void): () => void {
    this.#order += 1;
    const task = { at: this.now + Math.max(ms, 0), order: this.#order, run };
    const place = this.#tasks.findIndex(({ at }) => at > task.at);
    this.#tasks.splice(place < 0 ? this.#tasks.length : place, 0, task);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== task);
    };
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.#run(this.now + ms, () => false);
  }

  /** Lets time pass until something is so, for `ms` at most. @returns how long it took */
  async until(condition: () => boolean, ms: number): Promise<number> {
    const begun = this.now;
    await this.#run(begun + ms, condition);
    if (!condition()) throw new Error(`not within ${ms} ms: ${condition}`);
    return this.now - begun;
  }

  /** One task, if one is due by then. @returns whether there was one */
  async step(until: number): Promise<boolean> {
    const [next] = this.#tasks;
    if (next === undefined || next.at > until) return false;
    this.#tasks.shift();
    this.now = next.at;
    next.run();
    await settled();
    return true;
  }

  async #run(until: number, enough: () => boolean): Promise<void> {
    await settled();
    while (!enough()) {
      if (await this.step(until)) continue;
      this.now = until;
      return;
    }
  }
}

/** Lets run what waits for promises only. */
export function settled(): Promise<void> {
  return new Promise((done) => macrotask(done));
}
