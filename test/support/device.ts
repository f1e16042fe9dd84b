/**
 * A device that is connected straight to the object of its user, past the edge. It keeps every frame it
 * gets and does nothing by itself, so that a test sees what the object does.
 */
import { env } from "cloudflare:workers";
import { noGrants } from "../../src/auth/grants.ts";
import { type ConnectRequest, toObject } from "../../src/hub/connect-request.ts";
import type { MessagesFrame, ServerFrame } from "../../src/protocol/frames.ts";
import { deviceId, type UserId, userId } from "../../src/protocol/ids.ts";
import type { Seq } from "../../src/protocol/seq.ts";

type Frame<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;

/** One number of the stream, as a device got to know of it. */
export interface Arrival {
  readonly seq: Seq;
  /** The id of the message, or why there is none. */
  readonly what: string;
}

export interface Device {
  readonly user: UserId;
  readonly name: string;
  readonly socket: WebSocket;
  /** Every frame but `pong`, in order. */
  readonly frames: readonly ServerFrame[];
  readonly pongs: number;
  readonly closed: { readonly code: number; readonly reason: string } | undefined;
  all<Type extends ServerFrame["type"]>(type: Type): Frame<Type>[];
  /** Fails where there is none. */
  last<Type extends ServerFrame["type"]>(type: Type): Frame<Type>;
  /** The numbers got in turn, gaps spelled out. */
  readonly arrivals: readonly Arrival[];
  /** The last number got in turn, or where delivery started. */
  readonly cursor: Seq;
  send(frame: object | string | ArrayBuffer): void;
  /** Acknowledges up to a number, without it everything got so far. */
  ack(seq?: unknown): void;
  /** Sends a frame and waits for its answer, by when everything sent before has arrived. */
  ask(frame: object): Promise<Frame<"ok"> | Frame<"error">>;
  /** Waits until everything that the object has sent has arrived. */
  settled(): Promise<void>;
  /** Waits for what a frame or the close brings; `patience` in milliseconds. */
  until(condition: () => boolean, what?: string, patience?: number): Promise<void>;
  /** Waits for the close and tells its code. */
  closing(): Promise<number>;
  /** Where it would resume. */
  readonly resume: { readonly epoch: string; readonly seq: Seq };
  close(code?: number, reason?: string): void;
}

export interface DeviceOptions {
  readonly device?: string | undefined;
  readonly resume?: { readonly epoch: string; readonly seq: Seq } | undefined;
  readonly token?: Partial<ConnectRequest["token"]>;
  readonly grants?: Partial<ConnectRequest["grants"]>;
  readonly subprotocol?: boolean;
  /** Acknowledge each frame of messages when it comes. */
  readonly acks?: boolean;
}

/** Longest wait for anything; it only decides how long a failing test takes. */
const patienceMs = 4_000;

/** A user whom no other test knows. */
export function aUser(): UserId {
  return userId.parse(`user-${crypto.randomUUID()}`);
}

/** A fresh stub, since one that has seen its object die is of no use any more. */
export function hubOf(user: UserId) {
  return env.USER_HUB.getByName(user);
}

/** The answer to an upgrade; the refused ones are upgraded as well, and closed with their code. */
export async function upgrade(user: UserId, options: DeviceOptions = {}): Promise<Response> {
  const now = Date.now();
  return hubOf(user).fetch(
    toObject({
      device: deviceId.parse(options.device ?? "laptop"),
      ...(options.resume === undefined ? {} : { resume: options.resume }),
      token: {
        issued: now,
        expires: now + 3_600_000,
        id: crypto.randomUUID(),
        singleUse: false,
        ...options.token,
      },
      grants: { ...noGrants, ...options.grants },
      subprotocol: options.subprotocol ?? true,
    }),
  );
}

/** Connects without waiting for the welcome. */
export async function dial(user: UserId, options: DeviceOptions = {}): Promise<Device> {
  const { webSocket: socket } = await upgrade(user, options);
  if (socket === null) throw new Error("the object did not upgrade the connection");
  return attend(user, socket, options);
}

/** Connects and waits for the welcome. */
export async function connect(user: UserId, options: DeviceOptions = {}): Promise<Device> {
  const device = await dial(user, options);
  await device.until(() => device.frames.length > 0 || device.closed !== undefined, "there is a welcome");
  return device;
}

/** The device at this end of an open connection. */
export function attend(
  user: UserId,
  socket: WebSocket,
  { device: name = "laptop", acks = false }: DeviceOptions,
): Device {
  const frames: ServerFrame[] = [];
  const arrivals: Arrival[] = [];
  const waiting = new Set<() => void>();
  let pongs = 0;
  let asked = 0;
  let closed: Device["closed"];

  const device: Device = {
    user,
    name,
    socket,
    frames,
    arrivals,
    get pongs() {
      return pongs;
    },
    get closed() {
      return closed;
    },
    all: (type) => frames.filter((frame): frame is Frame<typeof type> => frame.type === type),
    last: (type) => {
      const found = device.all(type).at(-1);
      if (found === undefined) throw new Error(`${name} got no ${type} frame`);
      return found;
    },
    get cursor() {
      return arrivals.at(-1)?.seq ?? device.last("welcome").from;
    },
    get resume() {
      return { epoch: device.last("welcome").epoch, seq: device.cursor };
    },
    send: (frame) => {
      socket.send(typeof frame === "string" || frame instanceof ArrayBuffer ? frame : JSON.stringify(frame));
    },
    ack: (seq = device.cursor) => device.send({ type: "ack", epoch: device.resume.epoch, seq }),
    ask: async (frame) => {
      asked += 1;
      const ref = `asked-${asked}`;
      const answer = () =>
        frames.find(
          (got): got is Frame<"ok"> | Frame<"error"> =>
            (got.type === "ok" || got.type === "error") && got.ref === ref,
        );
      device.send({ ...frame, ref });
      await device.until(() => answer() !== undefined || closed !== undefined, `${ref} is answered`);
      const found = answer();
      if (found === undefined) throw new Error(`${name} was closed instead of answered: ${closed?.code}`);
      return found;
    },
    settled: async () => {
      // Reading up to nothing changes nothing and is answered behind everything sent before.
      if (closed === undefined) await device.ask({ type: "read", upTo: 0 });
    },
    until: (condition, what = "what was waited for happens", patience = patienceMs) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          waiting.delete(look);
          reject(
            new Error(`${name} waited in vain until ${what}; got ${JSON.stringify(frames).slice(0, 2_000)}`),
          );
        }, patience);
        const look = () => {
          if (!condition()) return;
          clearTimeout(late);
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    closing: async () => {
      await device.until(() => closed !== undefined, "the connection is closed");
      return closed?.code ?? 0;
    },
    close: (code, reason) => socket.close(code, reason),
  };

  const note = (frame: ServerFrame): void => {
    frames.push(frame);
    if (frame.type === "messages") {
      arrivals.push(...inTurn(frame));
      if (acks) device.ack();
    } else if (frame.type === "gap") {
      for (let seq = frame.from; seq <= frame.to; seq += 1) arrivals.push({ seq, what: frame.reason });
    }
  };
  socket.addEventListener("message", ({ data }) => {
    if (data === "pong") pongs += 1;
    else note(JSON.parse(String(data)));
    for (const look of waiting) look();
  });
  socket.addEventListener("close", ({ code, reason }) => {
    closed = { code, reason };
    for (const look of waiting) look();
  });
  socket.accept();
  return device;
}

function inTurn({ messages }: MessagesFrame): Arrival[] {
  return messages.map(({ seq, id }) => ({ seq, what: id }));
}

/** Closes a connection from the device's side, and waits until it is. */
export async function leave(device: Device): Promise<void> {
  device.close(1000);
  await device.closing();
}

/** Waits for a number, acknowledges it, and sees that the object knows. */
export async function caughtUp(device: Device, seq: Seq): Promise<void> {
  await device.until(() => device.cursor === seq);
  await device.ask({ type: "ack", epoch: device.resume.epoch, seq });
}
