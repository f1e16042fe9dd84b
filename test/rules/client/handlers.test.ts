import { describe, expect, test } from "vitest";
import { Handlers } from "../../../src/client/handlers.ts";
import type { Message } from "../../../src/client/message.ts";
import { streamMessage } from "../../support/client-driver.ts";

const message: Message = streamMessage(1);

/** A handler that notes its calls, and does what it is told. */
function recorder(type: string, work: () => unknown = () => {}) {
  const seen: string[] = [];
  const handle = ({ id }: Message) => {
    seen.push(id);
    return work();
  };
  return { type, handle, seen };
}

/** How handling stands; `undefined` while it is under way. */
function watched(handling: Promise<void>) {
  const outcome: { is: string | undefined } = { is: undefined };
  handling.then(
    () => {
      outcome.is = "handled";
    },
    (error: unknown) => {
      outcome.is = String(error);
    },
  );
  return outcome;
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("a message", () => {
  test("goes to every handler of its type and of any type, and to no other", async () => {
    const handlers = new Handlers();
    const [first, second, any, other] = ["note", "note", "*", "order"].map((type) => recorder(type));
    for (const handler of [first, second, any, other]) if (handler) handlers.add(handler);
    await handlers.handle(message);
    expect([first, second, any, other].map((handler) => handler?.seen)).toEqual([
      ["message-1"],
      ["message-1"],
      ["message-1"],
      [],
    ]);
  });

  test("of a type that nobody wants is handled", async () => {
    const handlers = new Handlers();
    handlers.add(recorder("order"));
    await handlers.handle(message);
  });

  test("is handled when the slowest of them is done", async () => {
    const handlers = new Handlers();
    let done: (value?: unknown) => void = () => {};
    handlers.add(recorder("note"));
    handlers.add(recorder("*", () => new Promise((resolve) => (done = resolve))));
    const outcome = watched(handlers.handle(message));
    await settle();
    expect(outcome.is).toBeUndefined();
    done();
    await settle();
    expect(outcome.is).toBe("handled");
  });

  test("waits while there is no handler at all", async () => {
    const handlers = new Handlers();
    const outcome = watched(handlers.handle(message));
    await settle();
    expect(outcome.is).toBeUndefined();
    const late = recorder("note");
    handlers.add(late);
    await settle();
    expect(outcome.is).toBe("handled");
    expect(late.seen).toEqual(["message-1"]);
  });

  test("waits again once the last handler was taken off", async () => {
    const handlers = new Handlers();
    const first = recorder("*");
    const takeOff = handlers.add(first);
    await handlers.handle(message);
    takeOff();
    const outcome = watched(handlers.handle(streamMessage(2)));
    await settle();
    expect(outcome.is).toBeUndefined();
    const second = recorder("*");
    handlers.add(second);
    await settle();
    expect([first.seen, second.seen]).toEqual([["message-1"], ["message-2"]]);
  });
});

describe("a handler that fails", () => {
  test.each([
    [
      "throws",
      () => {
        throw new Error("no room");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no room"))],
  ])("because it %s is alone in getting the message again", async (_, work) => {
    const handlers = new Handlers();
    let fails = true;
    const good = recorder("note");
    const bad = recorder("*", () => fails && work());
    handlers.add(bad);
    handlers.add(good);
    await expect(handlers.handle(message)).rejects.toThrow("no room");
    fails = false;
    await handlers.handle(message);
    expect(good.seen).toEqual(["message-1"]);
    expect(bad.seen).toEqual(["message-1", "message-1"]);
  });

  test("keeps no other from its turn, and the message fails with what the first of them threw", async () => {
    const handlers = new Handlers();
    const good = recorder("*");
    handlers.add(recorder("note", () => Promise.reject("one")));
    handlers.add(recorder("note", () => Promise.reject("two")));
    handlers.add(good);
    await expect(handlers.handle(message)).rejects.toBe("one");
    expect(good.seen).toEqual(["message-1"]);
  });

  test("and is taken off holds the message up no more", async () => {
    const handlers = new Handlers();
    handlers.add(recorder("*"));
    const takeOff = handlers.add(recorder("note", () => Promise.reject(new Error("no room"))));
    await expect(handlers.handle(message)).rejects.toThrow("no room");
    takeOff();
    await handlers.handle(message);
  });

  test("does not keep one that is added meanwhile from getting the message", async () => {
    const handlers = new Handlers();
    let fails = true;
    handlers.add(recorder("note", () => fails && Promise.reject(new Error("no room"))));
    await expect(handlers.handle(message)).rejects.toThrow();
    fails = false;
    const late = recorder("note");
    handlers.add(late);
    await handlers.handle(message);
    expect(late.seen).toEqual(["message-1"]);
  });
});
