/** How much an entry brings to a page: at once with the import, and in all. */
import { gzipSync } from "node:zlib";
import { build, type OutputFile, type Plugin } from "esbuild";
import { buildOptions } from "./javascript.ts";

/** What `hubbub/client` may bring to a page at once, in bytes of gzip: it is loaded before the page can show anything. */
export const maxClientBytes = 5_000;

/** Bytes: minified, and minified and compressed with gzip. */
export interface Size {
  readonly minified: number;
  readonly gzip: number;
}

export interface LoadSize {
  readonly atOnce: Size;
  /** With all that is behind an `import()`. No page needs all of it. */
  readonly inAll: Size;
}

/** The size of one entry as a bundler ships it: as one file, since it is put with the app's own code. */
export async function loadSizeOf(entry: string): Promise<LoadSize> {
  const options = { ...buildOptions, entryPoints: [entry], minify: true, splitting: false };
  const atOnce = await build({ ...options, plugins: [withoutLater], write: false });
  const inAll = await build({ ...options, write: false });
  return { atOnce: sizeOf(atOnce.outputFiles), inAll: sizeOf(inAll.outputFiles) };
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

function sizeOf([file]: readonly OutputFile[]): Size {
  if (file === undefined) throw new Error("the entry makes no file");
  return {
    minified: file.contents.byteLength,
    gzip: gzipSync(file.contents, { level: 9 }).byteLength,
  };
}
