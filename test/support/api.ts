/** Calls to the API of the hub under test, in workerd. */
import { env, exports } from "cloudflare:workers";
import { vi } from "vitest";
import { app } from "../../src/http/app.ts";
import type { Receipt } from "../../src/http/receipt.ts";
import { origin } from "./connect.ts";
import { type testBindings, withKey } from "./credentials.ts";
import { undescribed } from "./described.ts";

export interface Call {
  /** An API key or a token; without it, the key that may do everything. */
  readonly credential?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: BodyInit;
  /** Bindings in place of the hub's own. */
  readonly bindings?: Partial<Env & Record<keyof typeof testBindings, string>>;
}

/** One request. `path` with its leading slash. An answer that the description of the API does not know fails the test. */
export async function api(method: string, path: string, call: Call = {}): Promise<Response> {
  const body = call.json === undefined ? call.body : JSON.stringify(call.json);
  const request = new Request(`${origin}${path}`, {
    method,
    headers: { ...withKey(call.credential), ...call.headers },
    ...(body === undefined ? {} : { body }),
  });
  const response =
    call.bindings === undefined
      ? await exports.default.fetch(request.clone())
      : await app.fetch(request.clone(), { ...env, ...call.bindings });
  const fault = await undescribed(request, response);
  if (fault !== undefined) throw new Error(fault);
  return response;
}

/** `POST /v1/messages`. */
export function publish(json: unknown, call: Call = {}): Promise<Response> {
  return api("POST", "/v1/messages", { json, ...call });
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly instance: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** The problem that a request is answered with; fails where the answer is something else. */
export async function problem(answer: Response | Promise<Response>): Promise<ProblemBody> {
  const response = await answer;
  if (response.headers.get("Content-Type") !== "application/problem+json") {
    throw new Error(`no problem: ${response.status} ${await response.text()}`);
  }
  const body = await response.json<ProblemBody>();
  if (body.status !== response.status) throw new Error(`status ${response.status} says ${body.status}`);
  return body;
}

/** A binding of objects that fails at the first touch. */
export function broken<Binding extends object>(binding: Binding, error: Error): Binding {
  return new Proxy(binding, {
    get: () => {
      throw error;
    },
  });
}

/** The body of a 202. */
export async function accepted(answer: Response | Promise<Response>): Promise<Receipt> {
  const response = await answer;
  if (response.status !== 202) throw new Error(`not accepted: ${response.status} ${await response.text()}`);
  return response.json<Receipt>();
}

interface InboxPage {
  readonly messages: readonly { readonly id: string; readonly seq: number; readonly data: unknown }[];
}

/** What a user's inbox holds, newest first. */
export async function inboxOf(user: string): Promise<InboxPage["messages"]> {
  const response = await api("GET", `/v1/users/${user}/messages`);
  return (await response.json<InboxPage>()).messages;
}

/** Work that is to be logged as a fault, without the log. */
export async function quietly<Value>(work: () => Promise<Value>): Promise<Value> {
  const spies = (["warn", "error"] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation(() => {}),
  );
  try {
    return await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** A message to users, as published, of a type that takes any data. */
export function to(...users: string[]): object {
  return { to: { users }, type: "note" };
}
