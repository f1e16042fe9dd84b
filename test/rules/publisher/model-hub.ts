/** A hub of a few lines for tests of the publisher: knows each message by its id, and fails as it is told to. */
import type { Fetch } from "../../../src/publisher/send.ts";

/**
 * What happens to one request: `lost` on its way there, `unanswered` once it is accepted; with 503 it may be
 * accepted in part, with 500 as a whole; 429 and 4xx take nothing.
 */
export type Fate = "ok" | "lost" | "unanswered" | 500 | 503 | 429 | 401 | 400;
export const passingFates = ["lost", "unanswered", 500, 503, 429] as const satisfies readonly Fate[];
export const finalFates = [401, 400] as const satisfies readonly Fate[];

export interface ModelHub {
  readonly fetch: Fetch;
  /** By id, the text of the message and how often it was delivered. */
  readonly stored: ReadonlyMap<string, { readonly text: string; readonly deliveries: number }>;
  /** Ids that came back with another content. */
  readonly conflicts: readonly string[];
  /** The keys of the requests that came, in order. */
  readonly keys: readonly (string | undefined)[];
  /** The most requests that were there at the same time. */
  readonly busiest: () => number;
}

/** @param fates one for each request in turn; all well after the last */
export function modelHub(fates: readonly Fate[] = [], delayMs = 5): ModelHub {
  const rest = [...fates];
  const stored = new Map<string, { text: string; deliveries: number }>();
  const conflicts: string[] = [];
  const keys: (string | undefined)[] = [];
  let running = 0;
  let busiest = 0;

  function commit(id: string, text: string): void {
    const known = stored.get(id);
    if (known === undefined) stored.set(id, { text, deliveries: 1 });
    else if (known.text !== text) conflicts.push(id);
  }

  function answer(fate: Exclude<Fate, "lost">, key: string, body: string): Response {
    const { messages }: { messages: unknown[] } = JSON.parse(body);
    const ids = messages.map((_, place) => `${key}/${place}`);
    const taken =
      fate === 503 ? Math.floor(ids.length / 2) : typeof fate === "number" && fate < 500 ? 0 : ids.length;
    ids.slice(0, taken).forEach((id, place) => {
      commit(id, JSON.stringify(messages[place]));
    });
    if (fate === "unanswered") throw new TypeError("the connection broke");
    if (fate !== "ok") return problem(fate);
    return Response.json(
      { messages: ids.map((id) => ({ id, recipients: 1, state: "queued" })) },
      { status: 202 },
    );
  }

  return {
    stored,
    conflicts,
    keys,
    busiest: () => busiest,
    fetch: async (_url, { body, headers }) => {
      const fate = rest.shift() ?? "ok";
      const key = headers["Idempotency-Key"];
      keys.push(key);
      running += 1;
      busiest = Math.max(busiest, running);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      running -= 1;
      if (fate === "lost") throw new TypeError("no route to host");
      return answer(fate, key ?? "", body ?? "");
    },
  };
}

/** A refusal in the hub's form. */
export function problem(
  status: number,
  {
    headers = {},
    ...more
  }: { readonly headers?: Record<string, string>; readonly [field: string]: unknown } = {},
): Response {
  const body = { code: `code_${status}`, detail: "no", instance: "urn:uuid:request-1", ...more };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}
