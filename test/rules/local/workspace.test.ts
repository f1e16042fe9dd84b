import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mintApiKey } from "../../../src/auth/api-key.ts";
import { localSettings, prepare, read, readLocalHub } from "../../../src/local/workspace.ts";
import { temporaryWorkspace } from "../../support/workspace.ts";

const url = "http://localhost:8787";

describe("the first start", () => {
  test("makes secrets and leaves word of the hub, for the owner's eyes only", async () => {
    const root = temporaryWorkspace();
    const hub = await prepare(root, url);
    expect(await readLocalHub(root)).toEqual(hub);
    expect(hub).toMatchObject({ url, apiKey: expect.stringMatching(/^hub_/) });
    for (const file of [".dev.vars", ".local/hub.json"]) {
      expect(statSync(join(root, file)).mode & 0o777).toBe(0o600);
    }
    expect((await localSettings(root)).tokens).toMatchObject({
      issuer: "hubbub",
      audience: "hubbub:connect",
    });
  });
});

describe("a later start", () => {
  test("keeps the secrets and the key, and takes the port over", async () => {
    const root = temporaryWorkspace();
    const first = await prepare(root, url);
    const secrets = readFileSync(join(root, ".dev.vars"), "utf8");
    const second = await prepare(root, "http://localhost:9000");
    expect(second).toEqual({ url: "http://localhost:9000", apiKey: first.apiKey });
    expect(readFileSync(join(root, ".dev.vars"), "utf8")).toBe(secrets);
  });

  test("says what to do about API keys that are not its own", async () => {
    const root = temporaryWorkspace();
    await prepare(root, url);
    const foreign = JSON.stringify([mintApiKey(["publish"]).record]);
    writeFileSync(
      join(root, ".dev.vars"),
      `API_KEYS='${foreign}'\nTOKEN_SECRET=${"u8Jq2".repeat(4)}-Xw7Lr0Yb5Hs1\n`,
    );
    await expect(prepare(root, url)).rejects.toThrow("Remove the line API_KEYS from .dev.vars");
  });

  test("says what is wrong with secrets that are no good, and not what they are", async () => {
    const root = temporaryWorkspace();
    writeFileSync(join(root, ".dev.vars"), "TOKEN_SECRET=hunter2\n");
    const failure = prepare(root, url);
    await expect(failure).rejects.toThrow("TOKEN_SECRET is shorter than 32 bytes");
    await expect(failure).rejects.not.toThrow("hunter2");
  });
});

describe("before any start", () => {
  test("the other scripts say to start first", async () => {
    const root = temporaryWorkspace();
    await expect(readLocalHub(root)).rejects.toThrow("Run `npm start` first");
    await expect(localSettings(root)).rejects.toThrow("Run `npm start` first");
  });
});

test("a file that can't be read is not taken for one that is missing", async () => {
  await expect(read(temporaryWorkspace())).rejects.toThrow("EISDIR");
});

test("a failure that is none of the settings' is not dressed up as one", async () => {
  const root = temporaryWorkspace();
  await prepare(root, url);
  writeFileSync(join(root, "wrangler.toml"), "name = ");
  await expect(localSettings(root)).rejects.not.toThrow("not configured");
});
