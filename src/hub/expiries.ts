/** When things end: kept in order, so that what has ended is found at the front. Pure, but for itself. */
export class Expiries {
  /** Rising. */
  readonly #times: number[];

  /** @param times rising */
  constructor(times: readonly number[]) {
    this.#times = [...times];
  }

  /** How many there are. */
  get count(): number {
    return this.#times.length;
  }

  /** Most things end after all others, and cost nothing to put in their place. */
  add(time: number): void {
    this.#times.splice(this.#placeOf(time), 0, time);
  }

  /** Takes one away, if there is one that ends then. */
  remove(time: number): void {
    const place = this.#placeOf(time) - 1;
    if (this.#times[place] === time) this.#times.splice(place, 1);
  }

  /** Takes away what has ended. */
  endUntil(now: number): void {
    const [first] = this.#times;
    if (first !== undefined && first <= now) this.#times.splice(0, this.#placeOf(now));
  }

  /** The first place after all that end no later. */
  #placeOf(time: number): number {
    let [from, to] = [0, this.#times.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#times[middle] ?? time) <= time) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
