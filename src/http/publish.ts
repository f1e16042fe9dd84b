/**
 * `POST /v1/messages`: one message or a batch, accepted whole or refused whole. It answers 202 only
 * after everything is durable.
 */
import { requested, requestFaults } from "../lanes/request.ts";
import { requestLimits } from "../limits.ts";
import { messages as definedMessages } from "../messages.ts";
import type { MessageId } from "../protocol/ids.ts";
import { publishRequest } from "../protocol/message.ts";
import { recordAccepted } from "../receipts/record.ts";
import { requireAudience, requireScope } from "./authenticate.ts";
import { readBody } from "./body.ts";
import { commit } from "./commit.ts";
import type { Handler } from "./context.ts";
import { derivedId, idempotencyKeyOf, timeOrderedId } from "./message-ids.ts";
import { typed } from "./message-types.ts";
import { Problem } from "./problem.ts";
import { receiptOf } from "./receipt.ts";

/** Answers 202 with a {@link Receipt}, or with `{ messages: Receipt[] }` for a batch. */
export const publish: Handler = async (context) => {
  const apiKey = requireScope(context, "publish");
  const idempotencyKey = idempotencyKeyOf(context.req.raw.headers);
  const { batch, messages } = await readBody(context.req.raw, publishRequest, requestLimits.maxBodyBytes);

  const now = Date.now();
  const newId = (index: number): MessageId =>
    idempotencyKey === undefined
      ? timeOrderedId(now, crypto.getRandomValues(new Uint8Array(16)))
      : derivedId(apiKey.id, idempotencyKey, index);
  const { messageTypes } = context.var.settings;
  const items = typed(messages, batch, definedMessages, messageTypes).map((message, index) =>
    requested(message, newId(index), now),
  );
  for (const { audience } of items) requireAudience(apiKey, audience);
  const faults = requestFaults(items, batch);
  if (faults.length > 0) throw new Problem("invalid_body", "the messages do not go together", { faults });

  const results = await commit(items, context.env, now);
  await recordAccepted(context.env, items);
  const receipts = items.map((item) => receiptOf(item, results.get(item.message.id)));
  return context.json(batch ? { messages: receipts } : receipts[0], 202);
};
