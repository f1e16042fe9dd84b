/**
 * A hub with one user, as a device sees it: the real rules of the stream, and what they need of sockets
 * and tokens. A token is the time at which it expires.
 */
import { readInbound } from "../../../src/hub/inbound.ts";
import {
  acknowledge,
  type Cursor,
  cursorAt,
  express,
  open,
  pump,
  type StreamRow,
} from "../../../src/hub/stream.ts";
import { expressText, frameText, liveText, pumpWriter } from "../../../src/hub/wire.ts";
import { closeCodes } from "../../../src/protocol/close-codes.ts";
import { messageId } from "../../../src/protocol/ids.ts";
import type { Priority } from "../../../src/protocol/priority.ts";
import { welcome } from "../../support/client-driver.ts";
import { message, row } from "../hub/support.ts";
import type { Line, Server } from "./network.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Small, so that a few messages fill it. */
const window = {
  windowMessages: 3,
  windowBytes: 10_000,
  frameMessages: 2,
  frameBytes: 10_000,
  maxExpress: 2,
  stallTimeoutMs: 60_000,
};
const epoch = "epoch-1";
const forEver = Number.MAX_SAFE_INTEGER;
const reauthBeforeMs = 60_000;
export const spreadMs = 10_000;

interface Device {
  readonly line: Line;
  cursor: Cursor;
  expires: number;
}

export class SmallHub implements Server {
  readonly rows: StreamRow[] = [];
  readUpTo = 0;
  rev = 0;
  /** Closes every connection with this code instead of a welcome. */
  refuses: number | undefined;
  readonly #time: VirtualTime;
  readonly #devices = new Map<string, Device>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get head(): number {
    return this.rows.length;
  }

  get unread(): number {
    return this.rows.filter(({ seq, gone }) => seq > this.readUpTo && gone === null).length;
  }

  get online(): number {
    return this.#devices.size;
  }

  /** What a device has acknowledged on the connection that it has. */
  acked(device: string): number | undefined {
    return this.#devices.get(device)?.cursor.acked;
  }

  publish(count: number, priority: Priority = "normal"): void {
    const fresh = Array.from({ length: count }, (_, index) =>
      row(this.head + index + 1, { priority, expires: forEver }),
    );
    this.rows.push(...fresh);
    for (const device of this.#devices.values()) this.#offer(device, fresh);
  }

  /** A number whose message is gone before anybody got it, since a newer one of its key follows at once. */
  burn(): void {
    this.rows.push(row(this.head + 1, { gone: "collapsed", body: "" }));
  }

  live(id: string): void {
    const text = liveText(message("normal", { id: messageId.parse(id) }));
    for (const { line } of this.#devices.values()) line.send(text);
  }

  read(upTo: number): void {
    this.readUpTo = upTo;
    this.rev += 1;
    const { readUpTo, rev, unread } = this;
    const text = frameText({ type: "state", unread, readUpTo, rev });
    for (const { line } of this.#devices.values()) line.send(text);
  }

  /** Ends every connection; 1006 is a network that says no word. */
  endAll(code: number, retryAfter?: number): void {
    for (const { line } of this.#devices.values()) {
      if (retryAfter !== undefined) line.send(frameText({ type: "bye", code, reason: "deploy", retryAfter }));
      if (code === 1006) line.cut(true);
      else line.close(code, "deploy");
    }
    this.#devices.clear();
  }

  connect(line: Line): void {
    const expires = Number(line.token);
    const refused = expires <= this.#time.now ? closeCodes.token_expired : this.refuses;
    if (refused !== undefined) {
      line.close(refused, "refused");
      return;
    }
    this.#close(line.device, "replaced");
    const seq = line.url.searchParams.get("seq");
    const resume = seq === null ? undefined : { epoch, seq: Number(seq) };
    const { from, reset } = open(resume, epoch, this.head);
    const { head, readUpTo, rev, unread } = this;
    const read = { unread, readUpTo, rev };
    const start = reset === undefined ? { resumed: true } : { resumed: false, reason: reset };
    line.send(frameText(welcome({ epoch, head, from, spread: spreadMs, expires, ...read, ...start })));
    const device = { line, cursor: cursorAt(epoch, from), expires };
    this.#devices.set(line.device, device);
    this.#watchToken(device);
    this.#offer(device);
  }

  hear(line: Line, text: string): void {
    const device = this.#devices.get(line.device);
    if (device?.line !== line) return;
    const inbound = readInbound(text);
    if (inbound.kind !== "frame") throw new Error(`the client said ${text}`);
    const { frame } = inbound;
    if (frame.type === "auth") {
      device.expires = Number(frame.token);
      this.#watchToken(device);
    } else if (frame.type === "ack") {
      const acked = acknowledge(device.cursor, frame.epoch, frame.seq, this.head);
      if (acked.kind !== "moved") throw new Error(`the client acknowledged ${frame.seq}`);
      device.cursor = acked.cursor;
      this.#offer(device);
    }
  }

  lost(line: Line): void {
    if (this.#devices.get(line.device)?.line === line) this.#devices.delete(line.device);
  }

  #offer(device: Device, fresh: readonly StreamRow[] = []): void {
    for (const urgent of fresh) {
      const ahead = express(device.cursor, urgent, window);
      if (ahead === undefined) continue;
      device.cursor = ahead;
      device.line.send(expressText(urgent));
    }
    const write = pumpWriter(() => this.unread);
    const { cursor, frames } = pump(device.cursor, this.rows, this.head, this.#time.now, window);
    device.cursor = cursor;
    for (const frame of frames) device.line.send(write(frame));
    if (cursor.stalledUntil === null) return;
    this.#time.after(window.stallTimeoutMs, () => {
      const now = this.#devices.get(device.line.device);
      if (now === device && (now.cursor.stalledUntil ?? forEver) <= this.#time.now)
        this.#close(device.line.device, "slow_consumer");
    });
  }

  #watchToken(device: Device): void {
    const { expires, line } = device;
    const isCurrent = () => this.#devices.get(line.device) === device && device.expires === expires;
    this.#time.after(expires - reauthBeforeMs - this.#time.now, () => {
      if (isCurrent()) line.send(frameText({ type: "reauth", expires }));
    });
    this.#time.after(expires - this.#time.now, () => {
      if (isCurrent()) this.#close(line.device, "token_expired");
    });
  }

  #close(name: string, why: "replaced" | "slow_consumer" | "token_expired"): void {
    const device = this.#devices.get(name);
    if (device === undefined) return;
    this.#devices.delete(name);
    device.line.send(frameText({ type: "bye", code: closeCodes[why], reason: why }));
    device.line.close(closeCodes[why], why);
  }
}
