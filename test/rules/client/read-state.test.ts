import { describe, expect, test } from "vitest";
import { drive, messages, only, savedAt, streamMessage, welcome } from "../../support/client-driver.ts";

/** A device that has everything, and knows of three unread messages. */
function synced() {
  const client = drive(savedAt(5));
  client.live({ head: 5, unread: 3, readUpTo: 2, rev: 7 });
  return client;
}

/** What the app was told, each with the state that it then finds. */
function told(effects: ReturnType<ReturnType<typeof drive>["tell"]>) {
  return only(effects, "state").map(({ state }) => state);
}

describe("the read state", () => {
  test("comes with the welcome", () => {
    const client = drive(savedAt(5));
    expect(told(client.live({ head: 5, unread: 3, readUpTo: 2, rev: 7 }))).toEqual([
      { unread: 3, readUpTo: 2, rev: 7 },
    ]);
    expect(client.state.read).toEqual({ unread: 3, readUpTo: 2, rev: 7 });
  });

  test("is not told where a welcome brings no news", () => {
    expect(told(drive().live({ head: 0 }))).toEqual([]);
    const client = synced();
    client.closed(1006);
    client.wait();
    expect(told(client.frame(welcome({ from: 5, head: 5, unread: 3, readUpTo: 2, rev: 7 })))).toEqual([]);
  });

  test("is told where something was read while the device was away", () => {
    const client = synced();
    client.closed(1006);
    client.wait();
    expect(told(client.frame(welcome({ from: 5, head: 5, unread: 0, readUpTo: 5, rev: 8 })))).toEqual([
      { unread: 0, readUpTo: 5, rev: 8 },
    ]);
  });

  test("counts what arrives, whole frames at a time", () => {
    const client = synced();
    const more = { type: "messages", messages: [streamMessage(6), streamMessage(7)], unread: 5 } as const;
    expect(told(client.frame(more))).toEqual([{ unread: 5, readUpTo: 2, rev: 7 }]);
    expect(told(client.frame({ ...more, messages: [streamMessage(8)] }))).toEqual([]);
  });

  test("is told before the message that changed it is handled", () => {
    const client = synced();
    const effects = client.frame({
      ...messages(6),
      type: "messages",
      messages: [streamMessage(6)],
      unread: 4,
    });
    expect(effects.map(({ type }) => type)).toEqual(["state", "handle"]);
  });

  test("follows what was read on any device, singly with the ids and in a run with the number", () => {
    const client = synced();
    const { id } = streamMessage(4);
    expect(told(client.frame({ type: "state", unread: 2, readUpTo: 2, rev: 8, ids: [id] }))).toEqual([
      { unread: 2, readUpTo: 2, rev: 8, ids: ["message-4"] },
    ]);
    expect(told(client.frame({ type: "state", unread: 0, readUpTo: 5, rev: 9 }))).toEqual([
      { unread: 0, readUpTo: 5, rev: 9 },
    ]);
  });

  test("does not keep the ids: they were news once", () => {
    const client = synced();
    client.frame({ type: "state", unread: 2, readUpTo: 2, rev: 8, ids: [streamMessage(4).id] });
    expect(client.state.read).toEqual({ unread: 2, readUpTo: 2, rev: 8 });
    const more = { type: "messages", messages: [streamMessage(6)], unread: 3 } as const;
    expect(told(client.frame(more))).toEqual([{ unread: 3, readUpTo: 2, rev: 8 }]);
  });

  test("is told when only the revision is new: what was read had been read before, or is gone", () => {
    expect(told(synced().frame({ type: "state", unread: 3, readUpTo: 2, rev: 8 }))).toHaveLength(1);
  });

  test("is not told twice", () => {
    const client = synced();
    const state = { type: "state", unread: 2, readUpTo: 3, rev: 8 } as const;
    expect(told(client.frame(state))).toHaveLength(1);
    expect(told(client.frame(state))).toEqual([]);
  });

  test("is told where another epoch has the same count and revision by chance", () => {
    const client = synced();
    client.closed(1006);
    client.wait();
    const anew = welcome({ epoch: "epoch-2", resumed: false, head: 3, unread: 3, readUpTo: 0, rev: 7 });
    expect(told(client.frame(anew))).toEqual([{ unread: 3, readUpTo: 0, rev: 7 }]);
  });

  test("before a welcome is ignored", () => {
    const client = drive();
    client.tell({ type: "start" });
    expect(client.frame({ type: "state", unread: 1, readUpTo: 0, rev: 1 })).toEqual([]);
    expect(client.state.read).toEqual({ unread: 0, readUpTo: 0, rev: 0 });
  });
});
