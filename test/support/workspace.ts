/** A folder of its own that looks like the project to the scripts. */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { projectRoot } from "../../src/local/workspace.ts";

export function temporaryWorkspace(): string {
  const root = mkdtempSync(join(tmpdir(), "hubbub-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  copyFileSync(join(projectRoot, "wrangler.toml"), join(root, "wrangler.toml"));
  return root;
}
