/** The inbox demo as somebody sees it who looks at it. */
import type { Locator, Page } from "playwright-core";
import type { Visitor } from "./browser.ts";
import { tokenFor } from "./credentials.ts";
import { eventually } from "./eventually.ts";

export interface InboxPage {
  readonly page: Page;
  /** The message with this title. */
  readonly message: (title: string) => Locator;
  /** Titles in the order of the list. */
  readonly titles: () => Promise<readonly string[]>;
  /** Titles of those that are not read. */
  readonly unread: () => Promise<readonly string[]>;
  /** What the strip says of the connection. */
  readonly status: () => Promise<string>;
  /** Waits until the list has exactly these titles, in this order. */
  readonly shows: (titles: readonly string[], timeoutMs?: number) => Promise<void>;
  readonly showsUnread: (titles: readonly string[]) => Promise<void>;
  /** Waits until the strip says this. */
  readonly says: (words: RegExp, timeoutMs?: number) => Promise<void>;
}

/** Opens the demo by a link as `npm start` prints it, and waits until it is live. */
export async function openInbox({ open }: Visitor, user: string): Promise<InboxPage> {
  const inbox = inboxOn(await open(`/demo#user=${user}&token=${await tokenFor(user)}`));
  await inbox.says(/^Live/);
  return inbox;
}

export function inboxOn(page: Page): InboxPage {
  const titles = () => page.locator("#list > li h2").allTextContents();
  const unread = () => page.locator("#list > li.unread h2").allTextContents();
  const status = async () => (await page.locator("#status").textContent()) ?? "";

  async function same(
    read: () => Promise<readonly string[]>,
    wanted: readonly string[],
    timeoutMs: number,
  ): Promise<void> {
    let last: readonly string[] = [];
    await eventually(
      async () => {
        last = await read();
        return JSON.stringify(last) === JSON.stringify(wanted);
      },
      { timeoutMs, what: () => `the list is ${JSON.stringify(wanted)}; it is ${JSON.stringify(last)}` },
    );
  }

  return {
    page,
    message: (title) => page.getByRole("heading", { name: title, exact: true }),
    titles,
    unread,
    status,
    shows: (wanted, timeoutMs = 10_000) => same(titles, wanted, timeoutMs),
    showsUnread: (wanted) => same(unread, wanted, 10_000),
    says: async (words, timeoutMs = 15_000) => {
      let last = "";
      await eventually(
        async () => {
          last = await status();
          return words.test(last);
        },
        { timeoutMs, what: () => `the page says ${words}; it says: ${last}` },
      );
    },
  };
}
