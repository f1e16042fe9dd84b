/**
 * `hubbub/receipts`: the receiving end of the hub's receipt webhook. Verifies by the rules of Standard Webhooks
 * (https://www.standardwebhooks.com) that a call is the hub's, is recent and is as it was sent. Needs WebCrypto
 * only; an entry of its own, so that it costs nobody who has no webhook.
 */
import { type Check, count, fields, jsonIn, listOf, optional, text } from "./json.ts";

/**
 * How far a message got with one user.
 * - `scheduled`: kept until its time comes. `stored`: in the user's inbox. `sent`: to a connected device, the first
 *   one. `acknowledged`: by a device, each for itself. `read`: by the user.
 * - `expired`, `evicted`, `collapsed`: its time was over, the inbox was full, or a newer one of its collapse key
 *   came, before any device had acknowledged it. `retracted`, `replaced`, `handled`: taken back.
 * - `withdrawn`: taken back before it came. `left`: the user is no member of the topic. `gone`: the user was
 *   erased. `dead`: it is a dead letter, for its `reason`.
 */
export type ReceiptState =
  | "scheduled"
  | "stored"
  | "sent"
  | "acknowledged"
  | "read"
  | "expired"
  | "evicted"
  | "collapsed"
  | "retracted"
  | "replaced"
  | "handled"
  | "withdrawn"
  | "left"
  | "gone"
  | "dead";

/** One step of one message with one user. A newer hub may know more states. */
export interface ReceiptEvent {
  /** The same for each copy of the event: the webhook may be called again with what it has had. */
  readonly id: string;
  /** The message's id. */
  readonly message: string;
  readonly user: string;
  readonly state: ReceiptState;
  /** The device that was sent it, or acknowledged it. */
  readonly device?: string;
  /** Why it is dead. */
  readonly reason?: string;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}

/** As a server has them: a `Headers`, or an object with names in lower case, as in Node.js. */
export type WebhookHeaders =
  | Pick<Headers, "get">
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyOptions {
  /** The time, in milliseconds since 1970; of the system when absent. */
  readonly now?: number;
}

/** The call is not one of the hub's, or not to be believed any more. Answer it with 400, and do nothing. */
export class UnverifiedError extends Error {
  override readonly name = "UnverifiedError";
}

/** How old a call may be, and how far ahead its clock: what Standard Webhooks advises against repeated calls. */
const toleranceMs = 5 * 60_000;
const version = "v1,";
const secretPrefix = "whsec_";

/**
 * The events of a call, once it is certain that the hub has made it.
 *
 * ```ts
 * const events = await verifyReceipts(request.headers, await request.text(), process.env.RECEIPT_SECRET);
 * ```
 * @param body as it came, byte by byte: what was parsed and written again is another text
 * @param secret `whsec_…`, as the hub has it; several while it is being changed
 * @throws {UnverifiedError} for any other call, {TypeError} for a secret that is none
 */
export async function verifyReceipts(
  headers: WebhookHeaders,
  body: string | Uint8Array,
  secret: string | readonly string[],
  { now = Date.now() }: VerifyOptions = {},
): Promise<readonly ReceiptEvent[]> {
  const secrets = [secret].flat();
  if (secrets.length === 0) throw new TypeError("there is no secret");
  const keys = await Promise.all(secrets.map(importKey));
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  if (!/^\d{1,12}$/.test(timestamp)) throw new UnverifiedError("webhook-timestamp is no time");
  const signed = signedContent(`${id}.${timestamp}.`, body);
  const signatures = headerOf(headers, "webhook-signature").split(" ").flatMap(signatureIn);
  // Before the time: a stranger learns nothing of this server's clock.
  if (!(await isSigned(signed, signatures, keys))) throw new UnverifiedError("no signature is good");
  if (Math.abs(now - Number(timestamp) * 1_000) > toleranceMs)
    throw new UnverifiedError("the call is too old");
  const value = jsonIn(typeof body === "string" ? body : new TextDecoder().decode(body));
  if (!isReceipts(value)) throw new UnverifiedError("the call brings no receipts");
  return value.events;
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = isHeaders(headers) ? headers.get(name) : headers[name];
  if (typeof value === "string" && value !== "") return value;
  throw new UnverifiedError(`${name} is missing`);
}

function isHeaders(headers: WebhookHeaders): headers is Pick<Headers, "get"> {
  return typeof headers.get === "function";
}

function importKey(secret: string): Promise<CryptoKey> {
  const bytes = secret.startsWith(secretPrefix) ? bytesOf(secret.slice(secretPrefix.length)) : undefined;
  if (bytes === undefined || bytes.length === 0) {
    throw new TypeError(`a secret is ${secretPrefix} and base64, as the hub has it`);
  }
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

/** Other versions, such as of public keys, are not the hub's. */
function signatureIn(part: string): Uint8Array<ArrayBuffer>[] {
  const bytes = part.startsWith(version) ? bytesOf(part.slice(version.length)) : undefined;
  return bytes === undefined ? [] : [bytes];
}

function signedContent(head: string, body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const utf8 = new TextEncoder();
  const first = utf8.encode(head);
  const rest = typeof body === "string" ? utf8.encode(body) : body;
  const content = new Uint8Array(first.length + rest.length);
  content.set(first);
  content.set(rest, first.length);
  return content;
}

/** `verify` takes the same time for every wrong signature. */
async function isSigned(
  content: Uint8Array<ArrayBuffer>,
  signatures: readonly Uint8Array<ArrayBuffer>[],
  keys: readonly CryptoKey[],
): Promise<boolean> {
  const checks = keys.flatMap((key) =>
    signatures.map((signature) => crypto.subtle.verify("HMAC", key, signature, content)),
  );
  return (await Promise.all(checks)).includes(true);
}

/** `undefined` for what is no base64. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

const event: Check = fields({
  id: text,
  message: text,
  user: text,
  state: text,
  device: optional(text),
  reason: optional(text),
  at: count,
});

const receipts = fields({ type: (type) => type === "receipts", events: listOf(event) });

function isReceipts(value: unknown): value is { readonly events: readonly ReceiptEvent[] } {
  return receipts(value);
}
