/** The npm package of the SDKs: installed into an empty project, and run there by every runtime that it is made for. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspect, promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unstable_readConfig as readConfig, unstable_dev } from "wrangler";
import { z } from "zod";
import { buildPackage } from "../../src/package/package.ts";
import { apiKeys } from "../support/credentials.ts";
import { type HubProcess, startHub } from "../support/hub-process.ts";

/** No calls home. */
const quiet = { DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1", NO_COLOR: "1" };

/** Holds the package as built, and the empty project `app` whose only code is that of test/support/package. */
let folder: string;
let app: string;
let packed: readonly string[];
let hub: HubProcess;

const packReport = z.tuple([
  z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }),
]);

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "hubbub-package-")));
  app = join(folder, "app");
  await buildPackage(join(folder, "package"));
  await cp("test/support/package", app, { recursive: true });
  await writeFile(join(app, "package.json"), JSON.stringify({ type: "module" }));
  const [tarball] = packReport.parse(JSON.parse(await inApp("npm", ["pack", "--json", "../package"])));
  packed = tarball.files.map(({ path }) => path);
  await inApp("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball.filename]);
  hub = await startHub();
});
afterAll(async () => {
  await hub?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a program in the empty project, and gives what it prints. One that does not end by itself fails. */
async function inApp(program: string, args: readonly string[]): Promise<string> {
  const running = promisify(execFile)(program, args, {
    cwd: app,
    timeout: 30_000,
    env: { ...process.env, ...quiet },
  });
  const { stdout } = await running.catch((error: unknown) => {
    throw new Error(`${program} ${args.join(" ")}: ${inspect(error)}`);
  });
  return stdout;
}

describe("the package", () => {
  it("holds modules, declarations, README and license, and nothing else", () => {
    const kinds = packed.map((path) =>
      path.replace(/^[\w-]+\.js$/, "a module").replace(/^types\/[\w/-]+\.d\.ts$/, "declarations"),
    );
    expect(new Set(kinds)).toEqual(
      new Set(["a module", "declarations", "package.json", "README.md", "LICENSE"]),
    );
    expect(packed).toEqual(expect.arrayContaining(["client.js", "publisher.js"]));
  });

  it("brings no other package along", async () => {
    const installed = await readdir(join(app, "node_modules"));
    expect(installed.filter((name) => !name.startsWith("."))).toEqual(["hubbub"]);
  });

  it.each([
    ["nodenext", "nodenext"],
    ["bundler", "esnext"],
  ])("is typed for moduleResolution %s, and wrong use does not compile", async (moduleResolution, module) => {
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2024",
      lib: ["es2024", "dom"],
      types: [],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      allowImportingTsExtensions: true,
    };
    const config = { compilerOptions, files: ["typed.ts", "round-trip.ts", "worker.ts"] };
    await writeFile(join(app, "tsconfig.json"), JSON.stringify(config));
    await inApp(resolve("node_modules/.bin/tsc"), []);
  });

  it("can be bundled for a browser: nothing is left to import, and nothing of Node.js is in it", async () => {
    const { metafile } = await build({
      absWorkingDir: app,
      entryPoints: ["round-trip.ts"],
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "browser",
      outdir: "bundle",
      metafile: true,
      write: false,
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    expect(imports.filter(({ external }) => external)).toEqual([]);
    expect(Object.keys(metafile.inputs)).toContain("node_modules/hubbub/client.js");
  });
});

describe("an app with a device and a publisher", () => {
  const arrival = (user: string) => ({
    text: `Hello, ${user}!`,
    unread: 0,
    states: ["connecting", "live", "stopped"],
  });

  it("runs in Node.js", async () => {
    const printed = await inApp(process.execPath, ["main.ts", hub.url, apiKeys.all, "node"]);
    expect(JSON.parse(printed)).toEqual(arrival("node"));
  });

  it("runs in Deno, allowed nothing but to reach the hub", async () => {
    const allowed = [`--allow-net=127.0.0.1:${hub.port}`, "--no-prompt", "--no-remote"];
    const printed = await inApp(resolve("node_modules/.bin/deno"), [
      "run",
      ...allowed,
      "main.ts",
      hub.url,
      apiKeys.all,
      "deno",
    ]);
    expect(JSON.parse(printed)).toEqual(arrival("deno"));
  });

  it("runs in Bun", async () => {
    const printed = await inApp(resolve("node_modules/.bin/bun"), [
      "run",
      "--no-install",
      "main.ts",
      hub.url,
      apiKeys.all,
      "bun",
    ]);
    expect(JSON.parse(printed)).toEqual(arrival("bun"));
  });

  it("runs in a Worker", async () => {
    const { compatibility_date } = readConfig({ config: "wrangler.toml" }, { hideWarnings: true });
    const config = join(app, "wrangler.json");
    await writeFile(config, JSON.stringify({ name: "app", main: "worker.ts", compatibility_date }));
    // Not the test harness of wrangler: there, what a Worker sends out passes through Node.js, and no WebSocket does.
    const worker = await unstable_dev(join(app, "worker.ts"), {
      config,
      vars: { url: hub.url, key: apiKeys.all, user: "worker" },
      inspect: false,
      logLevel: "none",
      experimental: { disableExperimentalWarning: true },
    });
    try {
      const answer = await worker.fetch("/");
      expect(await answer.json()).toEqual(arrival("worker"));
    } finally {
      await worker.stop();
    }
  });
});
