/**
 * The Worker as it is deployed, alone in workerd. `wrangler dev` and Miniflare put a Worker of their own in
 * front, which answers for itself in some parts of the handshake. It has objects, but no queues.
 */
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { testBindings } from "./credentials.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./hub-process.ts";

export interface BuiltHub {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

export async function startBuiltHub(): Promise<BuiltHub> {
  const folder = await mkdtemp(join(tmpdir(), "hubbub-built-"));
  await promisify(execFile)("node_modules/.bin/wrangler", ["deploy", "--dry-run", "--outdir", folder]);
  await mkdir(join(folder, "objects"));
  const port = await freePort();
  await writeFile(join(folder, "config.capnp"), workerdConfig(port));
  const workerd = spawn(resolve("node_modules/.bin/workerd"), ["serve", "config.capnp"], {
    cwd: folder,
    stdio: "ignore",
  });
  await eventually(
    async () => (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok === true,
  );
  return {
    port,
    stop: async () => {
      const ended = new Promise((resolve) => workerd.once("exit", resolve));
      workerd.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const wranglerConfig = z.object({
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  vars: z.record(z.string(), z.string()),
  durable_objects: z.object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) }),
});

/** In the language of workerd (Cap'n Proto), with dates, flags, variables and objects from `wrangler.toml`. */
function workerdConfig(port: number): string {
  const config = wranglerConfig.parse(unstable_readConfig({ config: "wrangler.toml" }));
  const text = JSON.stringify;
  const list = (items: readonly string[]) => `[${items.join(", ")}]`;
  const variables = Object.entries({ ...config.vars, ...testBindings }).map(
    ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
  );
  const objects = config.durable_objects.bindings;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "hub", worker = .hub),
    (name = "objects", disk = (path = "objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "hub")],
);
const hub :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = ${text(config.compatibility_date)},
  compatibilityFlags = ${list(config.compatibility_flags.map((flag) => text(flag)))},
  bindings = ${list([
    ...variables,
    ...objects.map(
      ({ name, class_name }) => `(name = ${text(name)}, durableObjectNamespace = ${text(class_name)})`,
    ),
  ])},
  durableObjectNamespaces = ${list(
    objects.map(
      ({ class_name }) =>
        `(className = ${text(class_name)}, uniqueKey = ${text(class_name)}, enableSql = true)`,
    ),
  )},
  durableObjectStorage = (localDisk = "objects"),
);
`;
}
