/** `npm run pages`, and before every `wrangler dev` and `wrangler deploy`: makes `dist/pages`, and says how large each page is. */
import { join } from "node:path";
import { bundlePages } from "./bundle.ts";

const out = join(import.meta.dirname, "../../dist/pages");
try {
  for (const { name, bytes } of await bundlePages(import.meta.dirname, out)) {
    console.log(`page /${name === "index" ? "" : name}: ${(bytes / 1_000).toFixed(1)} kB`);
  }
} catch (error) {
  // What is wrong with a page, without the stack of the bundler.
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
