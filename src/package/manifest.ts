/** The package.json and the README of the package, made from those of the project. */
import { entriesOf, type Source, typeEntriesOf } from "./source.ts";

/** Of the project's package.json only what its users need: no scripts, and no dependencies, since there are none. */
export function manifestOf(source: Source): Record<string, unknown> {
  const { name, version, description, license } = source;
  return {
    name,
    version,
    description,
    license,
    type: "module",
    // Importing does nothing by itself: a bundler may leave out what is not used.
    sideEffects: false,
    exports: {
      ...Object.fromEntries(
        Object.entries(entriesOf(source)).map(([entry, module]) => [
          `./${entry}`,
          { types: `./${declarationOf(module)}`, default: `./${entry}.js` },
        ]),
      ),
      ...Object.fromEntries(
        Object.entries(typeEntriesOf(source)).map(([entry, module]) => [
          `./${entry}`,
          { types: `./${declarationOf(module)}` },
        ]),
      ),
      "./package.json": "./package.json",
    },
    // The first with a WebSocket of its own.
    engines: { node: ">=22" },
  };
}

/** Where the declarations of a source module stand in the package. */
export function declarationOf(module: string): string {
  return module.replace(/^src\//, "types/").replace(/\.ts$/, ".d.ts");
}

/**
 * The project's introduction, then the pages on the SDKs. Links to other files of the project become plain
 * text, since the package has none of them.
 */
export function readmeOf(projectReadme: string, pages: readonly string[]): string {
  const [introduction = ""] = projectReadme.split(/^## /m);
  const text = [introduction, ...pages].map((part) => part.trim()).join("\n\n");
  return `${text.replace(/\[([^\]]+)\]\((?!https?:|#)[^)]*\)/g, "$1")}\n`;
}
