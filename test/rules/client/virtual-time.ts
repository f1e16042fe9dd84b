/**
 * Time that passes only when a test says so, with a process in it that may sleep, and a clock on the wall
 * that may be wrong. vitest's fake timers look at every timer to find the next one, which is too slow for
 * a fleet, and know of no sleep.
 */
import { vi } from "vitest";
import { Random } from "../simulator/prng.ts";
import { Schedule } from "../simulator/schedule.ts";

/** The real one: when it comes, every promise that could go on has gone on. */
const { setImmediate: afterPromises } = globalThis;

interface Timer {
  readonly run: () => void;
  cleared: boolean;
}

export class VirtualTime {
  readonly random: Random;
  readonly #schedule = new Schedule(0);
  /** By how much the clock on the wall is ahead. */
  #skew = 0;
  #asleepUntil = 0;
  /** What the process finds when it wakes up: its timers first, as in every event loop. */
  #overdue: (() => void)[] = [];
  #arrived: (() => void)[] = [];
  /** Something happened in the process since its promises last went on. */
  #stirred = true;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** Since the beginning, in milliseconds. */
  get now(): number {
    return this.#schedule.now;
  }

  /** Puts this time and its chance in the place of the real ones, until vitest restores them. */
  install(): void {
    vi.stubGlobal("setTimeout", (run: () => void, ms: number) => this.#setTimer(run, ms));
    vi.stubGlobal("clearTimeout", (timer: Timer | undefined) => {
      if (timer !== undefined) timer.cleared = true;
    });
    vi.spyOn(performance, "now").mockImplementation(() => this.now);
    vi.spyOn(Date, "now").mockImplementation(() => 1_800_000_000_000 + this.now + this.#skew);
    vi.spyOn(Math, "random").mockImplementation(() => this.random.next());
  }

  /** Something that happens outside of the process. */
  after(ms: number, happen: () => void): void {
    this.#schedule.after(ms, happen);
  }

  /** Something from outside that the process notices, once it is awake. */
  arrive(happen: () => void): void {
    this.#inProcess(this.#arrived, happen);
  }

  /** The process stands still: a laptop that is closed. */
  sleep(ms: number): void {
    this.#asleepUntil = this.now + ms;
    this.after(ms, () => {
      this.#stirred = true;
      for (const happen of this.#overdue.splice(0)) happen();
      for (const happen of this.#arrived.splice(0)) happen();
    });
  }

  /** Somebody sets the clock on the wall. */
  turnClock(ms: number): void {
    this.#skew += ms;
  }

  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    do {
      if (this.#stirred) await promisesSettled();
      this.#stirred = false;
    } while (this.#schedule.runNext(until));
    this.#schedule.runUntil(until, () => {});
    this.#stirred = true;
  }

  #setTimer(run: () => void, ms: number): Timer {
    const timer: Timer = { run, cleared: false };
    this.after(Math.max(ms, 1), () => {
      if (timer.cleared) return;
      this.#inProcess(this.#overdue, () => {
        if (!timer.cleared) run();
      });
    });
    return timer;
  }

  #inProcess(late: (() => void)[], happen: () => void): void {
    this.#stirred = true;
    if (this.now < this.#asleepUntil) late.push(happen);
    else happen();
  }
}

/** Lets every promise go on that can. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => afterPromises(() => resolve()));
}
