/** A WebSocket by hand, byte by byte: for what no client library would send (RFC 6455 section 5). */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { eventually } from "./eventually.ts";

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface RawSocket {
  /** The answer to the handshake, up to the empty line. */
  readonly response: string;
  readonly frames: readonly Frame[];
  /** Once the other side has closed the connection. */
  readonly ended: () => boolean;
  readonly send: (bytes: Uint8Array) => void;
  /** The code of the close frame that came, if one did. */
  readonly closeCode: () => number | undefined;
  readonly destroy: () => void;
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  readonly opcode: number;
  readonly payload?: Uint8Array;
  readonly fin?: boolean;
  /** The reserved bits, as a number from 0 to 7. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Claims this length instead of the payload's own. */
  readonly claimedLength?: bigint;
}

/** The bytes of one frame. */
export function frameBytes(options: FrameOptions): Buffer {
  const { opcode, payload = new Uint8Array(), fin = true, reserved = 0, masked = true } = options;
  const length = options.claimedLength ?? BigInt(payload.byteLength);
  const maskBit = masked ? 0x80 : 0;
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  let head: Buffer;
  if (length < 126n) {
    head = Buffer.from([first, maskBit | Number(length)]);
  } else if (length < 65_536n) {
    head = Buffer.alloc(4);
    head.set([first, maskBit | 126]);
    head.writeUInt16BE(Number(length), 2);
  } else {
    head = Buffer.alloc(10);
    head.set([first, maskBit | 127]);
    head.writeBigUInt64BE(length, 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  const body = Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return Buffer.concat([head, mask, body]);
}

export function textFrame(text: string): Buffer {
  return frameBytes({ opcode: opcodes.text, payload: Buffer.from(text) });
}

/** Opens a connection to a path, with these headers in place of or beside the usual ones; `null` leaves one out. */
export async function openRaw(
  port: number,
  path: string,
  headers: Readonly<Record<string, string | null>> = {},
): Promise<RawSocket> {
  const socket: Socket = connect(port, "127.0.0.1");
  const all: Record<string, string | null> = {
    Host: `127.0.0.1:${port}`,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);

  let received = Buffer.alloc(0);
  let response: string | undefined;
  let ended = false;
  const frames: Frame[] = [];
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (response === undefined) {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      response = received.subarray(0, end).toString();
      received = received.subarray(end + 4);
    }
    for (let next = readFrame(received); next !== undefined; next = readFrame(received)) {
      frames.push(next.frame);
      received = received.subarray(next.bytes);
    }
  });
  socket.on("close", () => {
    ended = true;
  });
  socket.on("error", () => {});
  await eventually(() => response !== undefined || ended, { what: () => "the handshake is answered" });
  return {
    response: response ?? "",
    frames,
    ended: () => ended,
    send: (bytes) => socket.write(bytes),
    closeCode: () => frames.find(({ opcode }) => opcode === opcodes.close)?.payload.readUInt16BE(0),
    destroy: () => socket.destroy(),
  };
}

/** The first whole frame of what was received; the hub sends without masks. */
function readFrame(bytes: Buffer): { frame: Frame; bytes: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes.readUInt8(1) & 0x7f;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < head) return undefined;
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < head + length) return undefined;
  const frame = {
    opcode: bytes.readUInt8(0) & 0x0f,
    payload: Buffer.from(bytes.subarray(head, head + length)),
  };
  return { frame, bytes: head + length };
}
