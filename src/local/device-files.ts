/**
 * The devices that this machine plays for `npm run listen`: a file of progress for each, and a lock that
 * keeps two terminals from being the same one.
 */
import { rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Storage } from "../client/index.ts";
import { type DeviceId, deviceId, messageId, type UserId } from "../protocol/ids.ts";
import { Advice } from "./script.ts";
import { read, writePrivate } from "./workspace.ts";

const kept = z.object({
  device: deviceId,
  epoch: z.string(),
  cursor: z.int().min(0),
  recentIds: z.array(messageId),
  ahead: z.array(z.object({ seq: z.int().min(1), id: messageId })),
});

/** More terminals than anybody opens. */
const maxTerminals = 100;

export interface DeviceFiles {
  readonly device: DeviceId;
  readonly storage: Storage;
  /** Lets another terminal be this device. */
  release(): void;
}

/**
 * Takes a device of a user: the one named, or the first terminal that nobody else is, so that a second
 * terminal is a second device and a restarted one is the same again.
 * @throws {Advice} when another terminal is that device.
 */
export async function takeDevice(
  root: string,
  user: UserId,
  named: DeviceId | undefined,
): Promise<DeviceFiles> {
  const candidates =
    named === undefined
      ? Array.from({ length: maxTerminals }, (_, index) => deviceId.parse(`terminal-${index + 1}`))
      : [named];
  for (const device of candidates) {
    const path = pathOf(root, user, device);
    if (await lock(`${path}.lock`)) {
      return {
        device,
        storage: fileStorage(`${path}.json`),
        release: () => rmSync(`${path}.lock`, { force: true }),
      };
    }
  }
  throw new Advice(
    `Another terminal is ${user} on ${candidates.at(-1)} already. Choose another device name.`,
  );
}

/** Progress in a file, replaced as a whole so that a crash leaves the old or the new one. */
export function fileStorage(path: string): Storage {
  return {
    load: async () => {
      const text = await read(path);
      return text === undefined ? undefined : kept.parse(JSON.parse(text));
    },
    save: (progress) => writePrivate(path, JSON.stringify(progress)),
  };
}

/** Names may hold what some file systems refuse. */
function pathOf(root: string, user: UserId, device: DeviceId): string {
  return join(root, ".local", "devices", encodeURIComponent(user), encodeURIComponent(device));
}

/** Takes the lock unless a process that lives holds it; a killed one leaves it behind. */
async function lock(path: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  const holder = Number(await read(path));
  if (await isAlive(holder)) return false;
  if (holder > 0) rmSync(path, { force: true });
  try {
    await writeFile(path, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    // Another terminal was faster.
    return false;
  }
}

/** A killed process may linger as a zombie until somebody reaps it, and seems to be there (proc(5), state Z). */
async function isAlive(pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = await read(`/proc/${pid}/stat`);
  return stat === undefined || !/\) Z /.test(stat);
}
