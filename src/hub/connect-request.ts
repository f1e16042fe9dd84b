/**
 * How a connection that the edge has let in reaches its object: the verified facts travel in one header
 * of the upgrade request. Nothing but the Worker can call the object, so the header is its word.
 */
import { z } from "zod";
import { grants, noGrants } from "../auth/grants.ts";
import { deviceId } from "../protocol/ids.ts";

const header = "hubbub-connect";

export const connectRequest = z.object({
  device: deviceId,
  /** What the client has, if it has anything: deliver after this. */
  resume: z.object({ epoch: z.string().min(1).max(64), seq: z.int().min(0) }).optional(),
  /** Of the token: when it was issued and when it expires (ms), its id, and whether that opens one connection only. */
  token: z.object({
    issued: z.number(),
    expires: z.number(),
    id: z.string(),
    singleUse: z.boolean(),
  }),
  /** What the token lets the device do; nothing where a Worker of before grants passes it on. */
  grants: grants.default(noGrants),
  /** Whether the client offered the subprotocol, so that it must be selected. */
  subprotocol: z.boolean(),
});
export type ConnectRequest = z.infer<typeof connectRequest>;

/** The upgrade request for the object of a user. */
export function toObject(connect: ConnectRequest): Request {
  return new Request("https://user-hub/connect", {
    headers: { Upgrade: "websocket", [header]: JSON.stringify(connect) },
  });
}

/** What the edge let in. */
export function fromEdge(request: Request): ConnectRequest {
  return connectRequest.parse(JSON.parse(request.headers.get(header) ?? "null"));
}
