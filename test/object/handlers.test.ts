/** Handlers of what devices send, run in the object of their user. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineHandler, type HandlerContext } from "../../src/define/define-handler.ts";
import { defineMessage } from "../../src/define/define-message.ts";
import { handlerLimits } from "../../src/limits.ts";
import { topic } from "../../src/protocol/ids.ts";
import { quietly } from "../support/api.ts";
import { withHandlers, withMessages } from "../support/definitions.ts";
import { aUser, connect, type Device, hubOf } from "../support/device.ts";
import { idOf, message } from "../support/messages.ts";
import { inside, meter, tablesOf } from "../support/storage.ts";

const scopes = ["talk"];
const data = z.object({ text: z.string() });

/** A handler of anything, which does what the test says. */
function handler(handle: (data: unknown, context: HandlerContext) => unknown) {
  return defineHandler("do", { data: z.unknown(), scope: "talk", handle });
}

/** One that goes on until it is told to end, and how many of it have begun. */
function gate() {
  const opened = Promise.withResolvers<string>();
  let begun = 0;
  const handle = () => {
    begun += 1;
    return opened.promise;
  };
  return { handle, open: opened.resolve, fail: opened.reject, begun: () => begun };
}

let device: Device;

beforeEach(async () => {
  device = await connect(aUser(), { grants: { scopes } });
});

afterEach(() => {
  device.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function send(name: string, sent: unknown, from = device) {
  return from.ask({ type: "send", name, data: sent });
}

describe("a message from a device", () => {
  test("is handled with what is known of its sender, and answered", async () => {
    withHandlers(
      defineHandler("greet", {
        data,
        scope: "talk",
        handle: async ({ text }, { user, device: name, env, signal }) => ({
          said: `${text}, ${name} of ${user}`,
          bound: env.USER_HUB !== undefined,
          late: signal.aborted,
        }),
      }),
    );
    expect(await send("greet", { text: "Hello" })).toMatchObject({
      type: "ok",
      data: { said: `Hello, laptop of ${device.user}`, bound: true, late: false },
    });
  });

  test("is answered by ok alone where the handler answers nothing", async () => {
    withHandlers(handler(() => undefined));
    expect(Object.keys(await send("do", 1))).toEqual(["type", "ref"]);
  });

  test("without a ref is handled, and not answered", async () => {
    const seen: unknown[] = [];
    withHandlers(
      handler((sent) => {
        seen.push(sent);
        throw new Error("nobody hears of it");
      }),
    );
    await quietly(async () => {
      device.send({ type: "send", name: "do", data: 7 });
      device.send({ type: "send", name: "none", data: 7 });
      await device.settled();
    });
    expect(seen).toEqual([7]);
    expect(device.all("error")).toEqual([]);
  });

  test("writes nothing, and sets no alarm", async () => {
    withHandlers(handler(() => "done"));
    const written = await meter(device.user);
    for (let times = 0; times < 10; times += 1) await send("do", times);
    expect(written).toMatchObject({ rows: 0, alarms: 0 });
  });

  test("of a user of whom nothing is kept makes no storage", async () => {
    const user = aUser();
    withHandlers(handler(() => "done"));
    const call = { name: "do", data: "null", device: undefined, scopes };
    expect(await hubOf(user).send(call)).toEqual({ answer: '"done"' });
    expect(await tablesOf(user)).toEqual([]);
  });
});

describe("a message is refused", () => {
  test("for a handler that there is not", async () => {
    expect(await send("none", {})).toMatchObject({ type: "error", code: "unknown_name" });
  });

  test("from a device whose token lacks the scope", async () => {
    const handle = vi.fn();
    withHandlers(handler(handle));
    const other = await connect(device.user, { device: "tv", grants: { scopes: ["listen"] } });
    expect(await send("do", {}, other)).toMatchObject({
      code: "forbidden",
      message: "the token lacks the scope talk",
    });
    expect(handle).not.toHaveBeenCalled();
    other.close();
  });

  test("with data that is not as the handler takes it, and the place is named", async () => {
    const handle = vi.fn();
    withHandlers(defineHandler("greet", { data, scope: "talk", handle }));
    const answer = await send("greet", { text: 7 });
    expect(answer).toMatchObject({ code: "bad_data", message: expect.stringMatching(/^data\.text: /) });
    const deep = JSON.parse("[".repeat(200) + "]".repeat(200));
    expect(await send("greet", deep)).toMatchObject({
      code: "bad_data",
      message: expect.stringMatching(/^data: is nested/),
    });
    expect(handle).not.toHaveBeenCalled();
  });

  test("where the schema of it fails, and the log has the error's name", async () => {
    const broken = z.unknown().refine(() => {
      throw new TypeError("of canary");
    });
    withHandlers(defineHandler("broken", { data: broken, scope: "talk", handle: () => 1 }));
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await send("broken", "canary")).toMatchObject({ code: "bad_data" });
    expect(error.mock.calls).toEqual([[expect.stringContaining('"error":"TypeError"')]]);
    expect(JSON.stringify(error.mock.calls)).not.toContain("canary");
  });
});

describe("a handler that goes wrong", () => {
  test.each<[string, (context: HandlerContext) => unknown]>([
    [
      "throws",
      () => {
        throw new Error("canary");
      },
    ],
    ["rejects", async () => Promise.reject("canary")],
    ["answers what is no JSON", () => ({ canary: 1n })],
    ["answers too much", () => "canary".repeat(handlerLimits.maxResultBytes)],
    ["publishes what nobody may", ({ publish }) => publish({ to: { user: "a" }, type: "hubbub.canary" })],
  ])("because it %s costs the device an error, and the log is told no more than a name", async (_, act) => {
    withHandlers(handler((_data, context) => act(context)));
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await send("do", "canary")).toMatchObject({ type: "error", code: "failed" });
    expect(error.mock.calls).toEqual([[expect.stringContaining('"event":"handler_failed","code":"do"')]]);
    expect(JSON.stringify(error.mock.calls)).not.toContain("canary");
    // The object and its other work go on.
    await hubOf(device.user).deliver([message()]);
    await device.until(() => device.cursor === 1);
  });

  test("because it is slow is told to end, the device that it took too long, and nothing of it is published", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let context: HandlerContext | undefined;
    const refused: string[] = [];
    withHandlers(
      handler((_data, given) => {
        context = given;
        given.signal.addEventListener("abort", async () => {
          await given
            .publish({ to: { user: "nobody" }, type: "note" })
            .catch((why) => refused.push(`${why}`));
        });
        return new Promise(() => {});
      }),
    );
    device.send({ type: "send", ref: "slow", name: "do", data: 1 });
    await device.settled();
    // In the object, whose timer and signal they are.
    const abortedAfter = (milliseconds: number) =>
      inside(device.user, async () => {
        await vi.advanceTimersByTimeAsync(milliseconds);
        return context?.signal.aborted;
      });
    expect(await abortedAfter(handlerLimits.timeoutMs - 1)).toBe(false);
    expect(await abortedAfter(1)).toBe(true);
    vi.useRealTimers();
    await device.until(() => device.all("error").length > 0);
    expect(device.last("error")).toMatchObject({ ref: "slow", code: "timeout" });
    expect(refused).toEqual(["TimeoutError: the handler took too long"]);
  });
});

describe("while a handler runs", () => {
  test("other frames, other devices and deliveries go on", async () => {
    const { handle, open } = gate();
    withHandlers(handler(handle));
    device.send({ type: "send", ref: "slow", name: "do", data: 1 });
    const other = await connect(device.user, { device: "tv" });
    await hubOf(device.user).deliver([message()]);
    await device.until(() => device.cursor === 1);
    await other.until(() => other.cursor === 1);
    device.ack();
    await device.settled();
    expect((await hubOf(device.user).presence()).devices).toContainEqual(
      expect.objectContaining({ device: "laptop", cursor: 1 }),
    );
    open("done");
    await device.until(() => device.all("ok").some(({ ref }) => ref === "slow"));
    // What the connection was when the handler began is not put back.
    expect((await hubOf(device.user).presence()).devices).toContainEqual(
      expect.objectContaining({ device: "laptop", cursor: 1 }),
    );
    other.close();
  });

  test("the connection takes so many and no more, and others their own", async () => {
    const { handle, open } = gate();
    withHandlers(handler(handle));
    const refs = Array.from({ length: handlerLimits.maxRunning }, (_, index) => `slow-${index}`);
    for (const ref of refs) device.send({ type: "send", ref, name: "do", data: 1 });
    expect(await send("do", 1)).toMatchObject({ code: "limit" });
    const other = await connect(device.user, { device: "tv", grants: { scopes } });
    other.send({ type: "send", ref: "slow-0", name: "do", data: 1 });
    open("done");
    await device.until(() => device.all("ok").length >= refs.length);
    await other.until(() => other.all("ok").length > 0);
    expect(await send("do", 1)).toMatchObject({ type: "ok", data: "done" });
    other.close();
  });

  test("a device that has gone is not answered", async () => {
    const { handle, open, begun } = gate();
    withHandlers(handler(handle));
    const other = await connect(device.user, { device: "tv", grants: { scopes } });
    other.send({ type: "send", ref: "slow", name: "do", data: 1 });
    await vi.waitFor(() => expect(begun()).toBe(1));
    await hubOf(device.user).disconnect(false);
    await other.closing();
    open("done");
    expect((await hubOf(device.user).presence()).online).toBe(false);
    expect(other.all("ok")).toEqual([]);
  });
});

describe("what a handler publishes", () => {
  beforeEach(() => {
    withMessages(defineMessage("note", { data: z.object({ text: z.string() }), priority: "high", ttl: 60 }));
  });

  test("reaches its users through the lane of its priority, as its type says", async () => {
    withHandlers(
      handler((text, { user, publish }) => publish({ to: { user }, type: "note", data: { text } })),
    );
    const answer = await send("do", "Hello");
    await device.until(() => device.cursor === 1);
    const [sent] = device.last("messages").messages;
    expect(answer).toMatchObject({ type: "ok", data: { id: sent?.id } });
    expect(sent).toMatchObject({ type: "note", priority: "high", data: { text: "Hello" } });
    expect(Number(sent?.expires) - Number(sent?.at)).toBe(60_000);
  });

  test("keeps the id that it is given, so that a device may send twice", async () => {
    withHandlers(
      handler((id, { user, publish }) =>
        publish({ to: { users: [user] }, type: "note", data: { text: "Hi" }, id: `note-${id}` }),
      ),
    );
    for (const answer of [await send("do", 4711), await send("do", 4711)]) {
      expect(answer).toMatchObject({ data: { id: "note-4711" } });
    }
    await device.until(() => device.cursor === 1);
    await hubOf(device.user).deliver([message()]);
    await device.until(() => device.cursor === 2);
    expect(device.arrivals.map(({ what }) => what)[0]).toBe("note-4711");
  });

  test("reaches the members of a topic", async () => {
    const club = topic.parse(`club-${crypto.randomUUID()}`);
    await hubOf(device.user).changeTopics([{ topic: club, member: true }], 1);
    withHandlers(
      handler((text, { publish }) => publish({ to: { topic: club }, type: "note", data: { text } })),
    );
    await send("do", "Hello");
    await device.until(() => device.cursor === 1);
    expect(device.last("messages").messages).toMatchObject([{ topic: club, data: { text: "Hello" } }]);
  });

  test("has its record where it asks for receipts", async () => {
    const id = idOf(crypto.randomUUID());
    withHandlers(
      handler((text, { user, publish }) =>
        publish({ to: { user }, type: "note", data: { text }, receipts: true, id }),
      ),
    );
    await send("do", "Hello");
    expect(await env.RECEIPTS_STORE.getByName(id).read()).toMatchObject({ type: "note", recipients: 1 });
  });

  test("is refused where its lane does not take it", async () => {
    const told: string[] = [];
    withHandlers(
      handler(async (text, context) => {
        vi.spyOn(context.env.LANE_HIGH, "sendBatch").mockRejectedValue(new Error("no"));
        const message = { to: { user: context.user }, type: "note", data: { text } };
        await context.publish(message).catch((error: Error) => told.push(error.message));
      }),
    );
    await quietly(() => send("do", "Hello"));
    expect(told).toEqual(["the message could not be queued"]);
  });

  test("is refused where the definition of its type fails", async () => {
    const fails = () => {
      throw new TypeError("canary");
    };
    withMessages(defineMessage("note", { data: z.any(), collapseKey: fails }));
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const told: string[] = [];
    withHandlers(
      handler((_data, { user, publish }) =>
        publish({ to: { user }, type: "note" }).catch((refused: Error) => told.push(refused.message)),
      ),
    );
    await send("do", {});
    expect(told).toEqual([expect.stringMatching(/^data: gives no collapseKey/)]);
    expect(JSON.stringify(error.mock.calls)).toContain("TypeError");
    expect(JSON.stringify(error.mock.calls)).not.toContain("canary");
  });

  test.each<[string, object, string]>([
    ["is not shaped like a message", { type: "note" }, "to: "],
    ["has data that its type does not take", { data: { text: 7 } }, "data.text: "],
    ["can't have what it asks for", { to: { everyone: true }, receipts: true }, "receipts: "],
  ])("is refused where it %s", async (_, parts, words) => {
    const told: string[] = [];
    withHandlers(
      handler(async (_data, { user, publish }) => {
        const asked = { to: { user }, type: "note", data: { text: "Hi" }, ...parts };
        const whole = "to" in parts || "data" in parts ? asked : parts;
        await Reflect.apply(publish, undefined, [whole]).catch((error: Error) => told.push(error.message));
      }),
    );
    await send("do", 1);
    expect(told).toEqual([expect.stringMatching(new RegExp(`^${words}`))]);
  });
});
