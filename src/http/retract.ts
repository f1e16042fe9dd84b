/** `POST /v1/messages/:id/retract`: takes a message back, from the users named or from a whole crowd, offline devices included. */
import { z } from "zod";
import type { Requested } from "../lanes/request.ts";
import { withdrawal } from "../lanes/withdrawal.ts";
import { requestLimits } from "../limits.ts";
import { type Audience, audience } from "../protocol/message.ts";
import { priorities } from "../protocol/priority.ts";
import { requireAudience, requireScope } from "./authenticate.ts";
import { readBody } from "./body.ts";
import { commit } from "./commit.ts";
import type { Handler } from "./context.ts";
import { receiptOf } from "./receipt.ts";
import { messagePath } from "./users.ts";
import { validate } from "./validate.ts";

/** Whom the message was for, and how urgent it is to take it back. */
export const retractRequest = z.strictObject({ to: audience, priority: z.enum(priorities).optional() });

/**
 * Answers 202 with the `Receipt` of the word that goes to the devices. It has an id of its own, the same for
 * the same message, audience and priority, so that a request may be sent again.
 */
export const retract: Handler = async (context) => {
  const apiKey = requireScope(context, "publish");
  const { id } = validate(messagePath, context.req.param(), "invalid_request");
  const { to, priority } = await readBody(context.req.raw, retractRequest, requestLimits.maxBodyBytes);
  // Of everyone, whoever may have it: those who have left, too.
  const whom: Audience = "everyone" in to ? { everyone: "all" } : to;
  requireAudience(apiKey, whom);

  const now = Date.now();
  const { topics: within } = apiKey;
  const message = withdrawal(id, "retracted", { now, priority, audience: JSON.stringify(whom), within });
  const item: Requested = { message, audience: whom, ttl: undefined };
  const results = await commit([item], context.env, now);
  return context.json(receiptOf(item, results.get(message.id)), 202);
};
