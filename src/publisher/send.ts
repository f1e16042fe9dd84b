/** One request to the hub, tried until it has an answer. A thin shell around the rules in `retry.ts`. */
import type { Read } from "./answers.ts";
import { HubError, hubErrorOf, NoAnswerError, unexpected } from "./hub-error.ts";
import { jsonIn } from "./json.ts";
import { type Failure, isRefusal, waitMs } from "./retry.ts";

/** What the publisher uses of `fetch`. */
export type Fetch = (
  url: string,
  init: {
    readonly method: "GET" | "POST";
    readonly headers: Record<string, string>;
    readonly body?: string;
    /** Following a redirect would turn the push into a GET. */
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

/** How requests are made. Times in milliseconds. */
export interface Line {
  readonly fetch: Fetch;
  readonly attempts: number;
  /** For each try. */
  readonly timeoutMs: number;
}

export interface Call<Answer> {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly read: Read<Answer>;
  readonly signal: AbortSignal | undefined;
}

/** A call to a path of the hub, for which it is known where that is, and with which key to come. */
export interface Question<Answer> extends Omit<Call<Answer>, "url" | "headers"> {
  readonly path: string;
  readonly idempotencyKey?: string;
}

/** Rejects with the error where it is not accepted. */
export type Ask = <Answer>(question: Question<Answer>) => Promise<Answer>;

/**
 * A path of these parts, whatever they hold.
 * @throws {TypeError} for a part that every URL takes for a step in the path
 */
export function pathOf(root: string, ...parts: readonly string[]): string {
  const step = parts.find((part) => /^\.{0,2}$/.test(part));
  if (step !== undefined) throw new TypeError(`"${step}" is no name`);
  return [root, ...parts.map(encodeURIComponent)].join("/");
}

/** `refused`: for certain nothing was accepted. `unknown`: all of it may be accepted, a part, or nothing. */
export type Outcome<Answer> =
  | { readonly state: "accepted"; readonly answer: Answer }
  | { readonly state: "refused" | "unknown"; readonly error: Failure };

type Tried<Answer> = { readonly answer: Answer } | { readonly error: Failure };

/** Tries until there is an answer, the tries are used up, or the signal aborts. Never rejects. */
export async function send<Answer>(line: Line, call: Call<Answer>): Promise<Outcome<Answer>> {
  let isRefused = true;
  for (let made = 1; ; made += 1) {
    const tried = await tryOnce(line, call);
    if ("answer" in tried) return { state: "accepted", answer: tried.answer };
    const { error } = tried;
    // What an earlier try left behind, a later refusal does not take back.
    isRefused &&= isRefusal(error);
    const wait = waitMs(error, { made, allowed: line.attempts, random: Math.random() });
    if (wait !== undefined) await pause(wait, call.signal);
    if (wait === undefined || call.signal?.aborted)
      return { state: isRefused ? "refused" : "unknown", error };
  }
}

async function tryOnce<Answer>(
  // Taken out, so as not to be called as a method: browsers and Workers refuse a `fetch` with another `this`.
  { fetch, timeoutMs }: Line,
  { body, headers, method, read, signal, url }: Call<Answer>,
): Promise<Tried<Answer>> {
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(new NoAnswerError(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const giveUp = () => cut.abort(new NoAnswerError("given up by the caller", { cause: signal?.reason }));
  signal?.addEventListener("abort", giveUp);
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      redirect: "manual",
      signal: cut.signal,
    });
    if (!response.ok) return { error: await hubErrorOf(response) };
    const answer = read(jsonIn(await response.text()));
    if (answer !== undefined) return { answer };
    return { error: new HubError(response.status, unexpected("success, but not in the words of a hub")) };
  } catch (cause) {
    const { reason } = cut.signal;
    return {
      error: reason instanceof NoAnswerError ? reason : new NoAnswerError("no connection", { cause }),
    };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Waits, but not longer than until the signal aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
