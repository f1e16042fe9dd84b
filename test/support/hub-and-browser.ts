/** A hub and a browser for the tests of a file, and visitors that are gone after each of them. */
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { launchBrowser, type Visitor, visitor } from "./browser.ts";
import { type HubProcess, startHub } from "./hub-process.ts";

export interface HubAndBrowser {
  /** From the first test on. */
  readonly hub: HubProcess;
  /** Somebody with a browser profile of their own. */
  visit(options?: BrowserContextOptions): Promise<Visitor>;
}

export function hubAndBrowser(): HubAndBrowser {
  let hub: HubProcess | undefined;
  let browser: Browser | undefined;
  const visitors: Visitor[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
    hub = await startHub();
  });

  afterEach(async () => {
    for (const each of visitors.splice(0)) await each.close();
  });

  afterAll(async () => {
    await browser?.close();
    await hub?.stop();
  });

  function running<Part>(part: Part | undefined): Part {
    if (part === undefined) throw new Error("hub and browser run from the first test on");
    return part;
  }

  return {
    get hub() {
      return running(hub);
    },
    visit: async (options) => {
      const made = await visitor(running(browser), running(hub).url, options);
      visitors.push(made);
      return made;
    },
  };
}
