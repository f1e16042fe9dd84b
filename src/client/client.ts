/**
 * A device of a user: keeps a connection to the hub and hands every message to the app once, in order.
 * A thin shell that carries out what the state machine decides; needs only WebSocket, fetch and timers,
 * and so runs in browsers, Node, Deno, Bun and Workers alike.
 */
import { type GapFrame, ownTypePrefix, type ResetReason } from "../protocol/frames.ts";
import type { Account } from "./account.ts";
import { connect } from "./connect.ts";
import type { Connected, Wanted } from "./connected.ts";
import { abnormal, type Connection } from "./connector.ts";
import { type anyType, Handlers } from "./handlers.ts";
import type { InboxPage, InboxQuery, Marked } from "./inbox.ts";
import {
  type ClientEvent,
  type ClientState,
  deadline,
  type Effect,
  initialState,
  never,
  step,
} from "./machine.ts";
import type { Message, MessageOf, MessageTypes } from "./message.ts";
import type { OwnCallbacks } from "./own-messages.ts";
import type { Preferences } from "./preferences.ts";
import type { Fault, ReadState, Status } from "./reports.ts";
import type { AnyHandlers, HandlerTypes } from "./send.ts";
import { memoryStorage, type Storage } from "./storage.ts";
import { tell } from "./tell.ts";
import type { SubscribeOptions, Subscription } from "./topics.ts";

export interface HubClientOptions extends OwnCallbacks {
  /** Where the hub is: `https://hub.example.com`. */
  readonly url: string;
  /** A connect token that is good now; asked for at every connect and before the last one expires. */
  readonly token: () => Promise<string>;
  /** This device's name: 1 to 128 of `A-Z a-z 0-9 _ . @ ~ - :`. Without it the client makes one and keeps it in the storage. A name in use elsewhere takes the connection over. */
  readonly device?: string;
  /** Where the device keeps its name and its place in the stream; without it, in memory. */
  readonly storage?: Storage;
  /** `false`: each tab of a browser connects by itself, as a device of its own. Otherwise those that share a storage (or a device that was given a name) share a connection. */
  readonly tabs?: boolean;
  /** Topics that the user is subscribed to as soon as the client is connected, once for each start; the token must allow them. */
  readonly topics?: readonly string[];
  readonly onStatus?: (status: Status) => void;
  /** Messages that will never come, and why. */
  readonly onGap?: (gap: Omit<GapFrame, "type">) => void;
  /** Delivery begins anew: everything that the hub keeps comes, and what it lost meanwhile does not. */
  readonly onDiscontinuity?: (reason: ResetReason) => void;
  /** How much is unread, and what was read, on this device or another one. */
  readonly onState?: (state: ReadState) => void;
  readonly onFault?: (fault: Fault) => void;
}

/** Where the app does not want to know, its developer has to. */
function complain(fault: Fault): void {
  console.error("hubbub:", fault);
}

/** Of a device; as the hub has it. */
const namePattern = /^[\w.@~:-]{1,128}$/;

/** Longest wait that timers take; above it they fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * ```ts
 * const client = new HubClient({ url: "https://hub.example.com", token: fetchToken, storage: webStorage("hubbub:alice") });
 * client.on("notification", ({ data }) => show(data));
 * await client.start();
 * ```
 */
export class HubClient<
  Types extends MessageTypes<Types> = Record<string, unknown>,
  Handlers extends HandlerTypes<Handlers> = AnyHandlers,
> {
  readonly #options: HubClientOptions;
  readonly #url: URL;
  readonly #storage: Storage;
  readonly #handlers = new Handlers();
  readonly #events: ClientEvent[] = [];
  #state: ClientState = initialState();
  /** Whether it was ever started, and whether it has loaded what an earlier run saved. */
  #begun = false;
  #loaded = false;
  #status: Status = { state: "stopped", code: 1000, reason: "not started" };
  /** What the last start asked for, until it is called off. */
  #wanted: Wanted | undefined;
  /** Made with its code, which is loaded when it is first needed. */
  #account: Account | undefined;
  /** How this client connects, from start to stop. */
  #connected: Connected | undefined;
  #connection: Connection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What a handler threw last. */
  #error: unknown;
  /** Who waits for the connection to be back. */
  #waiting: { back: () => void; stopped: (why: Error) => void }[] = [];

  /** @throws {TypeError} for options that can't work */
  constructor(options: HubClientOptions) {
    const { url, device = "-", token } = options;
    // For apps that no compiler has looked at: what is wrong here would be tried again for ever.
    if (!/^https?:\/\//.test(url)) throw new TypeError("url must be https://… or http://…");
    if (typeof token !== "function") throw new TypeError("token must be a function");
    if (!namePattern.test(device)) throw new TypeError("device must be 1 to 128 of A-Z a-z 0-9 _ . @ ~ - :");
    this.#options = options;
    this.#url = new URL(url.replace(/\/?$/, "/"));
    this.#storage = options.storage ?? memoryStorage();
  }

  get status(): Status {
    return this.#status;
  }

  /** Unread messages of the user, as the hub last said. */
  get unread(): number {
    return this.#state.read.unread;
  }

  /** Whether this tab holds the connection: the one that does what is to be done once in a browser, such as a sound. */
  get leading(): boolean {
    return this.#connected?.leading() ?? false;
  }

  /**
   * Handles every message of a type, or with `"*"` of every type; the next one waits until all handlers are
   * done. Throwing means: not handled, try again. Before there is any handler, nothing is handled.
   * @returns takes the handler off again
   */
  on<Type extends keyof Types & string>(
    type: Type,
    handler: (message: Message<Type, Types[Type]>) => unknown,
  ): () => void;
  on(type: typeof anyType, handler: (message: MessageOf<Types>) => unknown): () => void;
  on(type: string, handler: (message: never) => unknown): () => void {
    return this.#handlers.add({ type, handle: handler });
  }

  /**
   * Every message, one by one, until the client stops. Asking for the next one says that this one is
   * handled; whoever leaves the loop has not handled the message it is at.
   *
   * ```ts
   * for await (const message of client.messages()) await store(message);
   * ```
   */
  messages(): AsyncGenerator<MessageOf<Types>, void, undefined>;
  async *messages(): AsyncGenerator<Message, void, undefined> {
    const { loop } = await import("./loop.ts");
    yield* loop(this.#handlers, () => this.#reconnected());
  }

  /** Connects, and stays connected until {@link close} or until the hub ends it. Rejects when the storage can't be read. */
  async start(): Promise<void> {
    if (this.#wanted !== undefined) return;
    const { device, tabs = true, topics = [] } = this.#options;
    const wanted: Wanted = {
      url: this.#url,
      device,
      tabs,
      storage: this.#storage,
      account: (Made) => this.#makeAccount(Made),
    };
    this.#wanted = wanted;
    this.#begun = true;
    const connected = await connect(wanted, (event) => this.#tell(event)).catch((error: unknown) => {
      if (this.#wanted === wanted) this.#report({ state: "stopped", code: abnormal, reason: String(error) });
      throw error;
    });
    // It may have been called off meanwhile, and even started anew.
    if (this.#wanted !== wanted) {
      connected.leave();
      return;
    }
    this.#connected = connected;
    if (!this.#loaded) this.#state = initialState(connected.saved);
    this.#loaded = true;
    this.#account?.subscribeInRun(topics, {
      running: () => this.#wanted === wanted,
      leading: () => connected.leading(),
      connected: () => this.#reconnected(),
      fault: (fault) => this.#perform({ type: "fault", fault }),
    });
    this.#tell({ type: "start" });
  }

  /** Disconnects. A handler that is running may finish, and its message is saved. */
  close(): void {
    this.#wanted = undefined;
    this.#tell({ type: "stop" });
    // One that had not begun yet has no stop to report.
    this.#giveUp("closed");
  }

  /**
   * Marks messages as read, on every device of the user. Resolves when the hub has it, which may be only
   * when the connection is back; rejects when the hub refuses, or when the client stops before.
   */
  async read(marked: Marked): Promise<void> {
    return (await this.#loadAccount()).read(marked);
  }

  /** A page of the user's inbox, newest first; needs no connection. */
  inbox(query?: InboxQuery): Promise<InboxPage<MessageOf<Types>>>;
  async inbox(query: InboxQuery = {}): Promise<InboxPage> {
    return (await this.#loadAccount()).inbox(query);
  }

  /**
   * Makes the user a member of a topic, on all devices and until {@link unsubscribe}; where the user is one, that
   * is no error. Waits for the network as {@link read} does; rejects when the token does not allow the topic
   * (`code` is `forbidden`), or the user has too many.
   */
  async subscribe(topic: string, options?: SubscribeOptions): Promise<void> {
    return (await this.#loadAccount()).subscribe(topic, options);
  }

  /** The opposite of {@link subscribe}, in the same way. */
  async unsubscribe(topic: string): Promise<void> {
    return (await this.#loadAccount()).unsubscribe(topic);
  }

  /** The topics that the user is a member of; needs no connection. */
  async topics(): Promise<readonly Subscription[]> {
    return (await this.#loadAccount()).topics();
  }

  /**
   * Sends a message to a handler of the hub, and resolves with what that answers. It is sent once: where the
   * error is a `NoAnswerError`, it may have been handled or not.
   */
  send<Name extends keyof Handlers & string>(
    name: Name,
    data: Handlers[Name]["data"],
  ): Promise<Handlers[Name]["result"]>;
  async send(name: string, data: unknown): Promise<unknown> {
    return (await this.#loadAccount()).send(name, data);
  }

  /** What the user wants to be told, and when. */
  async preferences(): Promise<Preferences> {
    return (await this.#loadAccount()).preferences();
  }

  /** Replaces them as a whole; `null`: none any more. Waits for the network as {@link read} does. */
  async setPreferences(preferences: Preferences | null): Promise<void> {
    return (await this.#loadAccount()).setPreferences(preferences);
  }

  /** Resolves when there is a connection again; rejects when the client stops. */
  async #reconnected(): Promise<void> {
    if (this.#begun && this.#wanted === undefined) throw new Error("the client is stopped");
    return new Promise((back, stopped) => this.#waiting.push({ back, stopped }));
  }

  #giveUp(why: string): void {
    for (const { stopped } of this.#waiting.splice(0)) stopped(new Error(why));
  }

  /** It is there since the client was started, so that it is when the network is not. */
  async #loadAccount(): Promise<Account> {
    return this.#account ?? this.#makeAccount((await import("./account.ts")).Account);
  }

  #makeAccount(Made: typeof Account): Account {
    this.#account ??= new Made(this.#url, this.#options.token, () =>
      ["connecting", "waiting"].includes(this.#status.state) ? this.#reconnected() : undefined,
    );
    return this.#account;
  }

  /** Events wait for the effects of the one before, so that a callback may call back into the client. */
  #tell(event: ClientEvent): void {
    if (this.#events.push(event) > 1) return;
    for (let next: ClientEvent | undefined = event; next !== undefined; next = this.#events[0]) {
      const { state, effects } = step(this.#state, next, performance.now(), Math.random());
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
      this.#events.shift();
    }
    this.#setTimer();
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const waitMs = Math.ceil(deadline(this.#state) - performance.now());
    if (waitMs === never) return;
    this.#timer = setTimeout(() => this.#tell({ type: "tick" }), Math.min(waitMs, maxTimerMs));
  }

  #perform(effect: Effect): void {
    const { onGap, onDiscontinuity, onFault = complain, onState } = this.#options;
    switch (effect.type) {
      case "open": {
        const connection = this.#connected?.connector.open(effect.resume, (happening) => {
          if (connection === this.#connection) this.#tell(happening);
        });
        this.#connection = connection;
        return;
      }
      case "send":
        this.#connection?.send(effect.frame);
        return;
      case "close":
        this.#connection?.close(effect.code, effect.reason);
        this.#connection = undefined;
        return;
      case "refresh":
        this.#refresh();
        return;
      case "handle":
        this.#answer("handled", () => this.#handle(effect.message));
        return;
      case "save":
        // Async, so that a storage that throws at once has only failed to save.
        this.#answer("saved", async () => this.#connected?.save(effect.saved));
        return;
      case "status":
        this.#report(effect.status);
        return;
      case "gap": {
        const { type: _, ...gap } = effect.gap;
        tell(onGap, gap);
        return;
      }
      case "discontinuity":
        tell(onDiscontinuity, effect.reason);
        return;
      case "state":
        tell(onState, effect.state);
        return;
      case "fault": {
        const { fault } = effect;
        const told = fault.kind === "handler" ? { ...fault, error: this.#error } : fault;
        tell(onFault, told);
        return;
      }
    }
  }

  async #handle(message: Message): Promise<void> {
    if (message.type.startsWith(ownTypePrefix)) this.#connected?.tellOwn(message, this.#options);
    else await this.#handlers.handle(message);
  }

  #report(status: Status): void {
    const before = this.#status.state;
    this.#status = status;
    if (status.state === "stopped") {
      this.#wanted = undefined;
      this.#connected?.leave(status);
      this.#giveUp(status.reason);
    }
    if (status.state === "syncing" || (status.state === "live" && before !== "syncing"))
      for (const { back } of this.#waiting.splice(0)) back();
    tell(this.#options.onStatus, status);
  }

  async #refresh(): Promise<void> {
    const connection = this.#connection;
    try {
      const token = await this.#account?.tokens.fresh(performance.now());
      if (typeof token === "string" && connection === this.#connection) this.#tell({ type: "token", token });
    } catch {
      // The hub closes the connection when the old token ends, and connecting asks for one again.
    }
  }

  async #answer(type: "handled" | "saved", work: () => Promise<void>): Promise<void> {
    let ok = true;
    try {
      await work();
    } catch (error) {
      ok = false;
      this.#error = error;
    }
    this.#tell({ type, ok });
  }
}
