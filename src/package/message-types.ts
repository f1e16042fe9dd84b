/**
 * The types of the deployment's own messages and handlers, printed by the compiler: what `src/messages.ts` says
 * by schemas of zod stands in the package field by field, so that an app needs neither zod nor the hub's code.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { projectRoot } from "./source.ts";
import { reached, tsc } from "./tsc.ts";

/** Types that are inferred, and so printed as what they are: one that is written down would be printed as written. */
const sourceFor = (module: string) => `
import type { Handlers as HandlersOfModule, Messages as MessagesOfModule } from ${JSON.stringify(module)};
declare function spelledOut<Types>(): { [Name in keyof Types]: Types[Name] };
const messages = spelledOut<MessagesOfModule>();
const handlers = spelledOut<HandlersOfModule>();
/** Each type of message with the data that it carries. */
export type Messages = typeof messages;
/** Each handler with what a device sends to it, and what it answers. */
export type Handlers = typeof handlers;
`;

/**
 * Writes the declarations of `Messages` and `Handlers`, which the module at this path exports, into a file.
 * @throws {Error} with what `tsc` says, when they don't compile by themselves
 */
export async function writeMessageTypes(module: string, file: string): Promise<void> {
  await mkdir(join(projectRoot, "dist"), { recursive: true });
  // Within the project, where the compiler finds all that the module imports.
  const inside = await mkdtemp(join(projectRoot, "dist/message-types-"));
  const outside = await mkdtemp(join(tmpdir(), "hubbub-types-"));
  try {
    await writeFile(join(inside, "messages.ts"), sourceFor(module));
    await writeFile(join(inside, "tsconfig.json"), JSON.stringify(configOf(outside)));
    await tsc(["--project", inside]);
    const emitted = join(outside, relative(projectRoot, inside), "messages.d.ts");
    const alone = join(outside, "messages.d.ts");
    await cp(emitted, alone);
    await reached([alone]);
    await mkdir(dirname(file), { recursive: true });
    await cp(alone, file);
  } finally {
    await rm(inside, { recursive: true });
    await rm(outside, { recursive: true });
  }
}

function configOf(outDir: string): object {
  return {
    extends: join(projectRoot, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: projectRoot,
      outDir,
    },
    // Handlers speak of the deployment's bindings.
    files: ["messages.ts", join(projectRoot, "worker-configuration.d.ts")],
    include: [],
  };
}
