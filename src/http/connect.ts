/**
 * `GET /v1/connect`: lets a device in, or says why not, before any object is called. Browsers learn
 * nothing from a refused handshake but 1006, so whoever speaks `hubbub.v1` is let in as far as here and
 * closed with a code when only the token is at fault.
 */
import { z } from "zod";
import type { ConnectToken } from "../auth/claims.ts";
import { type ConnectRequest, toObject } from "../hub/connect-request.ts";
import { log } from "../observe/log.ts";
import { type CloseName, closeCodes } from "../protocol/close-codes.ts";
import { type ByeFrame, bearerPrefix, subprotocol } from "../protocol/frames.ts";
import { type DeviceId, deviceId } from "../protocol/ids.ts";
import { bearerOf, isApiKey, requireToken } from "./authenticate.ts";
import type { Handler, HubContext } from "./context.ts";
import { originAllowed } from "./cors.ts";
import { Problem, type ProblemCode } from "./problem.ts";
import { validate } from "./validate.ts";

export const connectQuery = z.object({
  device: deviceId,
  epoch: z
    .string()
    .regex(/^[A-Za-z0-9_.~:-]{1,64}$/, "must be the epoch of a welcome")
    .optional(),
  seq: z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .optional(),
});

const query = connectQuery
  .refine(({ epoch, seq }) => (epoch === undefined) === (seq === undefined), "epoch and seq come together")
  .transform(({ device, epoch, seq }) => ({
    device,
    ...(epoch === undefined || seq === undefined ? {} : { resume: { epoch, seq } }),
  }));

/** Refusals that a client can act on only if it is told, and how it is told. */
const farewells = new Map<ProblemCode, CloseName>([
  ["unauthenticated", "token_invalid"],
  ["token_invalid", "token_invalid"],
  ["token_expired", "token_expired"],
  ["forbidden", "forbidden"],
]);

export const connect: Handler = async (context) => {
  const { headers } = context.req.raw;
  if (headers.get("Upgrade")?.toLowerCase() !== "websocket") {
    throw new Problem("upgrade_required", "ask for an upgrade to WebSocket");
  }
  refuseOrigin(context);
  const { device, resume } = validate(query, context.req.query(), "invalid_request");
  const offered = offeredProtocols(headers);
  const credential = credentialOf(context, offered);
  try {
    const token = await requireConnectToken(context, credential, device);
    const { issued, expires, id, grants } = token;
    const { singleUse } = context.var.settings.tokens;
    const admitted: ConnectRequest = {
      device,
      ...(resume === undefined ? {} : { resume }),
      token: { issued, expires, id, singleUse },
      grants,
      subprotocol: offered.includes(subprotocol),
    };
    // As it comes: the headers of an upgrade can't be changed any more.
    return await context.env.USER_HUB.getByName(token.user).fetch(toObject(admitted));
  } catch (error) {
    const reason = error instanceof Problem ? farewells.get(error.code) : undefined;
    if (reason === undefined || !offered.includes(subprotocol)) throw error;
    return farewell(reason);
  }
};

/** Clients outside of browsers send no origin; the hub's own pages are of its own. */
function refuseOrigin(context: HubContext): void {
  const { settings, request } = context.var;
  const origin = context.req.raw.headers.get("Origin");
  if (origin === null || origin === new URL(context.req.url).origin || originAllowed(origin, settings))
    return;
  log("warn", "origin_refused", { request });
  throw new Problem("origin_refused", "the origin of the page is not among ALLOWED_ORIGINS");
}

function offeredProtocols(headers: Headers): readonly string[] {
  const header = headers.get("Sec-WebSocket-Protocol");
  if (header === null) return [];
  const offered = header.split(",").map((protocol) => protocol.trim());
  if (offered.includes(subprotocol)) return offered;
  // Nothing could be selected, and a browser fails a handshake that selects nothing of what it offered.
  throw new Problem("invalid_request", `offer the subprotocol ${subprotocol}`);
}

/** The one credential shown: as subprotocol, in `Authorization`, or in the query where that is allowed. */
function credentialOf(context: HubContext, offered: readonly string[]): string | undefined {
  const inQuery = context.req.query("token");
  if (inQuery !== undefined && !context.var.settings.allowQueryToken) {
    throw new Problem(
      "query_token_refused",
      `send the token as subprotocol ${bearerPrefix}<token> or in Authorization`,
    );
  }
  const shown = offered
    .filter((protocol) => protocol.startsWith(bearerPrefix))
    .map((protocol) => protocol.slice(bearerPrefix.length))
    .concat(bearerOf(context.req.raw.headers) ?? [], inQuery ?? []);
  if (shown.length > 1) throw new Problem("invalid_request", "send one token, in one place");
  return shown[0];
}

async function requireConnectToken(
  context: HubContext,
  credential: string | undefined,
  device: DeviceId,
): Promise<ConnectToken> {
  if (credential === undefined) throw new Problem("unauthenticated", "send a connect token");
  if (isApiKey(credential)) {
    throw new Problem("wrong_credential_type", "this route takes a connect token, not an API key");
  }
  const token = await requireToken(context, credential);
  if (token.device === undefined || token.device === device) return token;
  throw new Problem("forbidden", "the token is for another device");
}

/** Completes the handshake, only to say why the connection ends. */
function farewell(reason: CloseName): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  const code = closeCodes[reason];
  const bye: ByeFrame = { type: "bye", code, reason };
  server.accept();
  server.send(JSON.stringify(bye));
  server.close(code, reason);
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: { "Sec-WebSocket-Protocol": subprotocol },
  });
}
