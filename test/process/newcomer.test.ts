/** What the README promises in its first minute, by the very commands, in a fresh copy of the project. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/hub-process.ts";

let project: string;
let printed = "";
let hub: ChildProcess;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "hubbub-newcomer-"));
  for (const name of ["package.json", "wrangler.toml", "tsconfig.json", "src"]) {
    await cp(name, join(project, name), { recursive: true });
  }
  await symlink(resolve("node_modules"), join(project, "node_modules"));
  hub = spawn("npm", ["start", "--", "--port", `${await freePort()}`], {
    cwd: project,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const output of [hub.stdout, hub.stderr]) {
    output?.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  await eventually(() => printed.includes("Hubbub is running at"), {
    timeoutMs: 50_000,
    what: () => `npm start says what to do:\n${printed}`,
  });
});

afterAll(async () => {
  const ended = once(hub, "exit");
  if (hub.pid !== undefined) process.kill(-hub.pid, "SIGINT");
  await ended;
  await rm(project, { recursive: true, force: true, maxRetries: 5 });
});

/** Runs lines in a shell, in the project; what they print. */
async function shell(lines: string): Promise<string> {
  return (await promisify(execFile)("sh", ["-ec", lines], { cwd: project })).stdout;
}

/** A terminal in which somebody listens as a device. */
function terminal(user: string, device: string): { text: () => string; end: () => Promise<void> } {
  const listener = spawn("npm", ["run", "listen", "--", user, device], { cwd: project, detached: true });
  let text = "";
  for (const output of [listener.stdout, listener.stderr]) {
    output.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return {
    text: () => text,
    end: async () => {
      const ended = once(listener, "exit");
      if (listener.pid !== undefined) process.kill(-listener.pid, "SIGKILL");
      await ended;
    },
  };
}

const received = (text: string): string[] => [...text.matchAll(/#\d+ .*\} \(/g)].map(([line]) => line);

const presence = z.object({ devices: z.array(z.object({ device: z.string(), cursor: z.number() })) });

/** The last number that a device acknowledged, as the hub knows it. */
async function cursorOf(user: string, device: string): Promise<number | undefined> {
  const [, url = ""] = /running at (\S+)/.exec(printed) ?? [];
  const [, key = ""] = /Bearer (\w+)/.exec(printed) ?? [];
  const answer = await fetch(`${url}/v1/users/${user}`, { headers: { Authorization: `Bearer ${key}` } });
  const { devices } = presence.parse(await answer.json());
  return devices.find((known) => known.device === device)?.cursor;
}

it("the printed link opens a page, with a token that is good", async () => {
  const link = new URL(/\S+\/demo#\S+/.exec(printed)?.[0] ?? "");
  const page = await fetch(link);
  expect(await page.text()).toContain("<title>Inbox · Hubbub</title>");
  const { token } = Object.fromEntries(new URLSearchParams(link.hash.slice(1)));
  const inbox = await fetch(new URL("/v1/users/alice/messages", link), {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(inbox.status).toBe(200);
});

it("the printed curl line reaches two devices, and one that was killed gets exactly what it missed", async () => {
  const curl = /curl [\s\S]*?-d '[^']*'/.exec(printed)?.[0] ?? "";
  const phone = terminal("alice", "phone");
  const laptop = terminal("alice", "laptop");
  await eventually(() => [phone, laptop].every(({ text }) => text().includes("connected")));
  await shell(curl);
  await eventually(() => [phone, laptop].every(({ text }) => received(text()).length === 1));
  // What it has handled is saved; killed in the moment before, it would get that one message again.
  await eventually(async () => (await cursorOf("alice", "phone")) === 1);
  await phone.end();
  for (let more = 0; more < 10; more += 1) await shell(curl);
  await eventually(() => received(laptop.text()).length === 11);
  const back = terminal("alice", "phone");
  await eventually(() => received(back.text()).length >= 10, { what: () => `it gets ten:\n${back.text()}` });
  expect(received(back.text()).map((line) => /#(\d+)/.exec(line)?.[1])).toEqual([
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "10",
    "11",
  ]);
  await Promise.all([back.end(), laptop.end()]);
}, 60_000);

it("the README's curl lines work as they stand", async () => {
  const readme = await readFile("README.md", "utf8");
  const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block ?? "");
  const curls = blocks.filter((block) => block.includes("curl ")).join("\n");
  expect(curls.match(/curl /g)).toHaveLength(5);
  const variables = 'eval "$(npm run --silent dev:env -- alice)"\n';
  const answers = await shell(variables + curls.replaceAll("curl ", "curl --fail-with-body -sS "));
  expect(answers).toContain('"recipients":1');
  expect(answers).toContain('"online"');
  expect(answers).toContain('"unread":0');
});

it("dev:env gives variables for the user that it is asked for", async () => {
  const token = await shell('eval "$(npm run --silent dev:env -- bob)"; printf %s "$HUBBUB_TOKEN"');
  const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  expect(claims).toMatchObject({ sub: "bob" });
});

it("the demo tells its story to the end", async () => {
  expect(await shell("npm run --silent demo")).toContain("Every message arrived once, in order");
}, 60_000);

it("the curl lines of the API page are answered as the page says", async () => {
  const page = await readFile("docs/api.md", "utf8");
  const examples = [...page.matchAll(/```sh\n([^`]*curl [^`]*)```(?:\n\n```\n(\d{3}) )?/g)]
    // Of dead letters, of which there are none here, the keys are not known before.
    .filter(([, lines = ""]) => !lines.includes("/dead-letters/"))
    .map(([, lines = "", status = "2.."]) => ({ lines, status }));
  expect(examples.length).toBeGreaterThan(25);
  const status = `curl() { command curl -sS -o /dev/null -w '%{http_code}\\n' "$@"; }\n`;
  const variables = 'eval "$(npm run --silent dev:env -- alice)"\n';
  const answered = await shell(
    `${variables}${status}${examples.map(({ lines }) => `${lines}\necho -`).join("\n")}`,
  );
  const statuses = answered.split("-\n").map((text) => text.trim().split("\n"));
  examples.forEach(({ lines, status }, index) => {
    for (const found of statuses[index] ?? []) expect(found, lines).toMatch(new RegExp(`^${status}$`));
  });
}, 60_000);
