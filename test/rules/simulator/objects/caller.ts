/** Who calls: an object while it runs, or one invocation of the Worker. What one that died still does has no effect. */
import type { ObjectKind } from "../world.ts";

export class Caller {
  readonly kind: ObjectKind | "publisher" | "consumer";
  readonly name: string;
  alive = true;
  readonly #crash: () => void;

  /** @param crash ends it, and what goes with it */
  constructor(kind: Caller["kind"], name: string, crash: () => void = () => {}) {
    this.kind = kind;
    this.name = name;
    this.#crash = crash;
  }

  crash(): void {
    this.alive = false;
    this.#crash();
  }
}

/** What waits in somebody who is dead: nothing comes of it any more. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
