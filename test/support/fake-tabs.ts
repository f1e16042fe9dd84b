/**
 * A browser with tabs, in virtual time: each tab has globals of its own (timers, locks, channels, sockets,
 * a page that is shown and hidden), and they share an origin: its locks, its channels and its storage. What
 * the standards leave open, how long things take and in which order different tabs hear, is left to chance.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { vi } from "vitest";
import { Random } from "../rules/simulator/prng.ts";
import { FakeLocks, type LockCallback, type LockOptions } from "./fake-locks.ts";
import { VirtualTime } from "./virtual-time.ts";

const current = new AsyncLocalStorage<Tab>();

/** The tab whose code is running. */
function here(): Tab {
  const tab = current.getStore();
  if (tab === undefined) throw new Error("a tab's global was used outside of every tab");
  return tab;
}

interface Post {
  readonly from: Tab;
  readonly to: FakeChannel;
  readonly data: unknown;
  lost: boolean;
}

/** What the browser has, or denies to its pages. */
export interface BrowserParts {
  readonly seed?: number;
  readonly locks?: "none" | "denied";
  readonly channels?: "none";
}

export class Browser {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly locks: FakeLocks;
  readonly tabs: Tab[] = [];
  readonly channels = new Set<FakeChannel>();
  /** Of the origin, by key. */
  readonly stored = new Map<string, string>();
  readonly parts: BrowserParts;
  #posts: Post[] = [];
  /** When the last of what one tab posted to another arrives: they keep their order. */
  readonly #lastArrival = new Map<string, number>();

  constructor(parts: BrowserParts = {}) {
    this.parts = parts;
    this.random = new Random(parts.seed ?? 1);
    this.locks = new FakeLocks(this.time, this.random, parts.locks === "denied");
  }

  open(): Tab {
    const tab = new Tab(this, `tab-${this.tabs.length + 1}`);
    this.tabs.push(tab);
    return tab;
  }

  post(from: FakeChannel, data: unknown): void {
    if (from.tab.dead) return;
    for (const to of this.channels) {
      if (to === from || to.name !== from.name) continue;
      const post: Post = { from: from.tab, to, data: structuredClone(data), lost: false };
      this.#posts.push(post);
      const pair = `${from.tab.name} ${to.tab.name}`;
      const at = Math.max(this.#lastArrival.get(pair) ?? 0, this.time.now + this.random.next() * 4);
      this.#lastArrival.set(pair, at);
      to.tab.later(at - this.time.now, () => {
        this.#posts = this.#posts.filter((other) => other !== post);
        if (!post.lost) to.receive(post.data);
      });
    }
  }

  /** Of what a dying tab has posted, only the first part arrives. */
  losePosts(from: Tab): void {
    const underWay = this.#posts.filter((post) => post.from === from);
    for (const post of underWay.slice(this.random.int(underWay.length + 1))) post.lost = true;
  }
}

class FakeChannel extends EventTarget {
  readonly name: string;
  readonly tab: Tab;
  #closed = false;

  constructor(name: string) {
    super();
    this.name = name;
    this.tab = here();
    this.tab.browser.channels.add(this);
    this.tab.onEnd(() => this.tab.browser.channels.delete(this));
  }

  postMessage(data: unknown): void {
    if (this.#closed) throw new DOMException("the channel is closed", "InvalidStateError");
    this.tab.browser.post(this, data);
  }

  close(): void {
    this.#closed = true;
    this.tab.browser.channels.delete(this);
  }

  receive(data: unknown): void {
    if (!this.#closed) this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

/** A page and what runs in it. */
export class Tab {
  readonly browser: Browser;
  readonly name: string;
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  dead = false;
  /** What happened while it was frozen; `undefined` while it is not. */
  #held: (() => void)[] | undefined;
  readonly #endings = new Set<() => void>();

  constructor(browser: Browser, name: string) {
    this.browser = browser;
    this.name = name;
  }

  /** Runs code in this tab. */
  run<Result>(code: () => Result): Result {
    return current.run(this, code);
  }

  /** Something that happens to this tab in a while, unless it is gone by then. @returns takes it back */
  later(ms: number, happen: () => void): () => void {
    return this.browser.time.after(ms, () => this.#happen(happen));
  }

  #happen(happen: () => void): void {
    if (this.dead) return;
    if (this.#held === undefined) this.run(happen);
    else this.#held.push(happen);
  }

  /** Called when the browser takes from the tab what it holds. */
  onEnd(end: () => void): () => void {
    this.#endings.add(end);
    return () => this.#endings.delete(end);
  }

  #end(): void {
    for (const end of [...this.#endings]) end();
    this.#endings.clear();
  }

  /** The process is gone, without a goodbye. */
  crash(): void {
    this.dead = true;
    this.browser.losePosts(this);
    this.#end();
  }

  /** Nothing runs until {@link thaw}; what happens meanwhile, happens then. */
  freeze(): void {
    this.#held ??= [];
  }

  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const happen of held) this.later(0, happen);
  }

  /** Away to another page and into the back/forward cache: locks and sockets are taken away, and nothing runs. */
  enterCache(): void {
    this.run(() => this.window.dispatchEvent(pageTransition("pagehide")));
    this.#end();
    this.freeze();
  }

  /** Back from there. What happened on channels meanwhile was not heard. */
  leaveCache(): void {
    this.thaw();
    this.later(0, () => this.window.dispatchEvent(pageTransition("pageshow")));
  }

  /** Somebody looks at the tab again. */
  look(): void {
    this.later(0, () => this.document.dispatchEvent(new Event("visibilitychange")));
  }

  /** The network is back. */
  online(): void {
    this.later(0, () => this.window.dispatchEvent(new Event("online")));
  }
}

function pageTransition(type: string): Event {
  return Object.assign(new Event(type), { persisted: true });
}

/** Puts globals into place that are those of the tab whose code runs; outside of tabs they are the real ones. */
export function stubTabs(WebSocket: unknown): void {
  const { setTimeout: realTimeout, clearTimeout: realClear } = globalThis;
  const realNow = performance.now.bind(performance);
  const realDate = Date.now;
  vi.stubGlobal("WebSocket", WebSocket);
  vi.stubGlobal("setTimeout", (run: () => void, ms = 0) =>
    current.getStore() === undefined ? realTimeout(run, ms) : here().later(ms, run),
  );
  vi.stubGlobal("clearTimeout", (timer: unknown) =>
    typeof timer === "function" ? timer() : realClear(Number(timer)),
  );
  vi.stubGlobal("addEventListener", (...event: Parameters<EventTarget["addEventListener"]>) =>
    here().window.addEventListener(...event),
  );
  vi.stubGlobal("removeEventListener", (...event: Parameters<EventTarget["removeEventListener"]>) =>
    here().window.removeEventListener(...event),
  );
  vi.spyOn(performance, "now").mockImplementation(() => current.getStore()?.browser.time.now ?? realNow());
  vi.spyOn(Date, "now").mockImplementation(() => {
    const tab = current.getStore();
    return tab === undefined ? realDate() : 1_800_000_000_000 + tab.browser.time.now;
  });
  vi.spyOn(Math, "random").mockImplementation(() => here().browser.random.next());
  stubGetter("document", (tab) => tab.document);
  stubGetter("navigator", (tab) => ({
    locks: tab.browser.parts.locks === "none" ? undefined : locksOf(tab),
  }));
  stubGetter("BroadcastChannel", (tab) => (tab.browser.parts.channels === "none" ? undefined : FakeChannel));
}

function stubGetter(name: string, get: (tab: Tab) => unknown): void {
  // Stubbed first, so that `unstubAllGlobals` restores it.
  vi.stubGlobal(name, undefined);
  Object.defineProperty(globalThis, name, { configurable: true, get: () => get(here()) });
}

function locksOf(tab: Tab) {
  return {
    request: (name: string, options: LockOptions, callback: LockCallback) =>
      tab.browser.locks.request(tab, name, options, callback),
  };
}
