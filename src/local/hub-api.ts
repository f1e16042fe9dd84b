/** The two calls of the hub's API that the scripts make as a publisher would. */
import { z } from "zod";
import { Advice } from "./script.ts";
import type { LocalHub } from "./workspace.ts";

const minted = z.object({ token: z.string() });
const receipt = z.object({ id: z.string() });

export interface HubApi {
  /** A connect token for the user. */
  token(user: string): Promise<string>;
  /** Publishes one message; resolves with its id once the hub has accepted it. */
  push(message: Readonly<Record<string, unknown>>): Promise<string>;
}

/** @throws {Advice} from its calls, when the hub does not run or refuses. */
export function hubApi({ url, apiKey }: LocalHub): HubApi {
  async function post(path: string, body: unknown): Promise<unknown> {
    const response = await fetch(new URL(path, url), {
      method: "POST",
      headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    }).catch(() => {
      throw new Advice(`No hub answers at ${url}. Is \`npm start\` running?`);
    });
    if (!response.ok)
      throw new Advice(`The hub refused ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
  return {
    token: async (user) => minted.parse(await post("/v1/tokens", { user })).token,
    push: async (message) => receipt.parse(await post("/v1/messages", message)).id,
  };
}
