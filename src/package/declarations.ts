/**
 * The declarations of the package, by `tsc`. Of all that it emits only what the entries reach goes in, and
 * that must stand alone: a declaration that leans on zod, or on types of a runtime, fails the build.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "./source.ts";

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

/** The files that a user's compiler reads for these declarations, the standard library's included. */
async function reached(declarations: readonly string[]): Promise<readonly string[]> {
  const alone = ["--ignoreConfig", "--noEmit", "--listFiles", "--strict", "--skipLibCheck", "false"];
  const target = ["--target", "es2022", "--lib", "es2022,dom", "--types", ""];
  const module = ["--module", "esnext", "--moduleResolution", "bundler"];
  return (await tsc([...alone, ...target, ...module, ...declarations])).trim().split("\n");
}

/** @returns what it prints; the files that it lists, where it is told to list them. */
async function tsc(args: readonly string[]): Promise<string> {
  const running = promisify(execFile)(join(projectRoot, "node_modules/.bin/tsc"), args, { cwd: projectRoot });
  // It complains on its standard output.
  const { stdout } = await running.catch((error: unknown) => {
    throw error instanceof Error && "stdout" in error ? new Error(complaints(String(error.stdout))) : error;
  });
  return stdout;
}

function complaints(printed: string): string {
  const lines = printed.split("\n").filter((line) => line.includes("error TS"));
  return ["The package has no declarations that stand alone:", ...lines].join("\n");
}
