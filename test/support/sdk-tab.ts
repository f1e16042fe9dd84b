/** A tab in Chromium that is nothing but the SDK: a client, and a record of what its one handler was called with. */
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Visitor } from "./browser.ts";
import { tokenFor } from "./credentials.ts";

const { outputFiles } = await build({
  stdin: {
    contents: `
      import { HubClient, webStorage } from "./src/client/index.ts";
      window.seen = [];
      window.connect = (token, options) => {
        const storage = webStorage("hubbub:test");
        window.client = new HubClient({ url: location.origin, token: async () => token, storage, ...options });
        window.client.on("*", ({ seq }) => window.seen.push(seq));
        return window.client.start();
      };
    `,
    resolveDir: process.cwd(),
  },
  bundle: true,
  format: "iife",
  write: false,
});
const script = outputFiles[0]?.text ?? "";

export interface SdkTab {
  readonly page: Page;
  /** The numbers that the handler got, in order. */
  readonly seen: () => Promise<readonly number[]>;
  readonly state: () => Promise<string>;
  readonly leading: () => Promise<boolean>;
  /** Waits until the handler was called with 1 to `last`, each once and in order. */
  readonly sees: (last: number) => Promise<void>;
}

/** Opens a tab and connects it as the user. */
export async function openSdkTab(
  { open }: Visitor,
  user: string,
  options: { readonly tabs?: boolean } = {},
): Promise<SdkTab> {
  const page = await open("/");
  // By the debugger's way, which the page's policy does not forbid.
  await page.evaluate(script);
  await page.evaluate(`connect(${JSON.stringify(await tokenFor(user))}, ${JSON.stringify(options)})`);
  const state = () => page.evaluate<string>("client.status.state");
  const seen = () => page.evaluate<readonly number[]>("seen");
  await expect.poll(state, { timeout: 15_000 }).toBe("live");
  return {
    page,
    seen,
    state,
    leading: () => page.evaluate<boolean>("client.leading"),
    sees: async (last) => {
      const all = Array.from({ length: last }, (_, index) => index + 1);
      await expect.poll(seen, { timeout: 15_000 }).toEqual(all);
    },
  };
}
