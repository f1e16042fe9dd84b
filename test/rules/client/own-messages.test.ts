/** Messages of the hub's own types: told to the app by callbacks, and never to its handlers. */
import { describe, expect, test, vi } from "vitest";
import { connected, device, inFakeTime, pass } from "../../support/client-app.ts";
import { liveMessage, streamMessage, welcome, withdrawal } from "../../support/client-driver.ts";
import { FakeSocket } from "../../support/fake-socket.ts";

inFakeTime();

const digest = { count: 2, ids: ["message-1", "message-2"], from: 5, to: 9 };
const came = { topic: "team.7", user: "bob", online: true, since: 5, asOf: 6 };

/** An app that is told everything, and is live. */
async function live(onMessage?: false) {
  const callbacks = { onWithdrawn: vi.fn(), onDigest: vi.fn(), onPresence: vi.fn() };
  const parts = await connected({ ...callbacks, ...(onMessage === false ? { onMessage } : {}) });
  parts.socket.receive(welcome({ head: 0 }));
  await pass();
  return { ...parts, ...callbacks };
}

const acked = ({ sent }: FakeSocket) => sent.filter((text) => text.includes('"ack"')).at(-1);

describe("the hub's own word", () => {
  test("is told once, to whom it is for, and is handled with that, though there is no handler", async () => {
    const app = await live(false);
    const { client, socket } = app;
    const own = [withdrawal(1, "message-0"), { ...streamMessage(2), type: "hubbub.digest", data: digest }];
    socket.receive({ type: "messages", messages: own, unread: 0 });
    socket.receive({
      type: "live",
      message: { ...liveMessage("presence-1"), type: "hubbub.presence", data: came },
    });
    await pass(200);
    expect(app.onWithdrawn).toHaveBeenCalledExactlyOnceWith({ id: "message-0", reason: "retracted" });
    expect(app.onDigest).toHaveBeenCalledExactlyOnceWith(digest);
    expect(app.onPresence).toHaveBeenCalledExactlyOnceWith(came);
    expect(acked(socket)).toContain('"seq":2');
    client.close();
  });

  test("reaches neither the handlers of every type nor a loop", async () => {
    const app = await live();
    const looped: string[] = [];
    const loop = async () => {
      for await (const { id } of app.client.messages()) looped.push(id);
    };
    const ended = loop();
    await vi.dynamicImportSettled();
    app.socket.receive({
      type: "messages",
      messages: [withdrawal(1, "message-0"), streamMessage(2)],
      unread: 1,
    });
    await pass(200);
    expect(app.seen).toEqual(["message-2"]);
    expect(looped).toEqual(["message-2"]);
    app.client.close();
    await ended;
  });

  test("is told once, however often it comes", async () => {
    const app = await live();
    app.socket.receive({ type: "express", message: withdrawal(2, "message-0") });
    app.socket.receive({
      type: "messages",
      messages: [streamMessage(1), withdrawal(2, "message-0")],
      unread: 1,
    });
    await pass(200);
    app.socket.end(1006);
    await pass(5_000);
    FakeSocket.latest().receive(welcome({ resumed: false, reason: "epoch", epoch: "epoch-2", head: 1 }));
    FakeSocket.latest().receive({ type: "messages", messages: [withdrawal(1, "message-0")], unread: 0 });
    await pass(200);
    expect(app.onWithdrawn).toHaveBeenCalledTimes(1);
    app.client.close();
  });

  test.each([
    ["of a type that is not known here", { type: "hubbub.novelty", data: { any: "thing" } }],
    ["that says nothing", { type: "hubbub.withdrawn", data: null }],
    ["that says something else", { type: "hubbub.digest", data: { count: "many" } }],
  ])("%s is left aside, and what follows comes", async (_, parts) => {
    const app = await live();
    app.socket.receive({
      type: "messages",
      messages: [{ ...streamMessage(1), ...parts }, streamMessage(2)],
      unread: 1,
    });
    await pass(200);
    expect([app.onWithdrawn, app.onDigest, app.onPresence].flatMap(({ mock }) => mock.calls)).toEqual([]);
    expect(app.seen).toEqual(["message-2"]);
    expect(app.faults).toEqual([]);
    expect(acked(app.socket)).toContain('"seq":2');
    app.client.close();
  });

  test("that a message was seen to is told to the other devices, and not to the one that did it", async () => {
    const app = await live();
    const seenTo = (seq: number, id: string, by: string) => ({
      ...withdrawal(seq, id),
      data: { id, reason: "handled", device: by },
    });
    const messages = [seenTo(1, "message-8", "phone"), seenTo(2, "message-9", "tablet")];
    app.socket.receive({ type: "messages", messages, unread: 0 });
    await pass(200);
    expect(app.onWithdrawn.mock.calls).toEqual([[{ id: "message-9", reason: "handled", device: "tablet" }]]);
    app.client.close();
  });

  test("is no matter to an app that does not ask for it", async () => {
    const { client, faults } = device();
    await client.start();
    await pass();
    FakeSocket.latest().receive(welcome({ head: 1 }));
    FakeSocket.latest().receive({ type: "messages", messages: [withdrawal(1, "message-0")], unread: 0 });
    await pass(200);
    expect(faults).toEqual([]);
    client.close();
  });
});

test("a message says by which topic it came, what it stands for, and that it is to be silent", async () => {
  const messages: unknown[] = [];
  const { client, socket } = await connected({ onMessage: (message) => messages.push(message) });
  socket.receive(welcome({ head: 1 }));
  const message = { ...streamMessage(1), topic: "team.7", replaces: "message-0", silent: true };
  socket.receive({ type: "messages", messages: [message], unread: 1 });
  await pass();
  expect(messages).toEqual([message]);
  client.close();
});
