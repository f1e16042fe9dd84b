/** The scripts as they are run, in a folder of their own. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { apiKeyRecords, verifyApiKey } from "../../../src/auth/api-key.ts";
import { verifyConnectToken } from "../../../src/auth/connect-token.ts";
import * as script from "../../../src/local/script.ts";
import * as workspace from "../../../src/local/workspace.ts";
import { fakeHub } from "../../support/fake-hub.ts";
import { FakeSocket } from "../../support/fake-socket.ts";
import { temporaryWorkspace } from "../../support/workspace.ts";

const argv = process.argv;

beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  process.argv = argv;
  process.exitCode = undefined;
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.doUnmock("../../../src/local/script.ts");
  vi.doUnmock("../../../src/local/workspace.ts");
});

/** Runs a script in `root`; what it wrote to the terminal, and how it ended. */
async function run(name: string, args: readonly string[], root: string) {
  const out: string[] = [];
  const errors: string[] = [];
  vi.doMock("../../../src/local/script.ts", () => script);
  vi.doMock("../../../src/local/workspace.ts", () => ({ ...workspace, projectRoot: root }));
  vi.spyOn(console, "log").mockImplementation((text) => void out.push(`${text}\n`));
  vi.spyOn(console, "error").mockImplementation((text) => void errors.push(`${text}\n`));
  vi.spyOn(process.stdout, "write").mockImplementation((text) => out.push(String(text)) > 0);
  process.argv = ["node", name, ...args];
  process.exitCode = undefined;
  await import(`../../../src/local/${name}.ts`);
  return { out: out.join(""), errors: errors.join(""), code: process.exitCode };
}

/** A wrangler that says what it was called with, and ends with a code. */
function fakeWrangler(root: string, code: number): void {
  const folder = join(root, "node_modules/wrangler/bin");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "wrangler.js"),
    `console.log("⎔ Starting local server...");
     console.log("[wrangler:info] Ready on http://localhost");
     console.log("called with", process.argv.slice(2).join(" "), process.env.WRANGLER_SEND_METRICS);
     console.error("✘ [ERROR] as it comes");
     process.exitCode = ${code};`,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("npm start", () => {
  test("makes the secrets, runs wrangler without asking anything, says what to do, and ends as it ends", async () => {
    const root = temporaryWorkspace();
    fakeWrangler(root, 3);
    const port = await freePort();
    const { out, errors, code } = await run("start", ["--port", String(port)], root);
    expect(out).toContain(`Hubbub is running at http://localhost:${port}`);
    expect(out).toContain((await workspace.readLocalHub(root)).apiKey);
    const [, token = ""] = /\/demo#user=alice&token=(\S+)/.exec(out) ?? [];
    const { tokens } = await workspace.localSettings(root);
    expect(await verifyConnectToken(token, tokens, Date.now())).toMatchObject({ ok: { user: "alice" } });
    expect(out).toContain(
      `called with dev --port=${port} --show-interactive-dev-session=false --var ALLOWED_ORIGINS:* false`,
    );
    expect(out).not.toContain("⎔");
    expect(errors).toBe("✘ [ERROR] as it comes\n");
    expect(code).toBe(3);
  });

  test("leaves the origins to a developer who has chosen them", async () => {
    const root = temporaryWorkspace();
    fakeWrangler(root, 0);
    await workspace.prepare(root, "http://localhost:8787");
    appendFileSync(join(root, ".dev.vars"), "ALLOWED_ORIGINS=http://localhost:5173\n");
    const { out } = await run("start", ["--port", String(await freePort())], root);
    expect(out).toContain("--show-interactive-dev-session=false false");
  });

  test("says so when the key was made by a version that knew fewer scopes, and when it was not", async () => {
    const root = temporaryWorkspace();
    fakeWrangler(root, 0);
    await workspace.prepare(root, "http://localhost:8787");
    const started = async () => (await run("start", ["--port", String(await freePort())], root)).out;
    expect(await started()).not.toContain("of an earlier version");
    vi.resetModules();
    const file = join(root, ".dev.vars");
    writeFileSync(file, readFileSync(file, "utf8").replace('"broadcast",', "").replace('"topics",', ""));
    expect(await started()).toContain("lacks the scopes broadcast, topics");
  });

  test("says when the port is in use", async () => {
    const root = temporaryWorkspace();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const { errors, code } = await run("start", ["--port", String(port)], root);
    server.close();
    expect(errors).toContain(`Port ${port} is in use`);
    expect(code).toBe(1);
  });
});

describe("dev:env", () => {
  test("gives a shell the URL, the key and a token of the user", async () => {
    const root = temporaryWorkspace();
    const hub = await workspace.prepare(root, "http://localhost:8787");
    const { out } = await run("dev-env", ["bob"], root);
    const print = 'printf "%s\\n%s\\n%s" "$HUBBUB_URL" "$HUBBUB_API_KEY" "$HUBBUB_TOKEN"';
    const [url, key, token = ""] = execFileSync("sh", ["-c", `eval "$1"\n${print}`, "sh", out], {
      encoding: "utf8",
    }).split("\n");
    expect({ url, apiKey: key }).toEqual(hub);
    const { tokens } = await workspace.localSettings(root);
    expect(await verifyConnectToken(token, tokens, Date.now())).toMatchObject({ ok: { user: "bob" } });
  });

  test("says to start first, and prints nothing that a shell would run", async () => {
    const { out, errors, code } = await run("dev-env", [], temporaryWorkspace());
    expect({ out, code }).toEqual({ out: "", code: 1 });
    expect(errors).toContain("npm start");
  });
});

describe("keys", () => {
  test("shows a key, and the records to keep, of which it is one", async () => {
    const root = temporaryWorkspace();
    const { out } = await run("mint-key", ["publish"], root);
    const key = out.match(/hub_\w+/)?.[0] ?? "";
    const records = out.match(/\[\{.*\}\]/)?.[0] ?? "";
    expect(verifyApiKey(key, apiKeyRecords.parse(records))?.scopes).toEqual(["publish"]);
    expect(out).toContain("wrangler secret put API_KEYS");
    vi.resetModules();
    const second = await run("mint-key", ["tokens", "--topics", "team.*", "--merge", records], root);
    expect(second.out).toContain("The key, with tokens, for the topics team.*.");
    const merged = apiKeyRecords.parse(second.out.match(/\[\{.*\}\]/)?.[0]);
    expect(merged.map(({ scopes }) => scopes)).toEqual([["publish"], ["tokens"]]);
    expect(verifyApiKey(key, merged)).toBeDefined();
  });
});

/** The hub of the demo and of the listener: the sockets of `fakeHub`, and its API over `fetch`. */
function stubHub(): ReturnType<typeof fakeHub> {
  const hub = fakeHub();
  vi.stubGlobal("WebSocket", hub.Socket);
  vi.stubGlobal("fetch", async (url: string) => {
    if (new URL(url).pathname === "/v1/tokens")
      return Response.json({ token: "t", expires: 1 }, { status: 201 });
    const id = await hub.api.push({ to: { user: "alice" }, type: "note" });
    return Response.json({ id, recipients: 1, state: "queued" }, { status: 202 });
  });
  return hub;
}

describe("demo", () => {
  test("tells the story against the hub that was started, and ends well", async () => {
    const root = temporaryWorkspace();
    await workspace.prepare(root, "http://hub.test");
    stubHub();
    const { out, code } = await run("demo", [], root);
    expect(out).toContain("14 on each device");
    expect(code).toBeUndefined();
  });
});

describe("listen", () => {
  test("prints what arrives, and remembers it when it is ended", async () => {
    const root = temporaryWorkspace();
    await workspace.prepare(root, "http://hub.test");
    const hub = stubHub();
    vi.spyOn(process, "on").mockReturnValue(process);
    const { out } = await run("listen", ["alice"], root);
    expect(out).toContain("alice on terminal-1");
    const lines = () =>
      vi
        .mocked(console.log)
        .mock.calls.map(([line]) => String(line))
        .join("\n");
    await vi.waitUntil(() => lines().includes("connected"));
    await hub.api.push({ to: { user: "alice" }, type: "note" });
    await vi.waitUntil(() => lines().includes("#1     normal"));
    const socket = FakeSocket.latest();
    socket.receive({ type: "gap", from: 2, to: 4, reason: "expired" });
    socket.receive({ type: "error", code: "internal", message: "sorry" });
    await vi.waitUntil(() => lines().includes("#2 to #4 will not come") && lines().includes("sorry"));
    socket.end(4007, "replaced");
    await vi.waitUntil(() => lines().includes("stopped (4007, replaced)"));
    expect(process.exitCode).toBe(1);
    const ended = vi.mocked(process.on).mock.calls;
    for (const [event, listener] of ended) if (event === "SIGINT" || event === "exit") listener();
    const { takeDevice } = await import("../../../src/local/device-files.ts");
    const { userId } = await import("../../../src/protocol/ids.ts");
    const again = await takeDevice(root, userId.parse("alice"), undefined);
    expect(again.device).toBe("terminal-1");
    await vi.waitUntil(async () => (await again.storage.load())?.cursor === 4);
  });
});

test("what is no advice is thrown as it is", async () => {
  await expect(script.runScript(() => Promise.reject(new Error("a bug")))).rejects.toThrow("a bug");
});
