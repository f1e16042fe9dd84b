/** What no client library would send, and what the runtime and the hub make of it. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltHub, startBuiltHub } from "../support/built-hub.ts";
import { apiKeys, tokenFor } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { type HubProcess, startHub } from "../support/hub-process.ts";
import { ask, push } from "../support/publisher.ts";
import { frameBytes, opcodes, openRaw, type RawSocket, textFrame } from "../support/raw-socket.ts";

let hub: HubProcess;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

let users = 0;
/** A connection of a new user that has been welcomed. */
async function welcomed(
  port = hub.port,
  headers: Record<string, string> = {},
): Promise<RawSocket & { user: string }> {
  users += 1;
  const user = `raw-${users}`;
  const socket = await openRaw(port, "/v1/connect?device=raw", {
    Authorization: `Bearer ${await tokenFor(user)}`,
    ...headers,
  });
  await eventually(() => socket.frames.length > 0);
  return { ...socket, user };
}

const closed = async (socket: RawSocket): Promise<number | undefined> => {
  await eventually(() => socket.closeCode() !== undefined || socket.ended());
  return socket.closeCode();
};

describe("the handshake", () => {
  it("A3 asks for version 13", async () => {
    const { response } = await openRaw(hub.port, "/v1/connect?device=raw", {
      Authorization: `Bearer ${await tokenFor("raw")}`,
      "Sec-WebSocket-Version": "8",
    });
    expect(response).toMatch(/^HTTP\/1\.1 (426|400)/);
  });

  it("A4 refuses a handshake without a key", async () => {
    const { response } = await openRaw(hub.port, "/v1/connect?device=raw", {
      Authorization: `Bearer ${await tokenFor("raw")}`,
      "Sec-WebSocket-Key": null,
    });
    expect(response).toMatch(/^HTTP\/1\.1 400/);
  });

  it("A5 the runtime takes a key that is none: the client opens what it asked for, and nothing else is hurt", async () => {
    const socket = await welcomed(hub.port, { "Sec-WebSocket-Key": "abc" });
    expect(socket.response).toMatch(/^HTTP\/1\.1 101/);
    socket.send(textFrame("ping"));
    await eventually(() => socket.frames.some(({ payload }) => payload.toString() === "pong"));
    socket.destroy();
  });

  it("A22 selects the subprotocol and never sends the token back", async () => {
    const token = await tokenFor("raw");
    const { response, destroy } = await openRaw(hub.port, "/v1/connect?device=raw", {
      "Sec-WebSocket-Protocol": `hubbub.v1, bearer.${token}`,
    });
    expect(response).toMatch(/^HTTP\/1\.1 101/);
    expect(response).toMatch(/sec-websocket-protocol: hubbub\.v1\r?\n|sec-websocket-protocol: hubbub\.v1$/i);
    expect(response).not.toContain(token);
    destroy();
  });

  it("B35 refuses a URL over 8 kB", async () => {
    const response = await fetch(`${hub.url}/v1/users/${"x".repeat(9_000)}`);
    expect(response.status).toBe(414);
  });
});

describe("a body that may be left out", () => {
  const authorization = `Authorization: Bearer ${apiKeys.all}`;
  const type = "Content-Type: application/json";
  const form = "Content-Type: application/x-www-form-urlencoded";
  const chunked = "Transfer-Encoding: chunked";

  /** The whole answer to a request of exactly these bytes. */
  async function put(path: string, headers: readonly string[], body: string): Promise<string> {
    const socket = connect(hub.port, "127.0.0.1").setEncoding("utf8");
    const head = [`PUT ${path} HTTP/1.1`, `Host: 127.0.0.1:${hub.port}`, authorization];
    socket.write(`${[...head, ...headers].join("\r\n")}\r\n\r\n${body}`);
    let answer = "";
    for await (const chunk of socket) {
      answer += chunk;
      // The connection stays open: the end of the one object in it is that of the answer.
      if (answer.includes("}")) break;
    }
    return answer;
  }

  it.each<[what: string, headers: readonly string[], body?: string]>([
    ["as curl leaves it out, with no length", []],
    ["with no length and a type", [type]],
    ["with a length of 0", ["Content-Length: 0"]],
    ["with a length of 0 and a type", ["Content-Length: 0", type]],
    ["with a length of 0 and another type", ["Content-Length: 0", form]],
    ["in no chunk", [chunked], "0\r\n\r\n"],
    ["in no chunk, with a type", [chunked, type], "0\r\n\r\n"],
    ["or be {}", ["Content-Length: 2", type], "{}"],
  ])("makes a user a member: %s", async (what, headers, body = "") => {
    const user = what.replaceAll(/[^a-z0-9]+/g, "-");
    const answer = await put(`/v1/topics/team.raw/members/${user}`, headers, body);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('{"topic":"team.raw","member":true,"presence":false,"pending":false}');
  });

  it("is refused where it is there and says that it is something else", async () => {
    const answer = await put("/v1/topics/team.raw/members/form", ["Content-Length: 2", form], "{}");
    expect(answer).toMatch(/^HTTP\/1\.1 415 /);
  });
});

describe("frames", () => {
  it("C6 a frame that claims 33 MiB or 2^53 ends the connection before it is read", async () => {
    for (const claimedLength of [33n * 1024n * 1024n, 2n ** 53n]) {
      const socket = await welcomed();
      socket.send(frameBytes({ opcode: opcodes.text, claimedLength }));
      expect(await closed(socket)).toBe(1009);
    }
  });

  it.each([
    ["a reserved bit without an extension", [frameBytes({ opcode: opcodes.text, reserved: 4 })]],
    ["an unknown data opcode", [frameBytes({ opcode: 3 })]],
    ["an unknown control opcode", [frameBytes({ opcode: 0xb })]],
    ["a fragmented control frame", [frameBytes({ opcode: opcodes.ping, fin: false })]],
    ["a stray continuation", [frameBytes({ opcode: opcodes.continuation })]],
    [
      "a new text within a fragmented one",
      [frameBytes({ opcode: opcodes.text, fin: false }), frameBytes({ opcode: opcodes.text })],
    ],
  ])("C7 %s ends the connection with 1002", async (_, frames) => {
    const socket = await welcomed();
    for (const frame of frames) socket.send(frame);
    expect(await closed(socket)).toBe(1002);
  });

  it("C8 the runtime takes an unmasked frame, which RFC 6455 section 5.1 would have it refuse", async () => {
    const socket = await welcomed();
    socket.send(frameBytes({ opcode: opcodes.text, payload: Buffer.from("ping"), masked: false }));
    await eventually(() => socket.frames.some(({ payload }) => payload.toString() === "pong"));
    socket.destroy();
  });

  it("C11 a line that drops without a goodbye leaves nobody online", async () => {
    const socket = await welcomed();
    expect(await ask(hub.url, `users/${socket.user}`)).toMatchObject({ online: true });
    socket.destroy();
    await eventually(async () => {
      const presence = await ask(hub.url, `users/${socket.user}`);
      return typeof presence === "object" && presence !== null && "online" in presence && !presence.online;
    });
  });

  it("C13 protocol pings are answered, and C14 so are a thousand text pings", async () => {
    const socket = await welcomed();
    for (let count = 0; count < 1_000; count += 1) {
      socket.send(frameBytes({ opcode: opcodes.ping }));
      socket.send(textFrame("ping"));
    }
    const pongs = () => socket.frames.filter(({ payload }) => payload.toString() === "pong").length;
    await eventually(() => pongs() === 1_000);
    expect(socket.frames.some(({ opcode }) => opcode === opcodes.pong)).toBe(true);
    expect(socket.closeCode()).toBeUndefined();
    socket.destroy();
  });

  it("answers a goodbye with the code that it came with", async () => {
    const socket = await welcomed();
    socket.send(frameBytes({ opcode: opcodes.close, payload: Buffer.from([0x0f, 0xa1]) }));
    expect(await closed(socket)).toBe(4001);
  });

  it("answers a goodbye without a code", async () => {
    const socket = await welcomed();
    socket.send(frameBytes({ opcode: opcodes.close }));
    expect(await closed(socket)).toBe(1000);
  });
});

it("sends the frames of one user to no other", async () => {
  const mine = await welcomed();
  const other = await welcomed();
  await push(hub.url, { to: { user: mine.user }, type: "n", priority: "critical", data: "for me only" });
  await eventually(() => mine.frames.some(({ payload }) => payload.toString().includes("for me only")));
  expect(other.frames).toHaveLength(1);
  mine.destroy();
  other.destroy();
});

describe("compression, in the Worker as it is deployed", () => {
  let built: BuiltHub;
  beforeAll(async () => {
    built = await startBuiltHub();
  });
  afterAll(() => built.stop());
  const offer = { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" };

  it("C26 negotiates no extension, whatever is offered", async () => {
    const socket = await welcomed(built.port, offer);
    expect(socket.response).toMatch(/^HTTP\/1\.1 101/);
    expect(socket.response.toLowerCase()).not.toContain("sec-websocket-extensions");
    socket.destroy();
  });

  it("C26 a compressed frame ends the connection with 1002", async () => {
    const socket = await welcomed(built.port, offer);
    socket.send(frameBytes({ opcode: opcodes.text, reserved: 4, payload: Buffer.from([0x2a, 0xce, 0xcc]) }));
    expect(await closed(socket)).toBe(1002);
  });
});
