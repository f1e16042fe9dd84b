/** A real hub in a process of its own: `wrangler dev`, as a developer runs it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testBindings } from "./credentials.ts";
import { eventually } from "./eventually.ts";

export interface HubProcess {
  readonly url: string;
  readonly port: number;
  /** Everything it has written so far. */
  readonly log: () => string;
  /** The power cut: SIGKILL to the hub and everything that it started. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port and the same storage. */
  readonly restart: () => Promise<void>;
  /** Ends it and removes its storage. */
  readonly stop: () => Promise<void>;
}

/** Starts a hub on a free port, with storage of its own. */
export async function startHub(
  bindings: Readonly<Record<string, string>> = testBindings,
): Promise<HubProcess> {
  const folder = await mkdtemp(join(tmpdir(), "hubbub-"));
  const vars = join(folder, "vars");
  await writeFile(vars, varsText(bindings));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let log = "";
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const options = ["--port", `${port}`, "--inspector-port", `${await freePort()}`, "--persist-to", folder];
    const running = spawn(
      "node_modules/.bin/wrangler",
      ["dev", ...options, "--env-file", vars, "--show-interactive-dev-session=false"],
      // A group of its own, so that the runtime goes with it.
      {
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
      },
    );
    child = running;
    for (const output of [running.stdout, running.stderr]) {
      output?.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
    }
    await eventually(
      async () => {
        if (running.exitCode !== null) throw new Error(`wrangler ended:\n${log}`);
        return (await fetch(`${url}/health`).catch(() => undefined)) !== undefined;
      },
      { timeoutMs: 45_000, what: () => `the hub answers:\n${log}` },
    );
  };

  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running?.pid === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    process.kill(-running.pid, "SIGKILL");
    await ended;
  };

  await start();
  return {
    url,
    port,
    log: () => log,
    kill,
    restart: start,
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Variables as `wrangler --env-file` reads them. */
export function varsText(bindings: Readonly<Record<string, string>>): string {
  return Object.entries(bindings)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join("");
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}
