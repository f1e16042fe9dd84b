import { describe, expect, test, vi } from "vitest";
import * as clientLimits from "../../../src/client/limits.ts";
import { Tokens } from "../../../src/client/tokens.ts";
import { connected, inFakeTime, pass } from "../../support/client-app.ts";
import { welcome } from "../../support/client-driver.ts";
import { readableToken } from "../../support/connect-token.ts";
import { FakeSocket } from "../../support/fake-socket.ts";

const minute = 60_000;

/** An app that always has this token, until it is given another. */
function app(token = "one") {
  const ask = vi.fn(async () => state.token);
  const state = { token, tokens: new Tokens(ask), ask };
  return state;
}

/** Asks for a token and lets the hub see it. */
async function shown({ tokens }: ReturnType<typeof app>, now: number): Promise<unknown> {
  const token = await tokens.fresh(now);
  if (typeof token === "string") tokens.shown(token);
  return token;
}

describe("a token", () => {
  test("is asked for every time", async () => {
    const state = app();
    expect(await shown(state, 0)).toBe("one");
    state.token = "two";
    expect(await shown(state, 0)).toBe("two");
    expect(state.ask).toHaveBeenCalledTimes(2);
  });

  test.each([undefined, { token: "secret" }, '{"token":"secret"}', "<html>secret", ""])(
    "is not %j, and what it is instead is not repeated",
    async (given) => {
      const ask: () => Promise<never> = vi.fn().mockResolvedValue(given);
      const refused = await new Tokens(ask).fresh(0).catch((why: unknown) => String(why));
      expect(refused).toBe("Error: token() gave no connect token");
    },
  );

  test("that the hub has not seen serves the next connection, for a moment", async () => {
    const { tokens, ask } = app();
    await tokens.fresh(0);
    await tokens.fresh(clientLimits.tokenSpareMs - 1);
    expect(ask).toHaveBeenCalledTimes(1);
    await tokens.fresh(clientLimits.tokenSpareMs);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  test("that the hub saw on another connection is not the unseen one", async () => {
    const { tokens, ask } = app();
    await tokens.fresh(0);
    tokens.shown("another");
    await tokens.fresh(1);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test("that can't be had is asked for again", async () => {
    const ask = vi.fn<() => Promise<string>>();
    ask.mockRejectedValueOnce(new Error("down")).mockResolvedValueOnce("one");
    const tokens = new Tokens(ask);
    await expect(tokens.fresh(0)).rejects.toThrow("down");
    expect(await tokens.fresh(0)).toBe("one");
  });
});

describe("a token that the hub refused", () => {
  test("is none for ten minutes, and then it is tried again", async () => {
    const state = app();
    await shown(state, 0);
    state.tokens.refused("one", 4004, 1_000);
    const refused = { code: 4004, reason: "this token was refused before" };
    expect(await shown(state, 1_000)).toEqual(refused);
    expect(await shown(state, 10 * minute + 999)).toEqual(refused);
    expect(await shown(state, 10 * minute + 1_000)).toBe("one");
  });

  test("because it was over counts as a network that fails: the app may have another any moment", async () => {
    const state = app();
    await shown(state, 0);
    state.tokens.refused("one", 4201, 0);
    expect(await shown(state, 1)).toMatchObject({ code: 1006 });
    state.token = "two";
    expect(await shown(state, 2)).toBe("two");
  });

  test("keeps no other from being shown, and is still refused after that one", async () => {
    const state = app();
    await shown(state, 0);
    state.tokens.refused("one", 4004, 0);
    state.token = "two";
    expect(await shown(state, 1)).toBe("two");
    state.token = "one";
    expect(await shown(state, 2)).toMatchObject({ code: 4004 });
  });

  test("is not the last one any more, and the app may give a new one", async () => {
    const state = app();
    expect(state.tokens.last).toBe("");
    await shown(state, 0);
    expect(state.tokens.last).toBe("one");
    state.tokens.refused("one", 4004, 0);
    expect(state.tokens.last).toBe("");
    state.token = "two";
    await shown(state, 1);
    expect(state.tokens.last).toBe("two");
  });
});

describe("over a connection", () => {
  inFakeTime();

  test("the same token is not shown again after the hub refused it, and the client stops", async () => {
    const { client, socket, statuses } = await connected({ token: async () => "stale" });
    socket.end(4004, "token invalid");
    await pass(20 * minute);
    expect(FakeSocket.opened).toHaveLength(1);
    expect(statuses.at(-1)).toEqual({
      state: "stopped",
      code: 4004,
      reason: "this token was refused before",
    });
    await client.start();
    await pass(1_000);
    expect(FakeSocket.opened).toHaveLength(2);
    client.close();
  });

  test("a clock that is turned brings it back no earlier, and no later", async () => {
    const { client, socket } = await connected({ token: async () => "stale" });
    socket.end(4004);
    await pass(1_000);
    vi.setSystemTime(Date.now() + 5 * 60 * minute);
    await client.start();
    await pass(1_000);
    expect(FakeSocket.opened).toHaveLength(1);
    vi.setSystemTime(Date.now() - 50 * 60 * minute);
    await pass(10 * minute);
    await client.start();
    await pass();
    expect(FakeSocket.opened).toHaveLength(2);
    client.close();
  });

  test("an app that gives a token that is over is asked until it gives another", async () => {
    let token = "over";
    const ask = vi.fn(async () => token);
    const { client, socket, statuses } = await connected({ token: ask });
    socket.receive(welcome());
    socket.end(4201, "token expired");
    await pass(5 * minute);
    expect(ask.mock.calls.length).toBeGreaterThan(5);
    expect(FakeSocket.opened).toHaveLength(1);
    token = "good";
    await pass(15_000);
    expect(FakeSocket.opened).toHaveLength(2);
    expect(statuses.at(-1)).toEqual({ state: "connecting" });
    client.close();
  });

  test("a fresh token that came too late for its connection serves the next one", async () => {
    const { client, socket } = await connected();
    socket.receive(welcome());
    socket.receive({ type: "reauth", expires: 1 });
    socket.end(4201);
    await pass(500);
    expect(FakeSocket.latest().protocols).toEqual(["hubbub.v1", "bearer.token-2"]);
    client.close();
  });

  test("refused is what the connection showed, and not what a request has asked for since", async () => {
    vi.stubGlobal("fetch", async () => new Response('{"unread":0,"readUpTo":3,"rev":1}'));
    const exp = Date.now() / 1_000 + 3_600;
    const made = [readableToken({ sub: "alice", exp: 1 }), readableToken({ sub: "alice", exp })];
    const { client, socket } = await connected({ token: async () => made.shift() ?? "none" });
    made.push(readableToken({ sub: "alice", exp }));
    socket.receive(welcome());
    await client.read({ upTo: 3 });
    socket.end(4201, "token expired");
    await pass(1_000);
    expect(FakeSocket.opened).toHaveLength(2);
    client.close();
  });

  test("refused is the fresh one once it was sent", async () => {
    let token = "first";
    const { client, socket, statuses } = await connected({ token: async () => token });
    socket.receive(welcome());
    token = "second";
    socket.receive({ type: "reauth", expires: 1 });
    await pass();
    socket.end(4004, "another user");
    await pass(20_000);
    expect(FakeSocket.opened).toHaveLength(1);
    expect(statuses.at(-1)).toMatchObject({ state: "stopped", code: 4004 });
    client.close();
  });
});
