/** The files that the scripts share: the secrets in `.dev.vars`, and in `.local` what only this machine needs to know. */
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseEnv } from "node:util";
import { unstable_readConfig as readConfig } from "wrangler";
import { z } from "zod";
import { verifyApiKey } from "../auth/api-key.ts";
import { Misconfigured, type Settings, settingsOf } from "../settings.ts";
import { completeDevVars } from "./dev-vars.ts";
import { localOrigins } from "./origins.ts";
import { Advice } from "./script.ts";

/** The folder of the project. */
export const projectRoot = join(import.meta.dirname, "../..");

/** The local hub, as `npm start` left word of it. */
const localHub = z.object({ url: z.url(), apiKey: z.string() });
export type LocalHub = z.infer<typeof localHub>;

const neverStarted = "There is no local hub yet. Run `npm start` first, and leave it running.";

/**
 * Makes the secrets that are missing, and leaves word of the hub that is about to run at `url`.
 * @throws {Advice} when secrets that stood there before are not fit to serve with, or the key to them is not known.
 */
export async function prepare(root: string, url: string): Promise<LocalHub> {
  const path = join(root, ".dev.vars");
  const before = await read(path);
  const { text, apiKey } = completeDevVars(before);
  if (text !== before) await writePrivate(path, text);
  const hub = { url, apiKey: apiKey ?? (await readLocalHub(root).catch(() => undefined))?.apiKey ?? "" };
  const { apiKeys } = await localSettings(root);
  if (verifyApiKey(hub.apiKey, apiKeys) === undefined) {
    throw new Advice(
      "The API keys in .dev.vars are not from `npm start`, which therefore knows none to publish with.\n" +
        "Remove the line API_KEYS from .dev.vars, and `npm start` makes a new one.",
    );
  }
  await writePrivate(join(root, ".local", "hub.json"), `${JSON.stringify(hub, undefined, 2)}\n`);
  return hub;
}

/** @throws {Advice} when `npm start` never ran here. */
export async function readLocalHub(root: string): Promise<LocalHub> {
  const text = await read(join(root, ".local", "hub.json"));
  if (text === undefined) throw new Advice(neverStarted);
  return localHub.parse(JSON.parse(text));
}

/**
 * The settings of the local hub, read as the Worker gets them.
 * @throws {Advice} when there are none yet, or none to serve with.
 */
export async function localSettings(root: string): Promise<Settings> {
  const { inConfig, inDevVars } = await variables(root);
  try {
    return settingsOf({ ...inConfig, ...inDevVars });
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    throw new Advice(
      `${error.message}\nPut it right in .dev.vars or wrangler.toml; a line removed from .dev.vars is made anew.`,
    );
  }
}

/** The variables that `npm start` gives the hub above those of the files, as `wrangler dev --var` takes them. */
export async function startVars(root: string): Promise<readonly string[]> {
  const { inConfig, inDevVars } = await variables(root);
  const { ALLOWED_ORIGINS: chosen } = inDevVars;
  const origins = localOrigins(inConfig.ALLOWED_ORIGINS, chosen);
  return origins === undefined ? [] : [`ALLOWED_ORIGINS:${origins}`];
}

/** What `wrangler.toml` says, and `.dev.vars`, which comes before it. */
async function variables(root: string) {
  const secrets = await read(join(root, ".dev.vars"));
  if (secrets === undefined) throw new Advice(neverStarted);
  const { vars } = readConfig({ config: join(root, "wrangler.toml") }, { hideWarnings: true });
  return { inConfig: vars, inDevVars: parseEnv(secrets) };
}

/** Writes a file that only its owner can read, whole or not at all. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, text, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
}

/** The text of a file, `undefined` when there is none. */
export async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
