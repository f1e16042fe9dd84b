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
    let first = 0;
    for (let last = this.#planned.length; first < last; ) {
      const middle = (first + last) >>> 1;
      const other = this.#planned[middle];
      if (other !== undefined && other.at > at) first = middle + 1;
      else last = middle;
    }
    this.#planned.splice(first, 0, { at, run });
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Runs everything up to that time. */
  runUntil(time: number, afterEach: () => void): void {
    while (this.runNext(time)) afterEach();
    this.now = Math.max(this.now, time);
  }

  /** Runs the next event up to that time; `false` where there is none. */
  runNext(time: number): boolean {
    const next = this.#planned.at(-1);
    if (next === undefined || next.at > time) return false;
    this.#planned.pop();
    this.now = Math.max(this.now, next.at);
    next.run();
    return true;
  }
}
