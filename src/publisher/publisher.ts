/** Pushes messages from a server to the hub. Needs `fetch` and timers only: runs in Node, Deno, Bun and Workers alike. */
import { readConnectToken, readReceipt, readReceipts } from "./answers.ts";
import { BatchError, sendChunks } from "./batch.ts";
import { bodyOf, checkedKey, chunksOf } from "./chunks.ts";
import { publisherLimits } from "./limits.ts";
import type { ConnectToken, PublishMessage, Receipt } from "./message.ts";
import { type Call, type Fetch, type Line, type Outcome, send } from "./send.ts";

export interface HubPublisherOptions {
  /** Where the hub is: `https://hub.example.com`. */
  readonly url: string;
  /** An API key with the scope `publish`, and `tokens` for {@link HubPublisher.token}. Never give it to a browser. */
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

export interface TokenOptions {
  /** The only device that may use it. */
  readonly device?: string;
  /** Seconds, up to 3,600, which it is when absent. */
  readonly ttl?: number;
  readonly signal?: AbortSignal;
}

/**
 * Pushes to one hub. `Types` maps each type of message to the shape of its data; without it, everything goes.
 *
 * ```ts
 * const hub = new HubPublisher({ url: "https://hub.example.com", key });
 * await hub.publish({ to: { user: "alice" }, type: "notification", data: { text: "Hello!" } });
 * ```
 */
export class HubPublisher<Types extends object = Readonly<Record<string, unknown>>> {
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
    const headers = this.#headers(checkedKey(idempotencyKey));
    const body = JSON.stringify(message);
    return this.#ask({ url: this.#path("v1/messages"), headers, body, read: readReceipt, signal });
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
   * A connect token for a user, to be handed to one of the user's devices.
   *
   * ```ts
   * const { token } = await hub.token("alice", { device: "phone", ttl: 600 });
   * ```
   * @throws as {@link publish}
   */
  async token(user: string, { device, signal, ttl }: TokenOptions = {}): Promise<ConnectToken> {
    const body = JSON.stringify({ user, device, ttl });
    return this.#ask({
      url: this.#path("v1/tokens"),
      headers: this.#headers(),
      body,
      read: readConnectToken,
      signal,
    });
  }

  async #ask<Answer>(call: Call<Answer>): Promise<Answer> {
    call.signal?.throwIfAborted();
    const outcome: Outcome<Answer> = await send(this.#line, call);
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
