/** A hub as a device reaches it over HTTP: what it was asked, and the answers that the test has ready. */
import { beforeEach, vi } from "vitest";
import { type AppOptions, connected, pass } from "./client-app.ts";
import { welcome } from "./client-driver.ts";
import { readableToken } from "./connect-token.ts";

export interface AskedOverHttp {
  readonly url: string;
  readonly method: string;
  readonly token: string;
  readonly body: unknown;
}

interface FetchInit {
  readonly method: string;
  readonly headers: { readonly Authorization: string };
  readonly body?: string;
}

/**
 * In place of `fetch`, anew for each test of a file.
 * @param otherwise what it answers where nothing is ready; a ready text is a network that fails
 */
export function httpHub(otherwise: () => Response) {
  const hub: { asked: AskedOverHttp[]; answers: (Response | string)[] } = { asked: [], answers: [] };
  beforeEach(() => {
    hub.asked = [];
    hub.answers = [];
    vi.stubGlobal("fetch", async (url: URL, { method, headers, body }: FetchInit) => {
      const token = headers.Authorization.slice("Bearer ".length);
      hub.asked.push({
        url: url.href,
        method,
        token,
        body: body === undefined ? undefined : JSON.parse(body),
      });
      const answer = hub.answers.shift() ?? otherwise();
      if (typeof answer === "string") throw new TypeError(answer);
      return answer;
    });
  });
  return hub;
}

export function tokenOf(user: string, lifetimeMs = 3_600_000): string {
  return readableToken({ sub: user, exp: (Date.now() + lifetimeMs) / 1_000, name: "Zoë" });
}

/** Of alice. */
export const token = async () => tokenOf("alice");

/** A client of alice that is live. */
export async function live(options: AppOptions = {}) {
  const parts = await connected({ token, ...options });
  parts.socket.receive(welcome({ resumed: false, reason: "new", head: 0 }));
  await pass();
  return parts;
}

/** A problem of the hub. */
export function problem(status: number, code: string, detail: string): Response {
  return Response.json({ status, code, detail }, { status });
}

/** How a promise stands. */
export function outcome(promise: Promise<unknown>) {
  const found: { is: string } = { is: "waiting" };
  promise.then(
    () => {
      found.is = "done";
    },
    (error: unknown) => {
      found.is = String(error);
    },
  );
  return found;
}
