/** How much of an entry a page loads: at once with the import, and later. */
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";
import { buildOptions } from "./javascript.ts";
import { projectRoot } from "./source.ts";

/** What `hubbub/client` may bring to a page at once, in bytes of gzip: it is loaded before the page can show anything. */
export const maxClientBytes = 5_000;

/** Bytes: minified, and minified and compressed with gzip. */
export interface Size {
  readonly minified: number;
  readonly gzip: number;
}

export interface LoadSize {
  /** As one file, since a bundler puts it with the app's own code. */
  readonly atOnce: Size;
  /** What is behind an `import()`, in all; each part is compressed by itself. */
  readonly later: Size;
}

/** The size of one entry as a bundler ships it. */
export async function loadSizeOf(entry: string): Promise<LoadSize> {
  const options = { ...buildOptions, entryPoints: [entry], outdir: "dist/size", minify: true };
  const alone = { splitting: false, plugins: [withoutLater] };
  const atOnce = await build({ ...options, ...alone, write: false });
  const { metafile, outputFiles } = await build({ ...options, write: false, metafile: true });
  const early = new Set<string>();
  const load = (file: string): void => {
    early.add(resolve(projectRoot, file));
    for (const { path, kind } of metafile.outputs[file]?.imports ?? []) {
      if (kind === "import-statement" && !early.has(resolve(projectRoot, path))) load(path);
    }
  };
  for (const [file, { entryPoint = "" }] of Object.entries(metafile.outputs)) {
    if (resolve(projectRoot, entryPoint) === resolve(projectRoot, entry)) load(file);
  }
  return {
    atOnce: sizeOf(atOnce.outputFiles),
    later: sizeOf(outputFiles.filter(({ path }) => !early.has(path))),
  };
}

/** Leaves an `import()` as it stands, so that what is behind it is not in the file. */
const withoutLater: Plugin = {
  name: "without-later",
  setup: ({ onResolve }) => {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path, external: true } : undefined,
    );
  },
};

function sizeOf(files: readonly { readonly contents: Uint8Array }[]): Size {
  const sizes = files.map(({ contents }) => ({
    minified: contents.byteLength,
    gzip: gzipSync(contents, { level: 9 }).byteLength,
  }));
  return {
    minified: sizes.reduce((sum, { minified }) => sum + minified, 0),
    gzip: sizes.reduce((sum, { gzip }) => sum + gzip, 0),
  };
}
