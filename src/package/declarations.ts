/**
 * The declarations of the package, by `tsc`. Of all that it emits only what the entries reach goes in, and
 * that must stand alone: a declaration that leans on zod, or on types of a runtime, fails the build.
 */
import { cp, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { reached, tsc } from "./tsc.ts";

/**
 * Writes into `folder` the declarations that `entries` reach; both are laid out as `src` is.
 * @throws {Error} with what `tsc` says, when they don't compile by themselves.
 */
export async function writeDeclarations(entries: readonly string[], folder: string): Promise<void> {
  // Outside of the project, where no node_modules is found.
  const emitted = await realpath(await mkdtemp(join(tmpdir(), "hubbub-types-")));
  try {
    await tsc(["--project", "src/package", "--outDir", emitted]);
    for (const file of await reached(entries.map((entry) => join(emitted, entry)))) {
      if (file.startsWith(emitted)) await cp(file, join(folder, relative(emitted, file)));
    }
  } finally {
    await rm(emitted, { recursive: true });
  }
}
