import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeMessageTypes } from "../../../src/package/message-types.ts";

/** The compiler reads all of the hub, on a machine that may be busy. */
const patienceMs = 60_000;

let folder: string;
beforeEach(async () => {
  // As a deployment's own module is, within the project.
  await mkdir("dist", { recursive: true });
  folder = resolve(await mkdtemp("dist/deployment-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** The declarations of a deployment with these definitions. */
async function typesOf(definitions: string): Promise<string> {
  const define = resolve("src/define");
  const module = join(folder, "messages.ts");
  await writeFile(
    module,
    `import { z } from "zod";
    import { defineHandler, defineHandlers } from "${define}/define-handler.ts";
    import { defineMessage, defineMessages } from "${define}/define-message.ts";
    import type { HandlersOf, MessagesOf } from "${define}/types.ts";
    ${definitions}
    export type Messages = MessagesOf<typeof messages>;
    export type Handlers = HandlersOf<typeof handlers>;`,
  );
  const file = join(folder, "types/messages.d.ts");
  await writeMessageTypes(module, file);
  return (await readFile(file, "utf8")).replaceAll(/\s+/g, " ");
}

it(
  "types are those of what is sent, field by field, whatever the schemas make of it",
  async () => {
    const printed = await typesOf(`
    const order = z.object({
      order: z.int().brand<"Order">(),
      lines: z.array(z.object({ sku: z.string(), count: z.int().default(1) })).readonly(),
    });
    const messages = defineMessages(defineMessage("order.shipped", { data: order }));
    const handlers = defineHandlers(
      defineHandler("order.cancel", {
        data: order.pick({ order: true }),
        scope: "orders",
        handle: async () => ({ at: new Date(0) }),
      }),
      defineHandler("beat", { data: z.null(), scope: "orders", handle: () => {} }),
    );`);
    expect(printed).toContain(
      '"order.shipped": { order: number; lines: readonly { sku: string; count?: number | undefined; }[]; };',
    );
    expect(printed).toContain('"order.cancel": { data: { order: number; }; result: { at: string; }; };');
    expect(printed).toContain("beat: { data: null; result: void; };");
  },
  patienceMs,
);

it(
  "types that lean on a library fail the build",
  async () => {
    const definitions = `
    const messages = defineMessages(defineMessage("odd", { data: z.instanceof(z.ZodError) }));
    const handlers = defineHandlers();`;
    await expect(typesOf(definitions)).rejects.toThrow("no declarations that stand alone");
  },
  patienceMs,
);
