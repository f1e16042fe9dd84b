/** Pushes messages from a server to the hub. Needs `fetch` and timers only: runs in Node, Deno, Bun and Workers alike. */
import type { Priority } from "../protocol/priority.ts";
import { readConnectToken, readPresence, readReceipt, readReceipts } from "./answers.ts";
import { BatchError, sendChunks } from "./batch.ts";
import { bodyOf, checkedKey, chunksOf, inParts } from "./chunks.ts";
import { publisherLimits } from "./limits.ts";
import { Topics } from "./members.ts";
import {
  type Audience,
  type ConnectToken,
  messageText,
  type PublishMessage,
  type Receipt,
  type UserPresence,
} from "./message.ts";
import { type Fetch, type Line, type Outcome, pathOf, type Question, send } from "./send.ts";

export interface HubPublisherOptions {
  /** Where the hub is: `https://hub.example.com`. */
  readonly url: string;
  /**
   * An API key with the scope `publish`, and others for some of the functions: `broadcast` to push to everyone, `tokens`,
   * `topics`, `users:read` for presence. Never give it to a browser.
   */
  readonly key: string;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch;
  /** Tries of each request, the first included; 5 when absent. */
  readonly attempts?: number;
  /** How long each try may take, in milliseconds; 30,000 when absent. */
  readonly timeoutMs?: number;
}

export interface PublishOptions {
  /**
   * 1 to 255 visible ASCII characters. The same messages under the same key are delivered once, however often
   * they are pushed. Made when absent, which covers the tries of one call.
   */
  readonly idempotencyKey?: string;
  /** Gives up when it aborts. What is under way by then may have been accepted. */
  readonly signal?: AbortSignal;
}

export interface BatchOptions extends PublishOptions {
  /** Requests at the same time; 2 when absent. 1 sends them one after the other. */
  readonly concurrency?: number;
}

export interface RetractOptions {
  /** `high` when absent. */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
}

export interface TokenOptions {
  /** The only device that may use it. */
  readonly device?: string;
  /**
   * Topics that the user may join and leave from the device: names, or patterns such as `team.*`, for one level
   * more, and `team.**`, for any number. None when absent.
   */
  readonly topics?: readonly string[];
  /** Scopes that the hub's handlers ask for; none when absent. */
  readonly scopes?: readonly string[];
  /** Seconds, up to 3,600, which it is when absent. */
  readonly ttl?: number;
  readonly signal?: AbortSignal;
}

/**
 * Pushes to one hub. `Types` maps each type of message to the shape of its data; without it, everything goes.
 *
 * ```ts
 * const hub = new HubPublisher({ url: "https://hub.example.com", key });
 * await hub.publish({ to: { user: "alice" }, type: "notification", data: { title: "Hello!" } });
 * ```
 */
export class HubPublisher<Types extends object = Readonly<Record<string, unknown>>> {
  /** The members of topics. */
  readonly topics: Topics;
  readonly #line: Line;
  readonly #base: string;
  readonly #key: string;

  /** @throws {TypeError} or {RangeError} for options that can't work */
  constructor({
    url,
    key,
    fetch = globalThis.fetch,
    attempts = publisherLimits.attempts,
    timeoutMs = publisherLimits.timeoutMs,
  }: HubPublisherOptions) {
    // Here, and without repeating it: `fetch` would tell of it with every try, and quote it.
    if (typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key))
      throw new TypeError("key must be an API key of the hub");
    this.#key = key;
    this.#base = new URL(url.endsWith("/") ? url : `${url}/`).href;
    this.#line = {
      fetch,
      attempts: whole("attempts", attempts, Number.MAX_SAFE_INTEGER),
      timeoutMs: whole("timeoutMs", timeoutMs, publisherLimits.maxTimeoutMs),
    };
    this.topics = new Topics((call) => this.#ask(call), attempts);
  }

  /**
   * Pushes one message; resolves once the hub has it.
   *
   * ```ts
   * const receipt = await hub.publish(
   *   { to: { users: ["alice", "bob"] }, type: "order.shipped", data: { order: 1001 } },
   *   { idempotencyKey: "order-1001-shipped" },
   * );
   * ```
   * @throws {HubError} when the hub refuses, {@link NoAnswerError} when it can't be reached, the signal's reason
   * when that aborts
   */
  async publish(
    message: PublishMessage<Types>,
    { idempotencyKey = crypto.randomUUID(), signal }: PublishOptions = {},
  ): Promise<Receipt> {
    return this.#ask({
      method: "POST",
      path: "v1/messages",
      idempotencyKey: checkedKey(idempotencyKey),
      body: messageText(message),
      read: readReceipt,
      signal,
    });
  }

  /**
   * Pushes any number of messages, in requests of as many as the hub takes. Resolves with a receipt for each, in
   * their order, once the hub has them all.
   *
   * ```ts
   * const receipts = await hub.publishBatch(
   *   ["alice", "bob"].map((user) => ({ to: { user }, type: "newsletter", data: { issue: 46 } })),
   *   { idempotencyKey: "newsletter-46" },
   * );
   * ```
   * @throws {BatchError} when not all were accepted: it says which were, and that nothing else was is certain only
   * where it says so. Repeat the whole with the same key, and nothing is delivered twice.
   */
  async publishBatch(
    messages: readonly PublishMessage<Types>[],
    {
      concurrency = publisherLimits.concurrency,
      idempotencyKey = crypto.randomUUID(),
      signal,
    }: BatchOptions = {},
  ): Promise<Receipt[]> {
    const workers = whole("concurrency", concurrency, publisherLimits.maxConcurrency);
    const url = this.#path("v1/messages");
    const chunks = chunksOf(messages, checkedKey(idempotencyKey));
    const outcomes = await sendChunks(chunks, workers, signal, (chunk) =>
      send(this.#line, {
        method: "POST",
        url,
        headers: this.#headers(chunk.idempotencyKey),
        body: bodyOf(messages.slice(chunk.from, chunk.to)),
        read: readReceipts(chunk.to - chunk.from),
        signal,
      }),
    );
    const receipts = outcomes.flatMap((outcome) => (outcome.state === "accepted" ? outcome.receipts : []));
    if (receipts.length === messages.length) return receipts;
    throw new BatchError(outcomes, idempotencyKey, signal?.reason);
  }

  /**
   * Takes a message back: who has not got it does not get it, devices that have it are told to take it down, those that are
   * away as soon as they come back. One that is not delivered yet, such as for its `deliverAt`, is never delivered. Doing it
   * twice is doing it once.
   *
   * ```ts
   * await hub.retract(receipt.id, { topic: "team.7" });
   * ```
   * @param to the audience that it was pushed to, or a part of it
   * @throws as {@link publish}
   */
  async retract(id: string, to: Audience, { priority, signal }: RetractOptions = {}): Promise<Receipt> {
    return this.#ask({
      method: "POST",
      path: pathOf("v1/messages", id, "retract"),
      body: JSON.stringify({ to, priority }),
      read: readReceipt,
      signal,
    });
  }

  /**
   * Which of these users are online, each once, in their order.
   *
   * ```ts
   * const [alice] = await hub.presence(["alice", "bob"]);
   * ```
   * @throws as {@link publish}
   */
  async presence(
    users: readonly string[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<UserPresence[]> {
    const found: UserPresence[] = [];
    for (const part of inParts([...new Set(users)], publisherLimits.namedUsers)) {
      const body = JSON.stringify({ users: part });
      const read = readPresence(part.length);
      found.push(...(await this.#ask({ method: "POST", path: "v1/presence", body, read, signal })));
    }
    return found;
  }

  /**
   * A connect token for a user, to be handed to one of the user's devices.
   *
   * ```ts
   * const { token } = await hub.token("alice", { device: "phone", ttl: 600 });
   * ```
   * @throws as {@link publish}
   */
  async token(user: string, { signal, ...narrowed }: TokenOptions = {}): Promise<ConnectToken> {
    return this.#ask({
      method: "POST",
      path: "v1/tokens",
      body: JSON.stringify({ user, ...narrowed }),
      read: readConnectToken,
      signal,
    });
  }

  async #ask<Answer>({ path, idempotencyKey, ...call }: Question<Answer>): Promise<Answer> {
    call.signal?.throwIfAborted();
    const outcome: Outcome<Answer> = await send(this.#line, {
      ...call,
      url: this.#path(path),
      headers: this.#headers(idempotencyKey),
    });
    if (outcome.state === "accepted") return outcome.answer;
    call.signal?.throwIfAborted();
    throw outcome.error;
  }

  #path(path: string): string {
    return new URL(path, this.#base).href;
  }

  #headers(idempotencyKey?: string): Record<string, string> {
    return {
      Authorization: `Bearer ${this.#key}`,
      "Content-Type": "application/json",
      ...(idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey }),
    };
  }
}

function whole(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from 1 to ${most}`);
}
