import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bundlePages } from "../../../src/pages/bundle.ts";

const page = '<!doctype html><link rel="stylesheet" href="/hello.css"><script src="/hello.js"></script>';

/** Sources and a place for what is made of them. */
function workplace(files: Readonly<Record<string, string>>): { sources: string; out: string } {
  const root = mkdtempSync(join(tmpdir(), "hubbub-pages-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const sources = join(root, "src");
  put(sources, { _headers: "/*\n  X-Test: yes\n", "favicon.svg": "<svg/>", ...files });
  return { sources, out: join(root, "dist/pages") };
}

function put(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const hello = {
  "hello/index.html": page,
  "hello/style.css": '@import "../common/theme.css";\nb { color: red; }',
  "common/theme.css": "i { color: blue; }",
  "common/greet.ts": 'export const greet = (name: string): string => "Hello " + name;',
  "hello/main.ts": 'import { greet } from "../common/greet.ts";\nconsole.log(greet("you"));',
};

test("a page becomes one file each of markup, style and script, beside the headers and the icon", async () => {
  const { sources, out } = workplace(hello);
  const pages = await bundlePages(sources, out);
  expect(readdirSync(out).sort()).toEqual(["_headers", "favicon.svg", "hello.css", "hello.html", "hello.js"]);
  expect(readFileSync(join(out, "hello.html"), "utf8")).toBe(page);
  expect(readFileSync(join(out, "hello.css"), "utf8")).toContain("i{color:#00f}b{color:red}");
  expect(readFileSync(join(out, "hello.js"), "utf8")).toMatch(/^(?!.*import).*Hello/s);
  expect(pages).toEqual([{ name: "hello", bytes: expect.any(Number) }]);
  expect(pages[0]?.bytes).toBeGreaterThan(100);
});

test("a page needs neither style nor script", async () => {
  const { sources, out } = workplace({ "plain/index.html": "<!doctype html>" });
  expect(await bundlePages(sources, out)).toMatchObject([{ name: "plain" }]);
  expect(readdirSync(out).sort()).toEqual(["_headers", "favicon.svg", "plain.html"]);
});

test("what has not changed is not written, and what belongs to no page any more is removed", async () => {
  const { sources, out } = workplace({ ...hello, "old/index.html": "<!doctype html>" });
  await bundlePages(sources, out);
  const before = statSync(join(out, "hello.js"), { bigint: true });
  rmSync(join(sources, "old"), { recursive: true });
  put(sources, { "hello/style.css": "b { color: green; }" });
  await bundlePages(sources, out);
  expect(readdirSync(out)).not.toContain("old.html");
  expect(readFileSync(join(out, "hello.css"), "utf8")).toContain("green");
  const { ino, mtimeNs } = statSync(join(out, "hello.js"), { bigint: true });
  expect({ ino, mtimeNs }).toEqual({ ino: before.ino, mtimeNs: before.mtimeNs });
});

test("a page over 50 kB gzipped, or with a mistake in it, is refused, and what was there before stays", async () => {
  const { sources, out } = workplace(hello);
  await bundlePages(sources, out);
  const incompressible = randomBytes(60_000).toString("base64");
  put(sources, { "hello/main.ts": `console.log("${incompressible}")` });
  await expect(bundlePages(sources, out)).rejects.toThrow(/^\/hello has \d+ bytes gzipped; .* 50000$/);
  put(sources, { "hello/main.ts": "this is no script" });
  await expect(bundlePages(sources, out)).rejects.toThrow("hello/main.ts:1:5");
  expect(readFileSync(join(out, "hello.js"), "utf8")).toContain("Hello");
});
