/** Requests to the hub over HTTP, as the user whom the token names. Loaded when there is one, or with the way to connect. */
import * as closeCodes from "../protocol/close-code-table.ts";
import { backoffBoundMs } from "./backoff.ts";
import { claimsOf } from "./claims.ts";
import * as clientLimits from "./limits.ts";
import { isLike } from "./shape.ts";
import type { Tokens } from "./tokens.ts";

/** The hub as a client reaches it. */
export interface Line {
  /** With a slash at its end. */
  readonly url: URL;
  readonly tokens: Tokens;
  /** Resolves when there is a connection again; `undefined` while there is one. Rejects when the client stops. */
  back(): Promise<void> | undefined;
}

export interface Asked {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `v1/users/<user>/`. */
  readonly path: string;
  /** JSON, if any. */
  readonly body?: unknown;
}

/** The hub refused, or could not do it. */
export class HubError extends Error {
  override readonly name = "HubError";
  /** The status of HTTP. */
  readonly status: number;
  /** Stable, as in the hub's table of problems; `undefined` where the answer is not the hub's. */
  readonly code: string | undefined;

  constructor(status: number, body: string) {
    const value = jsonIn(body);
    const problem = isProblem(value) ? value : undefined;
    super(`the hub refused: ${status} ${problem ? `${problem.code}: ${problem.detail}` : body}`);
    this.status = status;
    this.code = problem?.code;
  }
}

/** No answer came: the hub may have done what it was asked for, or not. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/**
 * Asks until there is an answer: waits for the connection where that is lost, and otherwise a moment, a few
 * times. For what does no harm if it is done twice.
 * @throws {HubError} when the hub refuses, what `back` rejects with, and whatever the last try fails with
 */
export async function insist(line: Line, asked: Asked): Promise<unknown> {
  for (let failures = 0; ; ) {
    try {
      return await call(line, asked);
    } catch (error) {
      if (!isPassing(error)) throw error;
      const returned = line.back();
      if (returned === undefined) failures += 1;
      if (failures === clientLimits.tries) throw error;
      await (returned ?? new Promise((over) => setTimeout(over, backoffBoundMs(failures))));
    }
  }
}

/**
 * Asks once; with a fresh token again, where the hub does not take the first one.
 * @throws {HubError} when the hub refuses, {@link NoAnswerError} when it says nothing; what the app's `token` throws
 */
export async function call(line: Line, asked: Asked): Promise<unknown> {
  const { token, ...answer } = await ask(line, asked);
  if (answer.status !== 401) return valueIn(answer);
  // Revoked, or over by the hub's clock: another one may be good.
  line.tokens.refused(token, closeCodes.token_expired, performance.now());
  return valueIn(await ask(line, asked));
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function ask(
  { url, tokens }: Line,
  { method, path, body }: Asked,
): Promise<Answer & { readonly token: string }> {
  const { last } = tokens;
  const token = isGood(last, Date.now()) ? last : await tokens.fresh(performance.now());
  if (typeof token !== "string") throw new Error(token.reason);
  const user = claimsOf(token)?.sub;
  if (user === undefined) throw new Error("the token names no user");
  try {
    const answer = await fetch(new URL(`v1/users/${user}/${path}`, url), {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { token, status: answer.status, text: await answer.text() };
  } catch (cause) {
    throw new NoAnswerError(`no answer, so it is not known whether the hub did it: ${cause}`, { cause });
  }
}

function valueIn({ status, text }: Answer): unknown {
  if (status < 200 || status > 299) throw new HubError(status, text);
  const value = jsonIn(text);
  if (value === undefined) throw new Error("that was no answer of a hub");
  return value;
}

/** Whether the same request may fare better later. A `fetch` that fails in the app's own `token` is a TypeError. */
function isPassing(error: unknown): boolean {
  if (error instanceof HubError) return error.status === 429 || error.status >= 500;
  return error instanceof NoAnswerError || error instanceof TypeError;
}

function isGood(token: string, now: number): boolean {
  return (claimsOf(token)?.exp ?? 0) * 1_000 - now > clientLimits.tokenSpareMs;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(value: unknown): value is { readonly code: string; readonly detail: string } {
  return isLike(value, { code: "", detail: "" });
}
