/** Messages as a loop: each one is handled when the next is asked for, and not before. */
import { describe, expect, test, vi } from "vitest";
import { Handlers } from "../../../src/client/handlers.ts";
import { type HubClient, memoryStorage } from "../../../src/client/index.ts";
import { loop } from "../../../src/client/loop.ts";
import { type AppOptions, connected, device, inFakeTime, pass } from "../../support/client-app.ts";
import { messages, streamMessage, welcome } from "../../support/client-driver.ts";
import { FakeSocket } from "../../support/fake-socket.ts";

inFakeTime();

/** A client that is live and has no other handler than its loops. */
async function live(options: AppOptions = {}) {
  const parts = await connected({ onMessage: false, ...options });
  parts.socket.receive(welcome({ resumed: false, reason: "new", head: 0 }));
  await pass();
  return parts;
}

/** A loop that waits before it asks for the next one, until it is told to go on. */
function reader(client: HubClient) {
  const seen: string[] = [];
  let release: (() => void) | undefined;
  const ended = (async () => {
    for await (const { id } of client.messages()) {
      seen.push(id);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    }
    return "over";
  })();
  const next = () => {
    release?.();
    return pass();
  };
  return { seen, next, ended };
}

describe("a loop over the messages", () => {
  test("handles a message when it asks for the next one", async () => {
    const storage = memoryStorage();
    const { client, socket } = await live({ storage });
    const { seen, next } = reader(client);
    socket.receive(messages(1, 2));
    await pass(5_000);
    expect(seen).toEqual(["message-1"]);
    expect(await storage.load()).toBeUndefined();
    expect(socket.sent.filter((text) => text.includes("ack"))).toEqual([]);
    await next();
    expect(seen).toEqual(["message-1", "message-2"]);
    expect(await storage.load()).toMatchObject({ cursor: 1 });
    client.close();
  });

  test("gets what came before it began", async () => {
    const { client, socket } = await live();
    socket.receive(messages(1));
    await pass(5_000);
    const { seen } = reader(client);
    await pass();
    expect(seen).toEqual(["message-1"]);
    client.close();
  });

  test("that is left has not handled the message it was at, which comes again", async () => {
    const { client, socket, faults } = await live();
    const left: string[] = [];
    const leaving = (async () => {
      for await (const { id } of client.messages()) {
        left.push(id);
        if (id === "message-2") break;
      }
    })();
    socket.receive(messages(1, 2, 3));
    await pass();
    await leaving;
    const { seen, next } = reader(client);
    await pass(500);
    await next();
    expect([left, seen]).toEqual([
      ["message-1", "message-2"],
      ["message-2", "message-3"],
    ]);
    expect(faults).toEqual([]);
    client.close();
  });

  test("that throws has not handled it either, and nobody else hears of the error", async () => {
    const { client, socket } = await live();
    const failing = (async () => {
      for await (const { id } of client.messages()) throw new Error(`no room for ${id}`);
    })();
    const failed = expect(failing).rejects.toThrow("no room for message-1");
    socket.receive(messages(1));
    await pass();
    await failed;
    const { seen } = reader(client);
    await pass(500);
    expect(seen).toEqual(["message-1"]);
    client.close();
  });

  test("ends when the client is closed, also while it waits", async () => {
    const { client } = await live();
    const { ended } = reader(client);
    await pass();
    client.close();
    expect(await ended).toBe("over");
  });

  test("ends when the hub stops the client, after the message it is at", async () => {
    const { client, socket } = await live();
    const { ended, next, seen } = reader(client);
    socket.receive(messages(1, 2));
    await pass();
    socket.end(4007, "replaced");
    await next();
    expect(await ended).toBe("over");
    expect(seen).toEqual(["message-1"]);
    expect(client.status).toMatchObject({ state: "stopped", code: 4007 });
  });

  test("goes on over a cut", async () => {
    const { client, socket } = await live();
    const { next, seen } = reader(client);
    socket.receive(messages(1));
    await pass();
    await next();
    socket.end(1006);
    await pass(10_000);
    FakeSocket.latest().receive(welcome({ from: 1, head: 2 }));
    FakeSocket.latest().receive(messages(2));
    await pass();
    await next();
    expect(client.status.state).toBe("live");
    expect(seen).toEqual(["message-1", "message-2"]);
    client.close();
  });

  test("may run beside another one, and both get every message", async () => {
    const { client, socket } = await live();
    const one = reader(client);
    const other = reader(client);
    socket.receive(messages(1, 2));
    await pass();
    await one.next();
    await pass(5_000);
    expect([one.seen, other.seen]).toEqual([["message-1"], ["message-1"]]);
    await other.next();
    expect([one.seen, other.seen]).toEqual([
      ["message-1", "message-2"],
      ["message-1", "message-2"],
    ]);
    client.close();
  });

  test("may begin before the client does", async () => {
    const handlers = new Handlers();
    const iterator = loop(handlers, () => new Promise(() => {}));
    const first = iterator.next();
    handlers.handle(streamMessage(1));
    expect(await first).toMatchObject({ done: false, value: { id: "message-1" } });
  });
});

test("a loop that is over does not wait for the connection any more", async () => {
  const settled = vi.fn(() => Promise.resolve());
  const waiting: (() => void)[] = [];
  settled.mockImplementation(() => new Promise((live) => waiting.push(live)));
  const iterator = loop(new Handlers(), settled);
  iterator.next();
  waiting.shift()?.();
  await pass();
  expect(settled).toHaveBeenCalledTimes(2);
  const handlers = new Handlers();
  const other = loop(handlers, settled);
  const first = other.next();
  handlers.handle(streamMessage(1)).catch(() => {});
  await first;
  await other.return();
  for (const live of waiting.splice(1)) live();
  await pass();
  expect(settled).toHaveBeenCalledTimes(3);
});

test("a loop that begins while the client starts, and is closed before it has, ends", async () => {
  let load = () => {};
  const storage = {
    load: () => new Promise<undefined>((loaded) => (load = () => loaded(undefined))),
    save: async () => {},
  };
  const { client } = device({ onMessage: false, storage });
  const iterator = client.messages();
  const ended = iterator.next();
  const started = client.start();
  await pass(10);
  client.close();
  load();
  await started;
  expect(await ended).toEqual({ done: true, value: undefined });
});

test("a loop that begins after the hub has refused ends", async () => {
  const { client, socket } = await connected({ onMessage: false });
  socket.end(4003, "forbidden");
  await pass(10);
  expect(await client.messages().next()).toEqual({ done: true, value: undefined });
});
