/** A broken invariant, with everything that is needed to see it again. */
export class Violation extends Error {
  /** The function in `invariants` that found it. */
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}

/** The last events of a run. Text is made only when somebody reads it. */
export class Trace {
  readonly #entries: (readonly [at: number, who: string, what: string, detail: unknown])[] = [];
  readonly #kept: number;

  constructor(kept: number) {
    this.#kept = kept;
  }

  note(at: number, who: string, what: string, detail: unknown): void {
    this.#entries.push([at, who, what, detail]);
    if (this.#entries.length > 2 * this.#kept) this.#entries.splice(0, this.#kept);
  }

  text(): string {
    return this.#entries
      .slice(-this.#kept)
      .map(([at, who, what, detail]) => {
        const told = typeof detail === "string" ? detail : JSON.stringify(detail);
        return `  ${at} ${who} ${what} ${(told ?? "").slice(0, 300)}`;
      })
      .join("\n");
  }
}
