import { describe, expect, test, vi } from "vitest";
import { HubClient, memoryStorage } from "../../../src/client/index.ts";
import { connectUrl } from "../../../src/client/socket.ts";
import { connected, device, inFakeTime, pass } from "../../support/client-app.ts";
import { gap, liveMessage, messages, savedAt, welcome } from "../../support/client-driver.ts";
import { FakeSocket } from "../../support/fake-socket.ts";

inFakeTime();

describe("connecting", () => {
  test("names the device and offers the protocol and the token", async () => {
    const { socket } = await connected();
    expect(socket.url).toBe("ws://hub.test:8787/v1/connect?device=phone");
    expect(socket.protocols).toEqual(["hubbub.v1", "bearer.token-1"]);
  });

  test("asks in the URL for what follows what is saved", async () => {
    const { socket } = await connected({ storage: memoryStorage({ ...savedAt(41), device: "phone" }) });
    expect(socket.url).toBe("ws://hub.test:8787/v1/connect?device=phone&epoch=epoch-1&seq=41");
  });

  test("keeps the path and the security of the hub's URL", () => {
    expect(connectUrl(new URL("https://example.com/hub/"), "a:b", undefined)).toBe(
      "wss://example.com/hub/v1/connect?device=a%3Ab",
    );
  });

  test("comes back after a token could not be had, and says why", async () => {
    let down = true;
    const token = async () => {
      if (down) throw new Error("the app's server is down");
      return "token";
    };
    const { client, statuses } = device({ token });
    await client.start();
    await pass();
    expect(FakeSocket.opened).toEqual([]);
    expect(statuses.at(-1)).toMatchObject({ state: "waiting", reason: "the app's server is down" });
    down = false;
    await pass(500);
    expect(FakeSocket.opened).toHaveLength(1);
    client.close();
  });

  test("says so when what was thrown is no error", async () => {
    const { client, statuses } = device({ token: () => Promise.reject("gone") });
    await client.start();
    await pass();
    expect(statuses.at(-1)).toMatchObject({ state: "waiting", reason: "gone" });
    client.close();
  });

  test("rejects when the storage can't be read", async () => {
    const storage = { load: () => Promise.reject(new Error("unreadable")), save: async () => {} };
    const { client, statuses } = device({ storage });
    await expect(client.start()).rejects.toThrow("unreadable");
    await pass();
    expect(statuses).toEqual([{ state: "stopped", code: 1006, reason: "Error: unreadable" }]);
  });

  test.each([
    ["a hub without https or http", { url: "localhost:8787" }, "url"],
    ["no hub", { url: undefined }, "url"],
    ["a token in the place of a function", { token: "eyJhbGciOi" }, "token"],
    ["a device that the hub would refuse", { device: "my phone!" }, "device"],
  ])("is not even begun with %s", (_, wrong, named) => {
    // As from an app that no compiler has looked at.
    const options = JSON.parse(JSON.stringify({ url: "http://hub.test", device: "phone", ...wrong }));
    if (!("token" in wrong)) options.token = async () => "token";
    expect(() => new HubClient(options)).toThrow(new RegExp(`^${named} must be`));
    expect(() => new HubClient(options)).toThrow(TypeError);
  });

  test("does not happen after a close that came while the storage was read", async () => {
    const { client } = device();
    const starting = client.start();
    client.close();
    await starting;
    await pass(60_000);
    expect(FakeSocket.opened).toEqual([]);
  });

  test("does not happen after a close that came while the token was fetched", async () => {
    let give: (token: string) => void = () => {};
    const { client } = device({ token: () => new Promise((resolve) => (give = resolve)) });
    await client.start();
    client.close();
    give("late");
    await pass(60_000);
    expect(FakeSocket.opened).toEqual([]);
  });

  test("happens once when it was called off and started again before it began", async () => {
    const { client, seen } = device();
    const first = client.start();
    client.close();
    await Promise.all([first, client.start()]);
    await pass();
    expect(FakeSocket.opened).toHaveLength(1);
    FakeSocket.latest().receive(welcome({ resumed: false, reason: "new" }));
    FakeSocket.latest().receive(messages(1));
    await pass();
    expect(seen).toEqual(["message-1"]);
    client.close();
  });

  test("goes on when an earlier start, which was called off, fails late", async () => {
    const { promise: locked, reject: giveUp } = Promise.withResolvers<undefined>();
    let loads = 0;
    const storage = {
      load: () => {
        loads += 1;
        return loads === 1 ? locked : Promise.resolve(undefined);
      },
      save: async () => {},
    };
    const { client } = device({ storage });
    const first = client.start();
    client.close();
    await client.start();
    giveUp(new Error("locked"));
    await expect(first).rejects.toThrow("locked");
    await client.start();
    await pass();
    expect(FakeSocket.opened).toHaveLength(1);
    client.close();
    await pass();
    expect(client.status.state).toBe("stopped");
  });

  test("may be tried again after the storage could not be read", async () => {
    let locked = true;
    const storage = {
      load: async () => {
        if (locked) throw new Error("locked");
        return { ...savedAt(3), device: "phone" };
      },
      save: async () => {},
    };
    const { client } = device({ storage });
    await expect(client.start()).rejects.toThrow("locked");
    locked = false;
    await client.start();
    await pass();
    expect(FakeSocket.latest().url).toContain("seq=3");
    client.close();
  });

  test("happens once when started twice", async () => {
    const { client } = device();
    await Promise.all([client.start(), client.start()]);
    await pass();
    expect(FakeSocket.opened).toHaveLength(1);
    client.close();
  });
});

describe("a connection", () => {
  test("brings messages to the handler in order, and acknowledges them together", async () => {
    const { seen, socket } = await connected();
    socket.receive(welcome({ resumed: false, reason: "new" }));
    socket.receive(messages(1, 2, 3));
    await pass();
    expect(seen).toEqual(["message-1", "message-2", "message-3"]);
    await pass(200);
    expect(socket.sent).toEqual(["ping", '{"type":"ack","epoch":"epoch-1","seq":3}']);
  });

  test("waits for a handler that takes its time, and saves before the next", async () => {
    const storage = memoryStorage();
    let done = () => {};
    const seen: string[] = [];
    const { client, socket } = await connected({
      storage,
      onMessage: (message) => {
        seen.push(message.id);
        return new Promise<void>((resolve) => (done = resolve));
      },
    });
    socket.receive(welcome({ resumed: false, reason: "new" }));
    socket.receive(messages(1, 2));
    await pass(10_000);
    expect(seen).toEqual(["message-1"]);
    expect(await storage.load()).toBeUndefined();
    done();
    await pass();
    expect(seen).toEqual(["message-1", "message-2"]);
    expect(await storage.load()).toMatchObject({ cursor: 1 });
    client.close();
  });

  test("goes on with a storage that throws, and tells that it could not save", async () => {
    const storage = {
      load: async () => undefined,
      save: () => {
        throw new Error("quota");
      },
    };
    const { client, faults, seen, socket } = await connected({ storage });
    socket.receive(welcome({ resumed: false, reason: "new" }));
    socket.receive(messages(1, 2));
    await pass(30_000);
    expect(seen).toEqual(["message-1", "message-2"]);
    expect(faults).toContainEqual({ kind: "storage" });
    client.close();
  });

  test("tries a handler that throws again, and tells when it gives up", async () => {
    const seen: string[] = [];
    const { client, faults, socket } = await connected({
      onMessage: (message) => {
        seen.push(message.id);
        if (message.id === "message-1") throw new Error("no room");
      },
    });
    socket.receive(welcome({ resumed: false, reason: "new" }));
    socket.receive(messages(1, 2));
    await pass(8_000);
    expect(seen).toEqual(["message-1", "message-1", "message-1", "message-2"]);
    expect(faults).toMatchObject([
      { kind: "handler", message: { id: "message-1" }, error: new Error("no room") },
    ]);
    client.close();
  });

  test("tells of gaps, of a new beginning, and of its state", async () => {
    const onGap = vi.fn();
    const onDiscontinuity = vi.fn();
    const { client, statuses, socket } = await connected({ onGap, onDiscontinuity });
    socket.receive(welcome({ resumed: false, reason: "storage" }));
    socket.receive(gap(1, 4));
    await pass();
    expect(onGap.mock.calls).toEqual([[{ from: 1, to: 4, reason: "expired" }]]);
    expect(onDiscontinuity.mock.calls).toEqual([["storage"]]);
    expect(statuses.map(({ state }) => state)).toEqual(["connecting", "syncing"]);
    client.close();
  });

  test("tells what is read, and counts what is not", async () => {
    const { client, states, socket } = await connected();
    expect(client.unread).toBe(0);
    socket.receive(welcome({ head: 0, unread: 2, readUpTo: 1, rev: 4 }));
    await pass();
    expect(client.unread).toBe(2);
    socket.receive({ type: "state", unread: 1, readUpTo: 1, rev: 5, ids: ["message-2"] });
    await pass();
    expect(client.unread).toBe(1);
    expect(states).toEqual([
      { unread: 2, readUpTo: 1, rev: 4 },
      { unread: 1, readUpTo: 1, rev: 5, ids: ["message-2"] },
    ]);
    client.close();
  });

  test("says how it stands at any time, as it tells it", async () => {
    const { client } = device();
    expect(client.status).toEqual({ state: "stopped", code: 1000, reason: "not started" });
    expect(client.leading).toBe(false);
    await client.start();
    expect(client.status).toEqual({ state: "connecting" });
    await pass();
    const socket = FakeSocket.latest();
    socket.receive(welcome({ resumed: false, reason: "new", head: 2 }));
    expect(client.status).toEqual({ state: "syncing" });
    socket.receive(messages(1, 2));
    await pass();
    expect(client.status).toEqual({ state: "live" });
    expect(client.leading).toBe(true);
    socket.end(1006, "gone");
    expect(client.status).toEqual({ state: "waiting", forMs: 5_000, code: 1006, reason: "gone" });
    client.close();
    expect(client.status).toEqual({ state: "stopped", code: 1000, reason: "stopped by the client" });
  });

  test("goes on when a callback of the app throws", async () => {
    const thrown: unknown[] = [];
    vi.stubGlobal("queueMicrotask", async (call: () => void) => {
      await null;
      try {
        call();
      } catch (error) {
        thrown.push(error);
      }
    });
    const onStatus = () => {
      throw new Error("the app's own");
    };
    const { client, seen, socket } = await connected({ onStatus });
    socket.receive(welcome({ resumed: false, reason: "new", head: 0 }));
    socket.receive(messages(1));
    await pass();
    expect(seen).toEqual(["message-1"]);
    expect(thrown).toEqual([new Error("the app's own"), new Error("the app's own")]);
    client.close();
    await pass();
  });

  test("of which nobody wants to hear what goes wrong tells it to the console", async () => {
    const complain = vi.spyOn(console, "error").mockImplementation(() => {});
    const client = new HubClient({ url: "http://hub.test", device: "d", token: async () => "t" });
    await client.start();
    await pass();
    FakeSocket.latest().receive(welcome({ resumed: false, reason: "new" }));
    FakeSocket.latest().receive({ type: "error", code: "internal", message: "sorry" });
    await pass();
    expect(complain.mock.calls).toEqual([["hubbub:", { kind: "hub", code: "internal", message: "sorry" }]]);
    client.close();
  });

  test("needs no callback at all", async () => {
    FakeSocket.opened = [];
    const client = new HubClient({
      url: "http://hub.test",
      device: "d",
      token: async () => "t",
    });
    await client.start();
    await pass();
    const socket = FakeSocket.latest();
    socket.receive(welcome({ resumed: false, reason: "new" }));
    socket.receive(gap(1, 4));
    socket.receive({ type: "error", code: "internal", message: "sorry" });
    await pass();
    expect(socket.closedWith).toBeUndefined();
    client.close();
  });

  test("sends a fresh token when the hub asks for one", async () => {
    const { client, socket } = await connected();
    socket.receive(welcome());
    socket.receive({ type: "reauth", expires: 1 });
    await pass();
    expect(socket.sent).toContain('{"type":"auth","token":"token-2"}');
    client.close();
  });

  test("leaves it to the close when no fresh token can be had", async () => {
    let calls = 0;
    const token = async () => {
      calls += 1;
      if (calls === 2) throw new Error("down");
      return `token-${calls}`;
    };
    const { client, socket } = await connected({ token });
    socket.receive(welcome());
    socket.receive({ type: "reauth", expires: 1 });
    await pass();
    expect(socket.sent).toEqual(["ping"]);
    socket.end(4201, "token expired");
    await pass(500);
    expect(FakeSocket.opened).toHaveLength(2);
    client.close();
  });

  test("does not get the fresh token of an earlier one", async () => {
    const waiting: ((token: string) => void)[] = [];
    const { client, socket } = await connected({
      token: () =>
        waiting.length === 0 && FakeSocket.opened.length === 0
          ? Promise.resolve("first")
          : new Promise((resolve) => waiting.push(resolve)),
    });
    socket.receive(welcome());
    socket.receive({ type: "reauth", expires: 1 });
    socket.end(4201);
    await pass(500);
    waiting[1]?.("second");
    await pass();
    const next = FakeSocket.latest();
    next.receive(welcome());
    waiting[0]?.("late");
    await pass();
    expect(next.sent).toEqual(["ping"]);
    client.close();
  });

  test("stays while pongs come, frames of any other kind count too", async () => {
    const { client, socket } = await connected();
    socket.receive(welcome({ heartbeat: 35_000 }));
    socket.receive("pong");
    await pass(35_000);
    socket.receive(new ArrayBuffer(1));
    await pass(35_000);
    expect(socket.sent).toEqual(["ping", "ping", "ping"]);
    expect(socket.closedWith).toBeUndefined();
    client.close();
  });

  test("that is dead is closed, and what it still says is not heard", async () => {
    const { client, seen, socket } = await connected();
    socket.receive(welcome({ resumed: false, reason: "new" }));
    await pass(10_000);
    expect(socket.closedWith).toEqual({ code: 4202, reason: "no pong" });
    socket.receive(messages(1));
    socket.end(1006);
    await pass(500);
    expect(seen).toEqual([]);
    expect(FakeSocket.opened).toHaveLength(2);
    client.close();
  });

  test("goes on after a cut from where it was", async () => {
    const { client, seen, socket } = await connected();
    socket.receive(welcome({ resumed: false, reason: "new" }));
    socket.receive(messages(1, 2));
    await pass();
    socket.end(1006);
    await pass(10_000);
    const next = FakeSocket.latest();
    expect(next.url).toContain("epoch=epoch-1&seq=2");
    next.receive(welcome({ from: 2 }));
    next.receive(messages(3));
    await pass();
    expect(seen).toEqual(["message-1", "message-2", "message-3"]);
    client.close();
  });

  test("whose answers come within the call is as good as any", async () => {
    class Prompt extends FakeSocket {
      override send(text: string): void {
        super.send(text);
        if (text === "ping") this.receive(messages(1));
      }
    }
    vi.stubGlobal("WebSocket", Prompt);
    const { client, seen, socket } = await connected();
    socket.receive(welcome({ resumed: false, reason: "new" }));
    await pass();
    expect(seen).toEqual(["message-1"]);
    client.close();
  });

  test("that closes already is not written to", async () => {
    const { client, socket } = await connected();
    socket.readyState = 2;
    socket.receive(welcome());
    expect(socket.sent).toEqual([]);
    client.close();
  });
});

describe("closing", () => {
  test("closes the socket, and nothing comes after it", async () => {
    const { client, seen, statuses, socket } = await connected();
    socket.receive(welcome());
    client.close();
    expect(socket.closedWith).toEqual({ code: 1000, reason: "stopped by the client" });
    socket.receive({ type: "live", message: liveMessage("live-one") });
    await pass(600_000);
    expect(seen).toEqual([]);
    expect(statuses.at(-1)).toMatchObject({ state: "stopped", code: 1000 });
    expect(FakeSocket.opened).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("from within a callback is as good as from outside", async () => {
    const { client } = device({ onStatus: ({ state }) => state === "connecting" && client.close() });
    await client.start();
    await pass(60_000);
    expect(FakeSocket.opened).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is not final: a later start goes on where it was", async () => {
    const { client, socket } = await connected();
    socket.receive(welcome({ resumed: false, reason: "new" }));
    socket.receive(messages(1));
    await pass();
    client.close();
    await client.start();
    await pass();
    expect(FakeSocket.latest().url).toContain("epoch=epoch-1&seq=1");
    client.close();
  });

  test("before a start does nothing", () => {
    device().client.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a wait that the hub makes longer than a timer can be is still a wait", async () => {
    const { client, socket } = await connected();
    socket.receive(welcome());
    socket.receive({ type: "bye", code: 4100, reason: "full", retryAfter: 2 ** 32 });
    socket.end(4100);
    await pass(60_000);
    expect(FakeSocket.opened).toHaveLength(1);
    client.close();
  });
});
