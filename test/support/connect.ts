/** Connecting through the edge of the hub under test, in workerd, as devices do. */
import { exports } from "cloudflare:workers";
import { userId } from "../../src/protocol/ids.ts";
import { tokenFor } from "./credentials.ts";
import { attend, type Device } from "./device.ts";

/** Where the hub under test is. */
export const origin = "https://hub.example.com";

export interface ConnectOptions {
  readonly device?: string;
  readonly resume?: { readonly epoch: string; readonly seq: number };
  /** Without it, a good one of the user. */
  readonly token?: string;
}

/** The answer to an attempt to connect, whatever it is. */
export function tryConnect(query: string, headers: Record<string, string> = {}): Promise<Response> {
  return exports.default.fetch(`${origin}/v1/connect?${query}`, {
    headers: { Upgrade: "websocket", ...headers },
  });
}

/** Connects a device of a user as a browser would, with the token as subprotocol, and waits for the welcome. */
export async function connect(user: string, options: ConnectOptions = {}): Promise<Device> {
  const { device = "phone", resume, token = await tokenFor(user) } = options;
  const query = new URLSearchParams({ device, ...(resume && { epoch: resume.epoch, seq: `${resume.seq}` }) });
  return welcomed(await tryConnect(query.toString(), offering(token)), user, device);
}

/** The header of a client that speaks `hubbub.v1` and shows its token beside it. */
export function offering(token: string): Record<string, string> {
  return { "Sec-WebSocket-Protocol": `hubbub.v1, bearer.${token}` };
}

/** The device's end of an upgrade that was answered. */
export function open(response: Response, user = "alice", device = "phone"): Device {
  if (response.webSocket === null) throw new Error(`not upgraded: ${response.status}`);
  return attend(userId.parse(user), response.webSocket, { device });
}

/** As {@link open}, once the object has let it in. */
export async function welcomed(response: Response, user = "alice", device = "phone"): Promise<Device> {
  const opened = open(response, user, device);
  await opened.until(() => opened.all("welcome").length > 0, "there is a welcome");
  return opened;
}
