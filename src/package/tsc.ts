/** The TypeScript compiler, as the build of the package uses it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "./source.ts";

/**
 * The files that a user's compiler reads for these declarations, the standard library's included.
 * @throws {Error} with what `tsc` says, when they don't compile by themselves
 */
export async function reached(declarations: readonly string[]): Promise<readonly string[]> {
  const alone = ["--ignoreConfig", "--noEmit", "--listFiles", "--strict", "--skipLibCheck", "false"];
  const target = ["--target", "es2022", "--lib", "es2022,dom", "--types", ""];
  const module = ["--module", "esnext", "--moduleResolution", "bundler"];
  return (await tsc([...alone, ...target, ...module, ...declarations])).trim().split("\n");
}

/** @returns what it prints; the files that it lists, where it is told to list them. */
export async function tsc(args: readonly string[]): Promise<string> {
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
