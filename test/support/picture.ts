/**
 * Pictures of the pages for `docs`: the same every time, as far as the fonts of the machine allow (`fonts-inter` looks
 * best). They show the hub at its usual address, wherever it runs.
 */
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "./browser.ts";

const { PICTURES } = process.env;

/** Whether pictures are asked for: `npm run pictures`. */
export const wanted = PICTURES !== undefined;

/** What stands in the address bar, and in the lines to copy. */
export const shownOrigin = "http://localhost:8787";

/** A browser that finds the hub of this port at {@link shownOrigin}. */
export function launchForPictures(port: number): Promise<Browser> {
  const { host } = new URL(shownOrigin);
  return launchBrowser([`--host-resolver-rules=MAP ${host} 127.0.0.1:${port}`]);
}

/** A screen of a fixed size, in light colours, where nothing moves. */
export function pictureContext(browser: Browser): Promise<BrowserContext> {
  return browser.newContext({
    viewport: { width: 1_120, height: 740 },
    deviceScaleFactor: 1.5,
    colorScheme: "light",
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "UTC",
  });
}

/** Writes `<name>.png` where pictures are wanted. */
export async function takePicture(page: Page, name: string): Promise<void> {
  await page.evaluate("document.fonts.ready.then(() => undefined)");
  await page.screenshot({
    path: join(PICTURES ?? ".", `${name}.png`),
    caret: "hide",
    animations: "disabled",
  });
}
