/**
 * `POST /v1/messages`: one message or a batch, accepted whole or refused whole. It answers 202 only
 * after everything is durable.
 */
import { gate } from "../lanes/accept.ts";
import { requestLimits } from "../limits.ts";
import type { MessageId } from "../protocol/ids.ts";
import { publishRequest } from "../protocol/message.ts";
import { recordAccepted } from "../receipts/record.ts";
import { requireAudience, requireScope } from "./authenticate.ts";
import { readBody } from "./body.ts";
import { commit } from "./commit.ts";
import type { Handler } from "./context.ts";
import { derivedId, idempotencyKeyOf, timeOrderedId } from "./message-ids.ts";
import { receiptOf } from "./receipt.ts";
import { refusal } from "./validate.ts";

/** Answers 202 with a {@link Receipt}, or with `{ messages: Receipt[] }` for a batch. */
export const publish: Handler = async (context) => {
  const apiKey = requireScope(context, "publish");
  const idempotencyKey = idempotencyKeyOf(context.req.raw.headers);
  const request = await readBody(context.req.raw, publishRequest, requestLimits.maxBodyBytes);
  for (const { to } of request.messages) requireAudience(apiKey, to);

  const now = Date.now();
  const newId = (index: number): MessageId =>
    idempotencyKey === undefined
      ? timeOrderedId(now, crypto.getRandomValues(new Uint8Array(16)))
      : derivedId(apiKey.id, idempotencyKey, index);
  const { messageTypes: strictness } = context.var.settings;
  const gated = gate(request, { now, strictness, newId, within: apiKey.topics });
  if ("faults" in gated) throw refusal(gated.code, gated.faults);

  const { items } = gated;
  const results = await commit(items, context.env, now);
  await recordAccepted(context.env, items);
  const receipts = items.map((item) => receiptOf(item, results.get(item.message.id)));
  return context.json(request.batch ? { messages: receipts } : receipts[0], 202);
};
