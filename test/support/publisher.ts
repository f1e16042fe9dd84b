/** A server that pushes, and a device that listens, for tests against a hub in its own process. */
import { HubClient, type HubClientOptions, type Message } from "../../src/client/index.ts";
import { apiKeys, tokenFor, withKey } from "./credentials.ts";

/** `POST /v1/messages`; fails unless it was accepted. */
export async function push(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: withKey(apiKeys.all),
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  if (response.status !== 202) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
  return Object.fromEntries(Object.entries(Object(answer)));
}

/** `GET` on the API. */
export async function ask(url: string, path: string): Promise<unknown> {
  const response = await fetch(`${url}/v1/${path}`, { headers: withKey(apiKeys.all) });
  return response.json();
}

export interface Listener {
  readonly client: HubClient;
  /** What the handler was called with, in order. */
  readonly received: Message[];
  /** The `data` of each. */
  readonly data: () => unknown[];
  /** What happened to the connection, in words. */
  readonly statuses: string[];
}

/** A connected device of a user. */
export async function listen(
  url: string,
  user: string,
  device: string,
  options: Partial<HubClientOptions> = {},
): Promise<Listener> {
  const received: Message[] = [];
  const statuses: string[] = [];
  const client = new HubClient({
    url,
    device,
    token: () => tokenFor(user),
    onStatus: (status) => {
      statuses.push(status.state);
    },
    ...options,
  });
  client.on("*", (message) => {
    received.push(message);
  });
  await client.start();
  return { client, received, statuses, data: () => received.map(({ data }) => data) };
}
