import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { fileStorage, takeDevice } from "../../../src/local/device-files.ts";
import { deviceId, userId } from "../../../src/protocol/ids.ts";
import { savedAt, streamMessage } from "../../support/client-driver.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryWorkspace } from "../../support/workspace.ts";

const alice = userId.parse("alice");
const phone = deviceId.parse("phone");

describe("terminals", () => {
  test("of one user are different devices, and a restarted one is the same again", async () => {
    const root = temporaryWorkspace();
    const kept = { ...savedAt(5), device: "terminal-1" };
    const first = await takeDevice(root, alice, undefined);
    const second = await takeDevice(root, alice, undefined);
    expect([first.device, second.device]).toEqual(["terminal-1", "terminal-2"]);
    await first.storage.save(kept);
    first.release();
    // As it happens where two signals end a process.
    first.release();
    const again = await takeDevice(root, alice, undefined);
    expect(again.device).toBe("terminal-1");
    expect(await again.storage.load()).toEqual(kept);
  });

  test("can't both be a device that is named", async () => {
    const root = temporaryWorkspace();
    await takeDevice(root, alice, phone);
    await expect(takeDevice(root, alice, phone)).rejects.toThrow("alice on phone already");
    await takeDevice(root, userId.parse("bob"), phone);
  });

  test.runIf(process.platform === "linux")("take over from one that is dead and not buried", async () => {
    const root = temporaryWorkspace();
    // The shell becomes another program, which never asks after the child.
    const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"]);
    onTestFinished(() => void parent.kill());
    const [line] = await once(parent.stdout, "data");
    const zombie = String(line).trim();
    await eventually(() => readFileSync(`/proc/${zombie}/stat`, "utf8").includes(") Z "));
    const folder = join(root, ".local/devices/alice");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "phone.lock"), zombie);
    expect((await takeDevice(root, alice, phone)).device).toBe(phone);
  });

  test("take over what a killed one left behind", async () => {
    const root = temporaryWorkspace();
    const folder = join(root, ".local/devices/alice");
    mkdirSync(folder, { recursive: true });
    // Above the highest process id of any system.
    writeFileSync(join(folder, "phone.lock"), "99999999");
    expect((await takeDevice(root, alice, phone)).device).toBe("phone");
  });

  test("at the same moment never take the same device", async () => {
    const root = temporaryWorkspace();
    const taken = await Promise.all(Array.from({ length: 5 }, () => takeDevice(root, alice, undefined)));
    expect(new Set(taken.map(({ device }) => device)).size).toBe(5);
  });

  test("may have names that a file can't have everywhere", async () => {
    const root = temporaryWorkspace();
    const { storage } = await takeDevice(root, userId.parse("tenant:7"), deviceId.parse("a:b"));
    await storage.save({ ...savedAt(1), device: "a:b" });
    expect(readdirSync(join(root, ".local/devices/tenant%3A7"))).toContain("a%3Ab.json");
  });
});

describe("progress in a file", () => {
  test("comes back as it was saved, and a new device has none", async () => {
    const storage = fileStorage(join(temporaryWorkspace(), "deep/er/phone.json"));
    expect(await storage.load()).toBeUndefined();
    const { id } = streamMessage(9);
    const saved = { ...savedAt(3, { recentIds: [id], ahead: [{ seq: 9, id }] }), device: "phone" };
    await storage.save(saved);
    expect(await storage.load()).toEqual(saved);
  });

  test("that is not what was saved is an error, and not a new device", async () => {
    const path = join(temporaryWorkspace(), "phone.json");
    writeFileSync(path, '{"cursor":-1}');
    await expect(fileStorage(path).load()).rejects.toThrow();
  });
});
