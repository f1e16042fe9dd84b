/**
 * A hub for one user, at the other end of virtual sockets: a stream with a window, epochs, and one
 * connection a device. It holds its clients to the protocol: what breaks it stands in `complaints`.
 */
import { closeCodes } from "../../src/protocol/close-codes.ts";
import type { ServerFrame, WelcomeFrame } from "../../src/protocol/frames.ts";
import type { Random } from "../rules/simulator/prng.ts";
import { liveMessage, streamMessage, welcome, withdrawal } from "./client-driver.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** The client's end of a connection. */
interface Far {
  readonly url: string;
  readonly token: string;
  receive(text: string): void;
  ended(code: number, reason: string): void;
}

/** One connection, on the hub's side. */
interface Near {
  readonly far: Far;
  readonly device: string;
  open: boolean;
  welcomed: boolean;
  sent: number;
  acked: number;
  /** When the last of what was sent arrives: a connection keeps its order. */
  arrival: number;
}

export class StreamHub {
  readonly #time: VirtualTime;
  readonly #random: Random;
  epoch = "epoch-1";
  /** The ids of the stream, from number 1 on; `undefined`: gone. */
  stream: (string | undefined)[] = [];
  read = { unread: 0, readUpTo: 0, rev: 0 };
  window = 64;
  /** How connections end that are tried now: by the hub's refusal, or by a network that is down (1006). */
  refuse: number | undefined;
  /** How much later than others the hub hears of connections that are opened now, and of their end. */
  lagMs = 0;
  /** Every connection that was ever tried. */
  readonly tried: Near[] = [];
  readonly complaints: string[] = [];
  #published = 0;
  /** Which message is withdrawn by which, by their ids. */
  readonly #withdrawals = new Map<string, string>();

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  get open(): readonly Near[] {
    return this.tried.filter(({ open }) => open);
  }

  get head(): number {
    return this.stream.length;
  }

  publish(count = 1): void {
    for (let done = 0; done < count; done += 1) {
      this.#published += 1;
      this.stream.push(`message-${this.#published}`);
      this.read = { ...this.read, unread: this.read.unread + 1 };
      this.#pumpAll();
    }
  }

  /** A message of the stream and its copy ahead of its turn. */
  express(): void {
    const seq = this.head + 1;
    const id = `message-${this.#published + 1}`;
    for (const near of this.open) {
      if (near.welcomed) this.#send(near, { type: "express", message: streamMessage(seq, id) });
    }
    this.publish();
  }

  /** Takes a message back: it is gone from the stream, which says so at its end. */
  withdraw(id: string, { express = false } = {}): void {
    this.stream = this.stream.map((other) => (other === id ? undefined : other));
    const message = withdrawal(this.head + 1, id);
    this.#withdrawals.set(message.id, id);
    if (express) this.say({ type: "express", message });
    this.stream.push(message.id);
    this.#pumpAll();
  }

  publishLive(id: string): void {
    this.say({ type: "live", message: liveMessage(id) });
  }

  /** Says something on every connection. */
  say(frame: ServerFrame): void {
    for (const near of this.open) if (near.welcomed) this.#send(near, frame);
  }

  /** Numbers up to there are delivered no more. */
  expire(upTo: number): void {
    this.stream = this.stream.map((id, index) => (index < upTo ? undefined : id));
  }

  /** Its storage is lost, and the numbers begin anew. */
  loseStorage(): void {
    this.epoch = `epoch-${Number(this.epoch.slice(6)) + 1}`;
    this.stream = [];
    this.end(1006);
  }

  /** Ends every connection. */
  end(code: number, reason = ""): void {
    for (const near of this.open) {
      near.open = false;
      this.#time.after(this.#latency(), () => near.far.ended(code, reason));
    }
  }

  /** The connections that are open now fall silent, and nobody is told. */
  vanish(): void {
    for (const near of this.open) near.open = false;
  }

  connect(far: Far): { said(text: string): void; left(): void } {
    const query = new URL(far.url).searchParams;
    const device = query.get("device") ?? "";
    const near: Near = { far, device, open: true, welcomed: false, sent: 0, acked: 0, arrival: 0 };
    this.tried.push(near);
    const { lagMs } = this;
    this.#time.after(lagMs + this.#latency(), () => this.#admit(near, query.get("epoch"), query.get("seq")));
    return {
      said: (text) => this.#time.after(this.#latency(), () => near.open && this.#hear(near, text)),
      left: () => this.#time.after(lagMs + this.#latency(), () => this.#forget(near)),
    };
  }

  #admit(near: Near, epoch: string | null, seq: string | null): void {
    if (this.refuse !== undefined) {
      near.open = false;
      near.far.ended(this.refuse, "refused");
      return;
    }
    if (!near.open) return;
    for (const other of this.open) {
      if (!other.welcomed || other === near || other.device !== near.device) continue;
      other.open = false;
      this.#time.after(this.#latency(), () => other.far.ended(closeCodes.replaced, "replaced"));
    }
    const resumed = epoch === this.epoch;
    const from = resumed ? Number(seq) : 0;
    if (from > this.head) this.complaints.push(`resumed at ${from} of ${this.head}`);
    const reason: WelcomeFrame["reason"] = seq === null ? "new" : "epoch";
    near.welcomed = true;
    near.sent = from;
    near.acked = from;
    const parts = { epoch: this.epoch, head: this.head, from, resumed, ...this.read };
    this.#send(near, welcome(resumed ? parts : { ...parts, reason }));
    this.#pump(near);
  }

  #hear(near: Near, text: string): void {
    if (text === "ping") {
      this.#sendText(near, "pong");
      return;
    }
    const frame: unknown = JSON.parse(text);
    if (typeof frame !== "object" || frame === null || !("type" in frame)) return;
    if (frame.type !== "ack" || !("seq" in frame) || !("epoch" in frame)) return;
    if (frame.epoch !== this.epoch) this.complaints.push(`ack of ${frame.epoch} in ${this.epoch}`);
    const seq = Number(frame.seq);
    if (!Number.isSafeInteger(seq) || seq > near.sent) this.complaints.push(`ack ${seq} of ${near.sent}`);
    near.acked = Math.max(near.acked, seq);
    this.#pump(near);
  }

  #forget(near: Near): void {
    near.open = false;
  }

  #pumpAll(): void {
    for (const near of this.open) if (near.welcomed) this.#pump(near);
  }

  #pump(near: Near): void {
    const { stream, window } = this;
    while (near.sent < stream.length) {
      const from = near.sent + 1;
      while (near.sent < stream.length && stream[near.sent] === undefined) near.sent += 1;
      if (near.sent >= from) this.#send(near, { type: "gap", from, to: near.sent, reason: "expired" });
      const messages = [];
      for (let id = stream[near.sent]; id !== undefined; id = stream[near.sent]) {
        if (near.sent - near.acked >= window || messages.length === 5) break;
        near.sent += 1;
        const of = this.#withdrawals.get(id);
        messages.push(of === undefined ? streamMessage(near.sent, id) : withdrawal(near.sent, of));
      }
      if (messages.length > 0) {
        this.#send(near, { type: "messages", messages, unread: this.read.unread });
      } else if (stream[near.sent] !== undefined) return;
    }
  }

  #send(near: Near, frame: ServerFrame): void {
    this.#sendText(near, JSON.stringify(frame));
  }

  #sendText(near: Near, text: string): void {
    near.arrival = Math.max(near.arrival, this.#time.now + this.#latency());
    this.#time.after(near.arrival - this.#time.now, () => near.open && near.far.receive(text));
  }

  #latency(): number {
    return 1 + this.#random.next() * 9;
  }
}
