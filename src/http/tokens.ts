/** `POST /v1/tokens`: a connect token for a user, to be handed to one of the user's devices. */
import { z } from "zod";
import { mintConnectToken } from "../auth/connect-token.ts";
import { requestLimits, tokenLimits } from "../limits.ts";
import { deviceId, userId } from "../protocol/ids.ts";
import { requireScope } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Handler } from "./context.ts";

const tokenRequest = z.strictObject({
  user: userId,
  /** The only device that may use it. */
  device: deviceId.optional(),
  /** Seconds. */
  ttl: z.int().min(1).max(tokenLimits.maxLifetimeSeconds).optional(),
});

/** Takes `{ user, device?, ttl? }`; answers 201 with `{ token, expires }`, in milliseconds since 1970. */
export const mintToken: Handler = async (context) => {
  requireScope(context, "tokens");
  const { user, device, ttl } = await readBody(
    context.req.raw,
    tokenRequest,
    requestLimits.maxSmallBodyBytes,
  );
  const { tokens } = context.var.settings;
  return context.json(
    await mintConnectToken(user, tokens, Date.now(), { device, lifetimeSeconds: ttl }),
    201,
  );
};
