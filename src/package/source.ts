/** What the project says of itself, from which the package is made: the root's package.json. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** The folder of the project. */
export const projectRoot = join(import.meta.dirname, "../..");

const module = z.templateLiteral(["./src/", z.string(), ".ts"]);

const source = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  license: z.string(),
  /**
   * The entries of the package and the modules they are built from: `./client` from `./src/client/index.ts`.
   * Of some an app gets the types alone.
   */
  exports: z.record(z.templateLiteral(["./", z.string()]), z.union([module, z.object({ types: module })])),
});
export type Source = z.infer<typeof source>;

/** The root's package.json. */
export async function readSource(): Promise<Source> {
  return source.parse(JSON.parse(await readFile(join(projectRoot, "package.json"), "utf8")));
}

/** The entries that have code, by name: `client` from `src/client/index.ts`. */
export function entriesOf({ exports }: Pick<Source, "exports">): Record<string, string> {
  return Object.fromEntries(
    Object.entries(exports).flatMap(([name, entry]) =>
      typeof entry === "string" ? [[withoutDot(name), withoutDot(entry)]] : [],
    ),
  );
}

/** The entries that are types alone, by name. */
export function typeEntriesOf({ exports }: Pick<Source, "exports">): Record<string, string> {
  return Object.fromEntries(
    Object.entries(exports).flatMap(([name, entry]) =>
      typeof entry === "string" ? [] : [[withoutDot(name), withoutDot(entry.types)]],
    ),
  );
}

function withoutDot(path: string): string {
  return path.slice("./".length);
}
