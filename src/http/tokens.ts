/** `POST /v1/tokens`: a connect token for a user, to be handed to one of the user's devices. */
import { z } from "zod";
import { mintConnectToken } from "../auth/connect-token.ts";
import { grantedScopes, grantedTopics } from "../auth/grants.ts";
import { requestLimits, tokenLimits } from "../limits.ts";
import { deviceId, userId } from "../protocol/ids.ts";
import { requirePatterns, requireScope } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Handler } from "./context.ts";
import { Problem } from "./problem.ts";

export const tokenRequest = z.strictObject({
  user: userId,
  /** The only device that may use it. */
  device: deviceId.optional(),
  /** Seconds. */
  ttl: z.int().min(1).max(tokenLimits.maxLifetimeSeconds).optional(),
  /** Patterns of the topics that the user may join and leave by itself. */
  topics: grantedTopics.optional(),
  /** Scopes that the handlers of messages from devices ask for. */
  scopes: grantedScopes.optional(),
});

/** Takes `{ user, device?, ttl?, topics?, scopes? }`, with topics that the key itself is for; answers 201 with `{ token, expires }`, in milliseconds since 1970. */
export const mintToken: Handler = async (context) => {
  const apiKey = requireScope(context, "tokens");
  const { user, device, ttl, topics, scopes } = await readBody(
    context.req.raw,
    tokenRequest,
    requestLimits.maxSmallBodyBytes,
  );
  requirePatterns(apiKey, topics ?? []);
  const { tokens } = context.var.settings;
  const options = { device, lifetimeSeconds: ttl, topics, scopes };
  const minted = await mintConnectToken(user, tokens, Date.now(), options);
  if (minted.token.length > tokenLimits.maxBytes) {
    throw new Problem(
      "invalid_body",
      `topics and scopes are too long: the token would have more than ${tokenLimits.maxBytes} bytes`,
    );
  }
  return context.json(minted, 201);
};
