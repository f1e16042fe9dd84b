/**
 * How the API says no: `application/problem+json` (RFC 9457) with a stable `code`. A problem tells what
 * was wrong and what is allowed. It never repeats a value, and holds no stack, query or inner name.
 */
import { ProviderUnavailable } from "../auth/provider-keys.ts";
import { errorText, log } from "../observe/log.ts";
import type { Fault } from "../protocol/faults.ts";
import { Misconfigured } from "../settings.ts";
import { bodyHeaders } from "./json-text.ts";

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Headers that belong to every answer of the kind. */
  readonly headers?: Readonly<Record<string, string>>;
}

const badToken = { "WWW-Authenticate": 'Bearer error="invalid_token"' };

/** Every code with its status and title. A code keeps its meaning for ever; new ones may be added. */
export const problems = {
  invalid_body: { status: 400, title: "The body is not what this route takes" },
  invalid_request: { status: 400, title: "A header, a part of the path or of the query is not valid" },
  too_deep: { status: 400, title: "The data is nested too deeply" },
  too_complex: { status: 400, title: "The data holds too many values" },
  not_finite: { status: 400, title: "The data holds a number beyond the range of a double" },
  query_token_refused: { status: 400, title: "This hub takes no token in the query" },
  token_too_long: { status: 400, title: "The token is too long" },
  unauthenticated: {
    status: 401,
    title: "Credentials are missing",
    headers: { "WWW-Authenticate": "Bearer" },
  },
  api_key_invalid: { status: 401, title: "The API key is not valid", headers: badToken },
  wrong_credential_type: {
    status: 401,
    title: "This route takes another kind of credential",
    headers: badToken,
  },
  token_invalid: { status: 401, title: "The token is not valid", headers: badToken },
  token_expired: { status: 401, title: "The token has expired", headers: badToken },
  insufficient_scope: { status: 403, title: "The API key or token lacks the scope" },
  forbidden: { status: 403, title: "The token does not open this" },
  origin_refused: { status: 403, title: "Pages of this origin may not connect" },
  not_found: { status: 404, title: "There is nothing here" },
  unknown_name: { status: 404, title: "No handler has this name" },
  method_not_allowed: { status: 405, title: "The method is not allowed here" },
  topic_limit: { status: 409, title: "The user is in too many topics" },
  too_old: { status: 409, title: "Too old to be sent again" },
  expired: { status: 409, title: "Its time is over" },
  too_large: { status: 413, title: "Too large" },
  url_too_long: { status: 414, title: "The URL is too long" },
  unsupported_media_type: { status: 415, title: "The body must be JSON in UTF-8, without compression" },
  invalid_data: { status: 422, title: "The data is not as its type or its handler takes it" },
  unknown_type: { status: 422, title: "This hub knows no such type of message" },
  upgrade_required: { status: 426, title: "This route speaks WebSocket", headers: { Upgrade: "websocket" } },
  too_many_running: {
    status: 429,
    title: "Too many handlers of the user run at once",
    headers: { "Retry-After": "1" },
  },
  handler_failed: { status: 500, title: "The handler failed" },
  internal: { status: 500, title: "The hub failed" },
  lane_unavailable: {
    status: 503,
    title: "The messages could not be queued",
    headers: { "Retry-After": "2" },
  },
  user_unavailable: {
    status: 503,
    title: "The user's object could not be reached",
    headers: { "Retry-After": "2" },
  },
  handler_timeout: { status: 504, title: "The handler took too long" },
  presence_unavailable: {
    status: 503,
    title: "Who is online could not be found out",
    headers: { "Retry-After": "2" },
  },
  provider_unavailable: {
    status: 503,
    title: "The identity provider could not be reached",
    headers: { "Retry-After": "5" },
  },
  misconfigured: { status: 503, title: "The hub is not configured", headers: { "Retry-After": "60" } },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problems;

/** Thrown by a route to answer with a problem. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly faults: readonly Fault[];
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail for the reader of this one answer: what was wrong, and what is allowed */
  constructor(
    code: ProblemCode,
    detail: string,
    more: { readonly faults?: readonly Fault[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.code = code;
    this.faults = more.faults ?? [];
    this.headers = more.headers ?? {};
  }
}

/** The problem that an exception is. What nobody expected is logged, and told as `internal` without a word about it. */
export function problemOf(error: unknown, request: string): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Misconfigured) return new Problem("misconfigured", error.faults.join("; "));
  if (error instanceof ProviderUnavailable) {
    log("error", "provider_unavailable", { request, error: errorText(error.cause) });
    return new Problem(
      "provider_unavailable",
      "the keys to check the token with could not be fetched; try again",
    );
  }
  log("error", "request_failed", { request, error: errorText(error) });
  if (isPassing(error)) return new Problem("user_unavailable", "nothing is known of the outcome; try again");
  return new Problem("internal", "an unexpected fault, logged under the id in instance");
}

/** The answer to a request, whose id it names. */
export function problemResponse(problem: Problem, request: string): Response {
  const { status, title, headers }: ProblemKind = problems[problem.code];
  const body = {
    type: `urn:hubbub:problem:${problem.code}`,
    title,
    status,
    code: problem.code,
    detail: problem.message,
    instance: `urn:uuid:${request}`,
    ...(problem.faults.length === 0 ? {} : { errors: problem.faults }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      ...headers,
      ...problem.headers,
      ...bodyHeaders,
      "Content-Type": "application/problem+json",
    },
  });
}

/** Set by the runtime on errors of an object that was restarted, moved, or has more to do than it can. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ("retryable" in error && error.retryable === true) || ("overloaded" in error && error.overloaded === true)
  );
}
