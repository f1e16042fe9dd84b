/** Virtual time: events in the order of their time, and of their making where that is equal. Nothing here ever waits. */
interface Planned {
  readonly at: number;
  readonly run: () => void;
}

export class Schedule {
  /** True time in milliseconds; only goes forward. */
  now: number;
  /** The latest first, so that the next one is taken from the end. */
  readonly #planned: Planned[] = [];

  constructor(now: number) {
    this.now = now;
  }

  at(time: number, run: () => void): void {
    const at = Math.max(time, this.now);
    let index = this.#planned.length;
    for (
      let other = this.#planned[index - 1];
      other !== undefined && other.at <= at;
      other = this.#planned[index - 1]
    ) {
      index -= 1;
    }
    this.#planned.splice(index, 0, { at, run });
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Runs everything up to that time. */
  runUntil(time: number, afterEach: () => void): void {
    for (
      let next = this.#planned.at(-1);
      next !== undefined && next.at <= time;
      next = this.#planned.at(-1)
    ) {
      this.#planned.pop();
      this.now = Math.max(this.now, next.at);
      next.run();
      afterEach();
    }
    this.now = Math.max(this.now, time);
  }
}
