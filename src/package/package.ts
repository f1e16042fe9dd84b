/** The npm package of the SDKs: JavaScript modules, declarations, package.json, README and license. */
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDeclarations } from "./declarations.ts";
import { writeJavaScript } from "./javascript.ts";
import { declarationOf, manifestOf, readmeOf } from "./manifest.ts";
import { writeMessageTypes } from "./message-types.ts";
import { entriesOf, projectRoot, readSource, type Source, typeEntriesOf } from "./source.ts";

/** Builds the package into `folder`, in place of what was there; `npm pack` makes the tarball of it. */
export async function buildPackage(folder: string): Promise<Source> {
  const source = await readSource();
  const entries = entriesOf(source);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeJavaScript(entries, folder);
  const types = "types/";
  await writeDeclarations(
    Object.values(entries).map((module) => declarationOf(module).slice(types.length)),
    join(folder, types),
  );
  for (const module of Object.values(typeEntriesOf(source))) {
    await writeMessageTypes(join(projectRoot, module), join(folder, declarationOf(module)));
  }
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifestOf(source), undefined, 2)}\n`);
  const [readme = "", ...pages] = await Promise.all(
    ["README.md", "docs/client.md", "docs/publisher.md"].map((file) =>
      readFile(join(projectRoot, file), "utf8"),
    ),
  );
  await writeFile(join(folder, "README.md"), readmeOf(readme, pages));
  await cp(join(projectRoot, "LICENSE"), join(folder, "LICENSE"));
  return source;
}
