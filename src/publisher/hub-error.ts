/** What went wrong with a call to the hub: it refused ({@link HubError}), or it gave no answer ({@link NoAnswerError}). */
import { fields, isObject, jsonIn, text } from "./json.ts";
import { retryAfterMs } from "./retry-after.ts";

/** A part of the request that is not valid: where it is, such as `to.users[0]`, and what is allowed there. */
export interface HubFault {
  readonly path: string;
  readonly message: string;
}

/** What an answer tells of the refusal. */
export interface Refusal {
  /** Stable, from the table in docs/api.md; `unexpected_answer` where the answer is none of the hub's. */
  readonly code: string;
  /** For a human: what was wrong, and what is allowed. */
  readonly detail: string;
  /** Up to 20 places of the request that are not valid. */
  readonly errors?: readonly HubFault[];
  /** By which the hub's log knows the request. */
  readonly requestId?: string | undefined;
  /** How long the hub asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** An answer of the hub, or of something in front of it, that is not the one hoped for. */
export class HubError extends Error {
  override readonly name = "HubError";
  /** The status of HTTP. */
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly HubFault[];
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, { code, detail, errors = [], requestId, retryAfterMs }: Refusal) {
    super(`${status} ${code}: ${detail}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer came: the network failed, it took too long, or the caller gave up. What the hub made of it is not known. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/**
 * The error that an answer without success is; reads its body. Never rejects.
 *
 * ```ts
 * if (!response.ok) throw await hubErrorOf(response);
 * ```
 */
export async function hubErrorOf(response: Response): Promise<HubError> {
  const { headers, status } = response;
  // A body that breaks off takes nothing from what the status says.
  const body = await response.text().catch(() => "");
  const type = headers.get("Content-Type") ?? "no content type";
  const problem = type.startsWith("application/problem+json") ? problemIn(body) : undefined;
  const refusal = problem ?? unexpected(`not an answer of a hub (${type}); is the URL right?`);
  return new HubError(status, {
    ...refusal,
    retryAfterMs: retryAfterMs(headers.get("Retry-After"), Date.now()),
  });
}

/** Of an answer that nobody understands. */
export function unexpected(detail: string): Refusal {
  return { code: "unexpected_answer", detail };
}

function problemIn(body: string): Refusal | undefined {
  const value = jsonIn(body);
  if (!isObject(value)) return undefined;
  const { code, detail, errors, instance } = value;
  if (typeof code !== "string" || typeof detail !== "string") return undefined;
  return {
    code,
    detail,
    errors: Array.isArray(errors) ? errors.filter(isFault) : [],
    requestId: typeof instance === "string" ? instance.replace(/^urn:uuid:/, "") : undefined,
  };
}

const fault = fields({ path: text, message: text });

function isFault(value: unknown): value is HubFault {
  return fault(value);
}
