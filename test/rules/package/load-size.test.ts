import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadSizeOf, maxClientBytes } from "../../../src/package/load-size.ts";
import { entriesOf, readSource } from "../../../src/package/source.ts";

it("a page loads no more than 5,000 bytes of the client at once, minified and compressed", async () => {
  const { client = "" } = entriesOf(await readSource());
  const { atOnce, inAll } = await loadSizeOf(client);
  expect(atOnce.gzip).toBeLessThanOrEqual(maxClientBytes);
  expect(inAll.gzip).toBeGreaterThan(atOnce.gzip);
});

it("what is imported statically counts at once, wherever it stands, and what is behind an import() only in all", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hubbub-size-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const text = (length: number) => JSON.stringify("x".repeat(length));
  const files = {
    "entry.ts": `import { shared } from "./shared.ts"; console.log(shared); import("./later.ts").then(console.log);`,
    "shared.ts": `export const shared = ${text(1_000)};`,
    "later.ts": `import { shared } from "./shared.ts"; console.log(shared, ${text(3_000)});`,
  };
  for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code);
  const { atOnce, inAll } = await loadSizeOf(join(folder, "entry.ts"));
  expect(atOnce.minified).toBeGreaterThan(1_000);
  expect(atOnce.minified).toBeLessThan(2_000);
  expect(inAll.minified).toBeGreaterThan(4_000);
  expect(inAll.minified).toBeLessThan(5_000);
  expect(inAll.gzip).toBeLessThan(inAll.minified);
});
