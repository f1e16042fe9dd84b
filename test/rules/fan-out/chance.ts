/** Faults by chance, from a seed, until they are told to stop. */
import type { Random } from "../simulator/prng.ts";

export class Chance {
  readonly random: Random;
  #on = true;
  /** How often each fault struck: one that never did has shown nothing. */
  readonly struck = new Map<string, number>();

  constructor(random: Random) {
    this.random = random;
  }

  stop(): void {
    this.#on = false;
  }

  strikes(fault: string, probability: number): boolean {
    if (!this.#on || !this.random.chance(probability)) return false;
    this.struck.set(fault, (this.struck.get(fault) ?? 0) + 1);
    return true;
  }

  /** Lets others run in between, some turns. */
  async pause(): Promise<void> {
    for (let turns = this.random.int(3); turns > 0; turns -= 1) await Promise.resolve();
  }

  /** A call to an object that may be lost on the way there, with nothing done, or on the way back, with everything done. */
  async call<Answer>(what: string, probability: number, call: () => Promise<Answer>): Promise<Answer> {
    await this.pause();
    if (this.strikes(`${what}: lost on the way`, probability)) throw new Error("network");
    const answer = await call();
    await this.pause();
    if (this.strikes(`${what}: answer lost`, probability)) throw new Error("network");
    return answer;
  }
}
