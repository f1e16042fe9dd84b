import { describe, expect, test, vi } from "vitest";
import { HubClient, memoryStorage, type Storage, webStorage } from "../../../src/client/index.ts";
import { deviceId } from "../../../src/protocol/ids.ts";
import { connected, device, inFakeTime, pass } from "../../support/client-app.ts";
import { messages, savedAt, welcome } from "../../support/client-driver.ts";
import { FakeSocket } from "../../support/fake-socket.ts";

const kept = {
  ...savedAt(7),
  recentIds: ["message-7"],
  ahead: [{ seq: 9, id: "message-9" }],
  device: "phone",
};

/** A `localStorage` with nothing but a map behind it. */
function area(entries: Readonly<Record<string, string>> = {}) {
  const map = new Map(Object.entries(entries));
  return {
    map,
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
  };
}

describe("the memory", () => {
  test("keeps what was saved last", async () => {
    const storage = memoryStorage();
    expect(await storage.load()).toBeUndefined();
    await storage.save(kept);
    expect(await storage.load()).toEqual(kept);
  });

  test("may know something from the beginning", async () => {
    expect(await memoryStorage(kept).load()).toEqual(kept);
  });
});

describe("the storage of a browser", () => {
  test("gives back what was saved, in another page too, and to nobody with another key", async () => {
    const browser = area();
    await webStorage("hubbub:alice", browser).save(kept);
    expect(await webStorage("hubbub:alice", browser).load()).toEqual(kept);
    expect(await webStorage("hubbub:bob", browser).load()).toBeUndefined();
  });

  test("is localStorage where nothing else is named", async () => {
    vi.stubGlobal("localStorage", area({ "hubbub:alice": JSON.stringify(kept) }));
    expect(await webStorage("hubbub:alice").load()).toEqual(kept);
    vi.unstubAllGlobals();
  });

  test.each([
    ["no JSON", "half of someth"],
    ["JSON of something else", '"hello"'],
    ["null", "null"],
    ["without its device", JSON.stringify(savedAt(7))],
    ["without a cursor", JSON.stringify({ ...kept, cursor: undefined })],
    ["with a cursor below zero", JSON.stringify({ ...kept, cursor: -1 })],
    ["with ids that are none", JSON.stringify({ ...kept, recentIds: [7] })],
    ["with copies that are none", JSON.stringify({ ...kept, ahead: [{ seq: "9", id: "message-9" }] })],
  ])("holds a new device where what is there is %s", async (_, text) => {
    expect(await webStorage("key", area({ key: text })).load()).toBeUndefined();
  });

  test("is the memory where the browser denies it, at the name or at the first use", async () => {
    const denied = {
      getItem: () => {
        throw new Error("SecurityError");
      },
      setItem: () => {},
    };
    const storage = webStorage("key", denied);
    await storage.save(kept);
    expect(await storage.load()).toEqual(kept);
    // Node.js has none, or none without a flag.
    vi.stubGlobal("localStorage", undefined);
    const unnamed = webStorage("key");
    await unnamed.save(kept);
    expect(await unnamed.load()).toEqual(kept);
    vi.unstubAllGlobals();
  });

  test("that is full rejects, and keeps what it had", async () => {
    const browser = { ...area({ key: JSON.stringify(kept) }) };
    const full = {
      ...browser,
      setItem: () => {
        throw new Error("QuotaExceededError");
      },
    };
    const storage = webStorage("key", full);
    await expect(storage.save({ ...kept, cursor: 8 })).rejects.toThrow("QuotaExceededError");
    expect(await storage.load()).toEqual(kept);
  });
});

describe("the name of a device", () => {
  inFakeTime();

  /** A client that is given no name. */
  async function unnamed(storage: Storage): Promise<string> {
    const client = new HubClient({ url: "http://hub.test", token: async () => "token", storage });
    await client.start();
    await pass();
    client.close();
    return new URL(FakeSocket.latest().url).searchParams.get("device") ?? "";
  }

  test("is made once, is one that the hub takes, and stays", async () => {
    const storage = memoryStorage();
    const name = await unnamed(storage);
    expect(deviceId.parse(name)).toMatch(/^.{16}/);
    expect(await storage.load()).toEqual({ device: name, epoch: "", cursor: 0, recentIds: [], ahead: [] });
    expect(await unnamed(storage)).toBe(name);
    expect(await unnamed(memoryStorage())).not.toBe(name);
  });

  test("stays while messages are handled", async () => {
    const storage = memoryStorage();
    const name = await unnamed(storage);
    const client = new HubClient({ url: "http://hub.test", token: async () => "token", storage });
    client.on("*", () => {});
    await client.start();
    await pass();
    FakeSocket.latest().receive(welcome({ resumed: false, reason: "new" }));
    FakeSocket.latest().receive(messages(1));
    await pass();
    client.close();
    expect(await storage.load()).toMatchObject({ device: name, cursor: 1 });
  });

  test("that the app gives counts, and what was handled under another one stays handled", async () => {
    const storage = memoryStorage({ ...kept, device: "tablet" });
    const { client, socket } = await connected({ storage });
    expect(socket.url).toContain("device=phone&epoch=epoch-1&seq=7");
    client.close();
  });

  test("that can't be kept is no reason not to start", async () => {
    const full: Storage = { load: async () => undefined, save: () => Promise.reject(new Error("full")) };
    expect(await unnamed(full)).not.toBe("");
    const throwing: Storage = {
      ...full,
      save: () => {
        throw new Error("full");
      },
    };
    expect(await unnamed(throwing)).not.toBe("");
  });

  test("is not made anew when the storage can't be read", async () => {
    const save = vi.fn(async () => {});
    const { client } = device({ storage: { load: () => Promise.reject(new Error("locked")), save } });
    await expect(client.start()).rejects.toThrow("locked");
    expect(save).not.toHaveBeenCalled();
    expect(FakeSocket.opened).toEqual([]);
  });
});
