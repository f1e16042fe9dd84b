/** The console as an operator has it open. */
import type { Locator, Page } from "playwright-core";
import type { Visitor } from "./browser.ts";
import { apiKeys } from "./credentials.ts";

export interface ConsolePage {
  readonly page: Page;
  /** The panel of this title. */
  readonly panel: (title: string | RegExp) => Locator;
  readonly sending: Locator;
  readonly user: Locator;
  readonly topics: Locator;
  readonly letters: Locator;
  /** Fills in the form and sends it. */
  readonly send: (fields: Readonly<Record<string, string>>) => Promise<void>;
  readonly watch: (user: string) => Promise<void>;
  /** Answers the question that is open. */
  readonly answer: (button: string) => Promise<void>;
}

/** Opens the console and shows it a key. */
export async function openConsole({ open }: Visitor, key: string = apiKeys.all): Promise<ConsolePage> {
  const page = await open("/console");
  await page.getByRole("textbox", { name: "API key" }).fill(key);
  await page.getByRole("button", { name: "Open the console" }).click();
  await page.getByRole("button", { name: "Forget key" }).waitFor();
  return consoleOn(page);
}

export function consoleOn(page: Page): ConsolePage {
  const panel = (title: string | RegExp) => page.getByRole("region", { name: title, exact: true });
  const sending = panel("Send a message");
  const user = panel(/^Watch/);
  return {
    page,
    panel,
    sending,
    user,
    topics: panel(/^Topic/),
    letters: panel("Dead letters"),
    send: async (fields) => {
      // What is folded away can't be filled in.
      await page.evaluate("document.getElementById('send-more').open = true");
      for (const [label, text] of Object.entries(fields)) {
        await sending.getByRole("textbox", { name: label, exact: true }).fill(text);
      }
      await sending.getByRole("button", { name: "Send" }).click();
    },
    watch: async (name) => {
      await user.getByRole("textbox", { name: "User" }).fill(name);
      await user.getByRole("button", { name: "Watch" }).click();
      await page.getByRole("heading", { name: `Watching ${name}` }).waitFor();
    },
    answer: (button) => page.getByRole("dialog").getByRole("button", { name: button, exact: true }).click(),
  };
}
