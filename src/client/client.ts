/**
 * A device of a user: keeps a connection to the hub and hands every message to the app once, in order.
 * A thin shell that carries out what the state machine decides; needs only WebSocket and timers, and so
 * runs in browsers, Node, Deno, Bun and Workers alike.
 */
import {
  bearerPrefix,
  type GapFrame,
  type LiveMessage,
  type ResetReason,
  type StreamMessage,
  subprotocol,
} from "../protocol/frames.ts";
import { type ClientEvent, type ClientState, deadline, type Effect, initialState, step } from "./machine.ts";
import { parseFrame } from "./parse-frame.ts";
import type { Fault, Status } from "./state.ts";
import { memoryStorage, type Storage } from "./storage.ts";

export interface HubClientOptions {
  /** Where the hub is: `https://hub.example.com`. */
  readonly url: string;
  /** A connect token that is good now; asked for at every connect and before the last one expires. */
  readonly token: () => Promise<string>;
  /** This device's name, kept by the app: a name in use elsewhere takes the connection over. */
  readonly device: string;
  /** Where the progress is kept; without it, in memory. */
  readonly storage?: Storage;
  /** One message; the next one waits. Throwing means: not handled, try again. */
  readonly onMessage: (message: StreamMessage | LiveMessage) => void | Promise<void>;
  readonly onStatus?: (status: Status) => void;
  /** Messages that will never come, and why. */
  readonly onGap?: (gap: GapFrame) => void;
  /** Delivery begins anew: everything that the hub keeps comes, and what it lost meanwhile does not. */
  readonly onDiscontinuity?: (reason: ResetReason) => void;
  /** A message passed over after its tries, a save that failed, a complaint of the hub. */
  readonly onFault?: (fault: Fault) => void;
}

type Resume = Extract<Effect, { type: "open" }>["resume"];

/** Longest wait that timers take; above it they fire at once. */
const maxTimerMs = 2 ** 31 - 1;
/** Of `readyState`, in every WebSocket. */
const openState = 1;

export class HubClient {
  readonly #options: HubClientOptions;
  readonly #storage: Storage;
  readonly #events: ClientEvent[] = [];
  /** From the first start on. */
  #state: ClientState | undefined;
  #wanted = false;
  #socket: WebSocket | undefined;
  /** Of the current connection; what happens to an earlier one is no longer told. */
  #connection = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HubClientOptions) {
    this.#options = options;
    this.#storage = options.storage ?? memoryStorage();
  }

  /** Connects, and stays connected until {@link close}. Rejects when the storage can't be read. */
  async start(): Promise<void> {
    this.#wanted = true;
    const saved = await this.#storage.load();
    this.#state ??= initialState(saved);
    if (this.#wanted) this.#tell({ type: "start" });
  }

  /** Disconnects. A handler that is running may finish, and its message is saved. */
  close(): void {
    this.#wanted = false;
    this.#tell({ type: "stop" });
  }

  /** Events wait for the effects of the one before, so that a callback may call back into the client. */
  #tell(event: ClientEvent): void {
    if (this.#events.push(event) > 1) return;
    for (let next: ClientEvent | undefined = event; next !== undefined; next = this.#events[0]) {
      if (this.#state !== undefined) {
        const { state, effects } = step(this.#state, next, performance.now(), Math.random());
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
      }
      this.#events.shift();
    }
    this.#setTimer();
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const at = this.#state === undefined ? Number.POSITIVE_INFINITY : deadline(this.#state);
    if (at === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(Math.max(at - performance.now(), 0), maxTimerMs);
    this.#timer = setTimeout(() => this.#tell({ type: "tick" }), Math.ceil(waitMs));
  }

  #perform(effect: Effect): void {
    const { onMessage, onStatus, onGap, onDiscontinuity, onFault } = this.#options;
    switch (effect.type) {
      case "open":
        this.#open(effect.resume);
        return;
      case "send":
        if (this.#socket?.readyState !== openState) return;
        this.#socket.send(typeof effect.frame === "string" ? effect.frame : JSON.stringify(effect.frame));
        return;
      case "close":
        this.#connection += 1;
        this.#socket?.close(effect.code, effect.reason);
        this.#socket = undefined;
        return;
      case "refresh":
        this.#refresh();
        return;
      case "handle":
        this.#answer("handled", async () => onMessage(effect.message));
        return;
      case "save":
        // Async, so that a storage that throws at once has only failed to save.
        this.#answer("saved", async () => this.#storage.save(effect.saved));
        return;
      // A callback that throws is the app's error, thrown where the app sees it, and none of the client's.
      case "status":
        queueMicrotask(() => onStatus?.(effect.status));
        return;
      case "gap":
        queueMicrotask(() => onGap?.(effect.gap));
        return;
      case "discontinuity":
        queueMicrotask(() => onDiscontinuity?.(effect.reason));
        return;
      case "fault":
        queueMicrotask(() => onFault?.(effect.fault));
        return;
    }
  }

  async #open(resume: Resume): Promise<void> {
    this.#connection += 1;
    const connection = this.#connection;
    const tell = (event: ClientEvent) => {
      if (connection === this.#connection) this.#tell(event);
    };
    try {
      const token = await this.#options.token();
      if (connection !== this.#connection) return;
      const socket = new WebSocket(connectUrl(this.#options, resume), [subprotocol, bearerPrefix + token]);
      this.#socket = socket;
      socket.addEventListener("message", ({ data }) => {
        const frame = typeof data === "string" ? parseFrame(data) : undefined;
        tell(frame === undefined ? { type: "heard" } : { type: "frame", frame });
      });
      socket.addEventListener("close", ({ code, reason }) => tell({ type: "closed", code, reason }));
    } catch (error) {
      tell({ type: "closed", code: 1006, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  async #refresh(): Promise<void> {
    const connection = this.#connection;
    try {
      const token = await this.#options.token();
      if (connection === this.#connection) this.#tell({ type: "token", token });
    } catch {
      // The hub closes the connection when the old token ends, and connecting asks for one again.
    }
  }

  async #answer(type: "handled" | "saved", work: () => Promise<void>): Promise<void> {
    const ok = await work().then(
      () => true,
      () => false,
    );
    this.#tell({ type, ok });
  }
}

/** The URL of the connection; the resume point travels in it, so that resuming costs no frame of its own. */
export function connectUrl(
  { url, device }: Pick<HubClientOptions, "url" | "device">,
  resume: Resume,
): string {
  const target = new URL("v1/connect", url.endsWith("/") ? url : `${url}/`);
  target.protocol = target.protocol.replace("http", "ws");
  target.searchParams.set("device", device);
  if (resume !== undefined) {
    target.searchParams.set("epoch", resume.epoch);
    target.searchParams.set("seq", String(resume.seq));
  }
  return target.href;
}
