/**
 * Real Chromium, as a visitor of the pages has it. Whatever a page complains of, and every request to another
 * origin, is noted: a test that visits a page ends with `expectClean`.
 */
import { existsSync } from "node:fs";
import { type AxeResults, source as axeSource } from "axe-core";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { expect } from "vitest";

const { CHROMIUM_PATH } = process.env;
const places = [
  CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** @throws when there is no Chromium, with how to get one. */
export function chromiumPath(): string {
  const found = places.find((path) => path !== undefined && existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    "These tests need Chromium, and there is none. Install it (Debian and Ubuntu: sudo apt-get install chromium), or name it in CHROMIUM_PATH.",
  );
}

/** A fresh browser with a profile of its own. It asks nobody on the internet for anything. */
export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}

export interface Visitor {
  readonly context: BrowserContext;
  /** Opens another tab of the same browser. */
  readonly open: (path: string) => Promise<Page>;
  /** What the pages complained of so far: errors, and breaches of their policy. */
  readonly complaints: readonly string[];
  /**
   * Fails if a page logged an error, broke its policy, threw, or asked another origin for anything.
   * @param cut whether the network was cut, which Chromium logs as errors of its own
   * @param refused the statuses of answers that the test provoked, which it logs as well
   */
  readonly expectClean: (options?: { readonly cut?: boolean; readonly refused?: readonly number[] }) => void;
  readonly close: () => Promise<void>;
}

/** Somebody with a browser: cookies, storage and tabs of their own. */
export async function visitor(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
  const complaints: string[] = [];
  const foreign: string[] = [];
  const host = new URL(origin).host;
  const note = (url: string) => {
    if (!url.startsWith("data:") && new URL(url).host !== host) foreign.push(url);
  };
  context.on("request", (request) => note(request.url()));
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  context.on("page", (page) => page.on("websocket", (socket) => note(socket.url())));
  return {
    context,
    complaints,
    open: async (path) => {
      const page = await context.newPage();
      await page.goto(new URL(path, origin).href);
      return page;
    },
    expectClean: ({ cut = false, refused = [] } = {}) => {
      const ownFault = (error: string) =>
        !(cut && /net::ERR_|WebSocket (?:connection to|is closed)/.test(error)) &&
        !refused.some((status) => error.includes(`responded with a status of ${status} `));
      expect(complaints.filter(ownFault)).toEqual([]);
      expect(foreign).toEqual([]);
    },
    close: () => context.close(),
  };
}

/** What axe finds wrong with a page: rule and place of each. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  // By the debugger's way, which the page's policy does not forbid.
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(" ")}: ${failureSummary ?? ""}`),
  );
}

/** Bytes that a page takes from the wire until it is loaded, compressed as they come, headers included. */
export async function bytesOfFirstLoad(context: BrowserContext, url: string): Promise<number> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await session.send("Network.enable");
  await page.goto(url, { waitUntil: "load" });
  await page.close();
  return bytes;
}

/** How far what was shown has moved since the page was opened: the sum of its layout shifts, 0 when nothing did. */
export function layoutShift(page: Page): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    let sum = 0;
    const add = (entries) => { for (const entry of entries) if (!entry.hadRecentInput) sum += entry.value; };
    const observer = new PerformanceObserver((list) => add(list.getEntries()));
    observer.observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => setTimeout(() => { add(observer.takeRecords()); resolve(sum); }));
  })`);
}
