/** What every model of the simulation shares: time, chance, the rules, the record of what happened, and whether faults strike. */

import type { Window } from "../../../src/hub/stream.ts";
import { inboxLimits, socketLimits } from "../../../src/limits.ts";
import { Random } from "./prng.ts";
import type { Rules } from "./rules.ts";
import { Schedule } from "./schedule.ts";
import { Trace, Violation } from "./violation.ts";

/** Everything that may go wrong. The test asserts that each of it did. */
export const faultNames = [
  "hub crashed",
  "hub crashed before commit",
  "hub crashed after commit",
  "hub hibernated",
  "hub failed between commit and offer",
  "hub answer lost",
  "hub unreachable",
  "hub overloaded",
  "storage lost",
  "storage went back",
  "alarm late",
  "alarm lost",
  "alarm work failed",
  "clock stepped back",
  "user erased",
  "user revoked",
  "connections closed",
  "connection cut",
  "connection half open",
  "connect refused",
  "device frozen",
  "device crashed",
  "device crashed between handler and save",
  "device crashed between save and ack",
  "device lost its storage",
  "device was away",
  "handler slow",
  "handler threw",
  "save failed",
  "consumer crashed before the calls",
  "consumer crashed after the calls",
  "consumer crashed before the ack",
  "lane copied a message",
  "lane refused",
  "publisher got no answer",
  "id reused for something else",
  "dead letter stored twice",
  "redrive sent twice",
] as const;

/** The objects of the hub that call each other. */
export const objectKinds = ["user", "topic", "everyone", "shard"] as const;
export type ObjectKind = (typeof objectKinds)[number];

/** What may go wrong with a call to any of them. */
export const callFaults = [
  "unreachable",
  "crashed before the call",
  "crashed after the call",
  "answer lost",
  "slow",
] as const;
export type CallFault = (typeof callFaults)[number];

/** Everything else that may go wrong where the real objects run. Also asserted. */
export const objectFaultNames = [
  "object was down",
  "object crashed",
  "object crashed before it called another",
  "object crashed after it called another",
  "consumer crashed before it sent a step",
  "consumer crashed after it sent a step",
  "shards changed",
] as const;

export type FaultName =
  | (typeof faultNames)[number]
  | `${ObjectKind} ${CallFault}`
  | (typeof objectFaultNames)[number];

/** Small numbers, so that a short run meets every limit. */
export interface Scale {
  readonly window: Window;
  readonly maxStored: number;
}

/** An arbitrary moment; far from 0, which stands for "never" in places. */
const start = 1_800_000_000_000;
const keptEvents = 40;

export class World {
  readonly random: Random;
  readonly schedule = new Schedule(start);
  readonly rules: Rules;
  readonly scale: Scale;
  readonly trace = new Trace(keptEvents);
  /** How often each thing happened. */
  readonly counts = new Map<string, number>();
  faulty = true;
  /** Wall clocks show this much less than the true time. */
  skew = 0;
  #serial = 0;
  #held: unknown;

  constructor(seed: number, rules: Rules, scale?: Scale) {
    this.random = new Random(seed);
    this.rules = rules;
    this.scale = scale ?? {
      maxStored: this.random.pick([4, 9, 30, inboxLimits.maxStored]),
      window: {
        windowMessages: this.random.pick([2, 4, 8]),
        windowBytes: this.random.pick([120, 400, 4_000]),
        frameMessages: this.random.pick([1, 3, 100]),
        frameBytes: this.random.pick([100, 2_000]),
        maxExpress: this.random.pick([1, 2, 8]),
        stallTimeoutMs: socketLimits.stallTimeoutMs,
      },
    };
  }

  get now(): number {
    return this.schedule.now;
  }

  /** What clocks show, in whole milliseconds. */
  wall(): number {
    return Math.floor(this.schedule.now) - this.skew;
  }

  /** A name that was not used before. */
  fresh(prefix: string): string {
    this.#serial += 1;
    return `${prefix}-${this.#serial}`;
  }

  note(who: string, what: string, detail: unknown = ""): void {
    this.trace.note(this.now, who, what, detail);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Notes that a fault struck. */
  struck(name: FaultName, who: string): void {
    this.count(name);
    this.note(who, `FAULT ${name}`);
  }

  /** Whether this fault strikes now. */
  strikes(name: FaultName, who: string, probability: number): boolean {
    if (!this.faulty || !this.random.chance(probability)) return false;
    this.struck(name, who);
    return true;
  }

  /** Looks in the midst of work that contains what is thrown: a violation is held until {@link failIfHeld}. */
  hold(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#held ??= error;
    }
  }

  failIfHeld(): void {
    if (this.#held !== undefined) throw this.#held;
  }

  /** Runs invariants, each of which says what is wrong or nothing. */
  check<Facts extends readonly unknown[]>(
    invariants: readonly ((...facts: Facts) => string | undefined)[],
    ...facts: Facts
  ): void {
    for (const invariant of invariants) {
      const wrong = invariant(...facts);
      if (wrong !== undefined) throw new Violation(invariant.name, wrong);
    }
  }
}
