/**
 * Makes the pages out of their sources, as files that the hub serves: of each folder its `index.html`, `style.css`
 * and, where there is one, `main.ts`, as `<folder>.html`, `<folder>.css` and `<folder>.js`.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Of a page with its style and script, gzipped: about a second on a slow phone network (400 kbit/s). */
const maxFirstLoadBytes = 50_000;

/** The page or file that is not made by esbuild: headers of every answer (CSP), and the icon. */
const copied = ["_headers", "favicon.svg"];

export interface Page {
  readonly name: string;
  /** Gzipped, with what it loads at once. */
  readonly bytes: number;
}

/**
 * Writes the pages of `sources` to `out`. A `wrangler dev` that serves them meanwhile never sees half a file, and
 * nothing at all where nothing has changed.
 * @throws when a page can't be built, or is over 50 kB; `out` then stays as it was.
 */
export async function bundlePages(sources: string, out: string): Promise<readonly Page[]> {
  const names = await pagesIn(sources);
  const files = new Map<string, Uint8Array>();
  for (const name of copied) files.set(name, await readFile(join(sources, name)));
  for (const name of names) files.set(`${name}.html`, await readFile(join(sources, name, "index.html")));
  for (const [name, bytes] of await bundled(sources, names)) files.set(name, bytes);

  const pages = names.map((name) => ({ name, bytes: firstLoad(name, files) }));
  const heavy = pages.filter(({ bytes }) => bytes > maxFirstLoadBytes);
  if (heavy.length > 0) {
    const sizes = heavy.map(({ name, bytes }) => `/${name} has ${bytes} bytes`).join(", ");
    throw new Error(`${sizes} gzipped; a first load has at most ${maxFirstLoadBytes}`);
  }
  await replace(out, files);
  return pages;
}

/** The folders that hold a page. */
async function pagesIn(sources: string): Promise<readonly string[]> {
  const entries = await readdir(sources);
  return entries.filter((name) => existsSync(join(sources, name, "index.html"))).sort();
}

async function bundled(
  sources: string,
  names: readonly string[],
): Promise<readonly (readonly [string, Uint8Array])[]> {
  const entries = names.flatMap((name) =>
    ["main.ts", "style.css"]
      .map((file) => join(sources, name, file))
      .filter((path) => existsSync(path))
      .map((path) => ({ in: path, out: name })),
  );
  const { outputFiles } = await build({
    entryPoints: entries,
    outdir: ".",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    logLevel: "silent",
    write: false,
  });
  return outputFiles.map(({ path, contents }) => [path.slice(dirname(path).length + 1), contents]);
}

function firstLoad(page: string, files: ReadonlyMap<string, Uint8Array>): number {
  return ["html", "css", "js"]
    .map((kind) => files.get(`${page}.${kind}`))
    .reduce((sum, bytes) => sum + (bytes === undefined ? 0 : gzipSync(bytes).length), 0);
}

/** The pages last, so that none of them asks for what is not there yet. */
async function replace(out: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await mkdir(out, { recursive: true });
  const inOrder = [...files].sort(([one], [other]) => rank(one) - rank(other));
  for (const [name, bytes] of inOrder) {
    const path = join(out, name);
    const before = await readFile(path).catch(() => undefined);
    if (before?.equals(bytes)) continue;
    // Beside the folder, which is watched, and on the same disk.
    const draft = `${out}.${process.pid}.draft`;
    await writeFile(draft, bytes);
    await rename(draft, path);
  }
  for (const name of await readdir(out)) {
    if (!files.has(name)) await rm(join(out, name), { recursive: true, force: true });
  }
}

function rank(name: string): number {
  return name.endsWith(".html") ? 1 : 0;
}
