import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeDeclarations } from "../../../src/package/declarations.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hubbub-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("of the declarations only those that an entry reaches are in the package", async () => {
  await writeDeclarations(["protocol/frames.d.ts"], folder);
  const written = await readdir(join(folder, "protocol"));
  expect(written.sort()).toEqual(["frames.d.ts", "priority.d.ts", "seq.d.ts"]);
});

it("declarations that lean on a library fail the build, by name", async () => {
  await expect(writeDeclarations(["protocol/ids.d.ts"], folder)).rejects.toThrow(
    /protocol\/ids\.d\.ts.*'zod'/,
  );
});
