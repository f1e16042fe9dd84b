/**
 * `npm start [-- --port 9000]`: makes the secrets of a local hub on the first run, runs it with
 * `wrangler dev`, and says what to do next.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { mintConnectToken } from "../auth/connect-token.ts";
import { userId } from "../protocol/ids.ts";
import { missingScopes } from "./dev-vars.ts";
import { guide } from "./guide.ts";
import { portFrom } from "./options.ts";
import { Advice, runScript } from "./script.ts";
import { localSettings, prepare, projectRoot, startVars } from "./workspace.ts";
import { isReady, shown } from "./wrangler-output.ts";

/** Who the first message goes to. */
const alice = userId.parse("alice");

await runScript(async (args) => {
  const port = portFrom(args);
  await requireFree(port);
  const hub = await prepare(projectRoot, `http://localhost:${port}`);
  const { apiKeys, tokens } = await localSettings(projectRoot);
  const missing = missingScopes(hub.apiKey, apiKeys);
  const vars = await startVars(projectRoot);
  const { token } = await mintConnectToken(alice, tokens, Date.now());
  console.log("Starting the hub …");

  // Started by this Node.js and not through the shell's: wrangler wants a current one.
  const wrangler = spawn(
    process.execPath,
    [
      join(projectRoot, "node_modules/wrangler/bin/wrangler.js"),
      "dev",
      `--port=${port}`,
      "--show-interactive-dev-session=false",
      ...vars.flatMap((variable) => ["--var", variable]),
    ],
    {
      cwd: projectRoot,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
    },
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => wrangler.kill(signal === "SIGHUP" ? "SIGTERM" : signal));
  }
  createInterface({ input: wrangler.stderr }).on("line", (line) => console.error(line));
  createInterface({ input: wrangler.stdout }).on("line", (line) => {
    if (isReady(line)) console.log(guide(hub, token, missing));
    const text = shown(line);
    if (text !== undefined) console.log(text);
  });
  const [code] = await once(wrangler, "close");
  process.exitCode = typeof code === "number" ? code : 1;
});

/** Wrangler would take another port without a word, where none of the lines that were printed would work. */
async function requireFree(port: number): Promise<void> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    throw new Advice(
      `Port ${port} is in use, perhaps by another hub. Stop what runs there, or choose another: npm start -- --port ${port + 1}`,
    );
  }
  server.close();
  await once(server, "close");
}
