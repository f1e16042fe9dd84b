/** The JavaScript of the package, by esbuild. */
import { type BuildOptions, build } from "esbuild";
import { projectRoot } from "./source.ts";

/** The same for the package and for measuring it. */
export const buildOptions = {
  absWorkingDir: projectRoot,
  bundle: true,
  // What is imported with import() becomes a file of its own, loaded when it is needed.
  splitting: true,
  format: "esm",
  // No runtime in particular: a built-in module of one of them is an error here.
  platform: "neutral",
  // What every current browser, Node.js 22, Deno, Bun and Workers run as it is.
  target: "es2022",
  chunkNames: "[name]-[hash]",
  charset: "utf8",
  logLevel: "silent",
} as const satisfies BuildOptions;

/** Writes a module for each entry, and one for each part that is loaded later. Not minified: that is for the app's bundler. */
export async function writeJavaScript(
  entries: Readonly<Record<string, string>>,
  folder: string,
): Promise<void> {
  await build({ ...buildOptions, entryPoints: { ...entries }, outdir: folder });
}
