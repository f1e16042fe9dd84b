/** The Web Locks of an origin, as the standard has them: exclusive locks, granted in the order of their requests. */
import type { Random } from "../rules/simulator/prng.ts";
import type { Tab } from "./fake-tabs.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface LockOptions {
  readonly ifAvailable?: boolean;
  readonly signal?: AbortSignal;
}

export type LockCallback = (lock: { readonly name: string } | null) => unknown;

interface Request {
  readonly tab: Tab;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  readonly callback: LockCallback;
  readonly resolve: (value: unknown) => void;
  readonly reject: (why: unknown) => void;
}

export class FakeLocks {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #denied: boolean;
  readonly #held = new Map<string, Request>();
  #queue: Request[] = [];

  constructor(time: VirtualTime, random: Random, denied: boolean) {
    this.#time = time;
    this.#random = random;
    this.#denied = denied;
  }

  /** Who holds a lock whose name begins like this. */
  holder(prefix: string): Tab | undefined {
    return [...this.#held].find(([name]) => name.startsWith(prefix))?.[1].tab;
  }

  request(tab: Tab, name: string, options: LockOptions, callback: LockCallback): Promise<unknown> {
    const { ifAvailable = false, signal } = options;
    return new Promise((resolve, reject) => {
      if (this.#denied) return reject(new DOMException("no locks for this page", "SecurityError"));
      if (ifAvailable && signal !== undefined) {
        return reject(new DOMException("signal and ifAvailable", "NotSupportedError"));
      }
      if (signal?.aborted === true) return reject(signal.reason);
      const request: Request = { tab, name, signal, callback, resolve, reject };
      signal?.addEventListener("abort", () => this.#abort(request));
      // Requests of one tab arrive in their order.
      this.#time.after(1, () => {
        if (tab.dead || signal?.aborted === true) return;
        const free = !this.#held.has(name) && this.#queue.every((other) => other.name !== name);
        if (ifAvailable && !free) {
          tab.later(this.#latency(), () => this.#call(request, null));
          return;
        }
        this.#queue.push(request);
        tab.onEnd(() => this.#lose(request));
        this.#grant(name);
      });
    });
  }

  #grant(name: string): void {
    if (this.#held.has(name)) return;
    const next = this.#queue.find((request) => request.name === name);
    if (next === undefined) return;
    this.#queue = this.#queue.filter((request) => request !== next);
    this.#held.set(name, next);
    next.tab.later(this.#latency(), () => {
      // Taken away meanwhile, as from a page in the back/forward cache.
      if (this.#held.get(name) !== next) return;
      if (next.signal?.aborted === true) return this.#release(next);
      this.#call(next, { name });
    });
  }

  async #call(request: Request, lock: { readonly name: string } | null): Promise<void> {
    try {
      request.resolve(await request.callback(lock));
    } catch (error) {
      request.reject(error);
    }
    if (lock !== null) this.#time.after(this.#latency(), () => this.#release(request));
  }

  #release(request: Request): void {
    if (this.#held.get(request.name) !== request) return;
    this.#held.delete(request.name);
    this.#grant(request.name);
  }

  #abort(request: Request): void {
    request.reject(request.signal?.reason);
    this.#queue = this.#queue.filter((other) => other !== request);
    this.#grant(request.name);
  }

  /** The tab is gone; the browser finds out in a moment. */
  #lose(request: Request): void {
    this.#queue = this.#queue.filter((other) => other !== request);
    this.#time.after(20 * this.#random.next(), () => this.#release(request));
  }

  #latency(): number {
    return this.#random.next() * 3;
  }
}
