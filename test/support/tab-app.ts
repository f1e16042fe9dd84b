/** An app in the tabs of a fake browser: what each tab's client was told, and what must be true of it. */
import { expect, onTestFinished, vi } from "vitest";
import {
  HubClient,
  type HubClientOptions,
  type Kept,
  type Message,
  type Status,
  webStorage,
} from "../../src/client/index.ts";
import type { GapFrame } from "../../src/protocol/frames.ts";
// What a client loads later is here before: loading takes real time.
import "../../src/client/page/page.ts";
import "../../src/client/storage-area.ts";
import { readableToken } from "./connect-token.ts";
import { Browser, type BrowserParts, stubTabs, type Tab } from "./fake-tabs.ts";
import { StreamHub } from "./stream-hub.ts";
import { settled } from "./virtual-time.ts";

/** How a handler fares: it returns, waits for so long, or throws. */
export type Handling = (message: Message) => unknown;

export interface App {
  readonly tab: Tab;
  readonly client: HubClient;
  /** Handled, in this order; what a handler threw at is not. */
  readonly seen: string[];
  readonly statuses: Status[];
  readonly gaps: Omit<GapFrame, "type">[];
  readonly resets: string[];
  readonly unread: number[];
  readonly faults: string[];
  /** Messages that it was told to take down, by their ids. */
  readonly withdrawn: string[];
  /** Tokens that it was asked for. */
  tokens: number;
  /** What was handled before this tab was opened, as it was saved. */
  begun: Kept | undefined;
  /** Why it did not start. */
  failed: unknown;
  start(): void;
  /** Ends by a crash of the tab, or by `close()`. */
  crash(): void;
  close(): void;
}

export interface AppOptions extends Partial<HubClientOptions> {
  readonly handle?: Handling;
  /** Who has signed in; alice, if not said. */
  readonly user?: string;
  /** Where it runs; without it, in a tab of its own. */
  readonly tab?: Tab;
}

export interface World {
  readonly browser: Browser;
  readonly hub: StreamHub;
  readonly apps: App[];
  /** Opens a tab with the app in it. */
  open(options?: AppOptions): Promise<App>;
  pass(ms: number): Promise<void>;
  /** Apps that still run. */
  running(): App[];
  /** Those of them that hold a connection. */
  leaders(): App[];
  /** What is saved for all tabs. */
  saved(): Kept | undefined;
  /** Where that went back to; there must be none. */
  readonly setbacks: number[];
}

const storageKey = "hubbub:alice";

/**
 * A browser and its hub, until the end of the test, which fails if the protocol was broken or what is saved went back.
 * @param denied what the browser does not have, or does not let pages use
 */
export function world(denied: BrowserParts = {}): World {
  const browser = new Browser(denied);
  const hub = new StreamHub(browser.time, browser.random);
  const apps: App[] = [];
  const setbacks: number[] = [];
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    expect(hub.complaints).toEqual([]);
    expect(setbacks).toEqual([]);
  });
  stubTabs(socketOf(browser, hub));

  /** Its writes are lost with the tab. */
  function area(tab: Tab, app: () => App) {
    return {
      getItem: (key: string) => {
        const text = browser.stored.get(key);
        if (app().statuses.length === 0) app().begun = savedIn(text);
        return text ?? null;
      },
      setItem: (key: string, text: string) => {
        if (tab.dead) return;
        const before = savedIn(browser.stored.get(key));
        const next = savedIn(text);
        if (before !== undefined && next?.epoch === before.epoch && next.device === before.device) {
          if (next.cursor < before.cursor) setbacks.push(next.cursor);
        }
        browser.stored.set(key, text);
      },
    };
  }

  async function open({
    handle = () => {},
    tab = browser.open(),
    user = "alice",
    ...options
  }: AppOptions = {}): Promise<App> {
    const storage = webStorage(
      storageKey,
      area(tab, () => app),
    );
    const app: App = tab.run(() => appIn(tab, user, { storage, ...options }, handle));
    apps.push(app);
    app.start();
    await vi.dynamicImportSettled();
    await settled();
    return app;
  }

  const running = () => apps.filter(({ tab, client }) => !tab.dead && client.status.state !== "stopped");
  return {
    browser,
    hub,
    apps,
    open,
    pass: (ms) => browser.time.pass(ms),
    running,
    leaders: () => running().filter(({ client }) => client.leading),
    saved: () => savedIn(browser.stored.get(storageKey)),
    setbacks,
  };
}

function appIn(tab: Tab, user: string, options: Partial<HubClientOptions>, handle: Handling): App {
  const client = new HubClient({
    url: "https://hub.test",
    token: async () => {
      if (tab.dead) return new Promise<string>(() => {});
      app.tokens += 1;
      return readableToken({ sub: user, exp: 4_000_000_000 }, `${tab.name}-${app.tokens}`);
    },
    onStatus: (status) => void app.statuses.push(status),
    onGap: (gap) => void app.gaps.push(gap),
    onDiscontinuity: (reason) => void app.resets.push(reason),
    onState: ({ unread }) => void app.unread.push(unread),
    onFault: ({ kind }) => void app.faults.push(kind),
    onWithdrawn: ({ id }) => {
      if (!tab.dead) app.withdrawn.push(id);
    },
    ...options,
  });
  const app: App = {
    tab,
    client,
    seen: [],
    statuses: [],
    gaps: [],
    resets: [],
    unread: [],
    faults: [],
    withdrawn: [],
    tokens: 0,
    begun: undefined,
    failed: undefined,
    start: () => {
      tab
        .run(() => client.start())
        .catch((why: unknown) => {
          app.failed = why;
        });
    },
    crash: () => {
      tab.crash();
      // Unheard by anybody; it only stops the timers of a process that is gone.
      tab.run(() => client.close());
    },
    close: () => tab.run(() => client.close()),
  };
  client.on("*", async (message) => {
    await handle(message);
    if (!tab.dead) app.seen.push(message.id);
  });
  return app;
}

/** Waits in a tab's own time, which stands still while the tab is frozen. */
export function inTab(tab: Tab, ms: number): Promise<void> {
  return new Promise((over) => tab.later(ms, over));
}

function savedIn(text: string | undefined): Kept | undefined {
  return text === undefined ? undefined : JSON.parse(text);
}

/** The WebSocket of a page, whose tab is known by its token. */
function socketOf(browser: Browser, hub: StreamHub) {
  return class extends EventTarget {
    readyState = 0;
    readonly #line: ReturnType<StreamHub["connect"]>;
    readonly #tab: Tab | undefined;

    constructor(url: string, [, bearer = ""]: readonly string[]) {
      super();
      const token = bearer.replace("bearer.", "");
      const tab = browser.tabs.find(({ name }) => token.startsWith(`${name}-`));
      if (tab === undefined) throw new Error(`no tab has the token ${token}`);
      this.#tab = tab;
      this.#line = hub.connect({
        url,
        token,
        receive: (data) =>
          tab.later(0, () => {
            this.readyState = Math.max(this.readyState, 1);
            if (this.readyState === 1) this.dispatchEvent(new MessageEvent("message", { data }));
          }),
        ended: (code, reason) => tab.later(0, () => this.#end(code, reason)),
      });
      // The network says goodbye for a page that is gone, or put away.
      tab.onEnd(() => {
        this.#line.left();
        tab.later(0, () => this.#end(1006, ""));
      });
    }

    #end(code: number, reason: string): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.dispatchEvent(new CloseEvent("close", { code, reason }));
    }

    send(text: string): void {
      if (this.#tab?.dead === false) this.#line.said(text);
    }

    close(code = 1000, reason = ""): void {
      if (this.readyState >= 2) return;
      this.readyState = 2;
      this.#line.left();
      this.#tab?.later(5, () => this.#end(code, reason));
    }
  };
}

/** What a tab should have seen by now and has not, of a hub that never lost its storage. */
export function missedBy({ begun, seen }: App, head: number): string[] {
  const had = new Set([...seen, ...(begun?.ahead ?? []).map(({ id }) => String(id))]);
  return ids((begun?.cursor ?? 0) + 1, head).filter((id) => !had.has(id));
}

/** The ids of the messages from one number to another, of a hub that never lost its storage. */
export function ids(from: number, to: number): string[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => `message-${from + index}`);
}
