/** The operations on messages. */
import { z } from "zod";
import { publishRequest } from "../../protocol/message.ts";
import { idempotencyKey } from "../message-ids.ts";
import { retractRequest } from "../retract.ts";
import { messagePath } from "../users.ts";
import { messageReceipts, receipt, receipts } from "./answers.ts";
import type { Operations } from "./operation.ts";

export const messageOperations: Operations = {
  "/v1/messages": {
    POST: {
      id: "publish",
      tag: "Messages",
      summary: "Push a message, or up to 1,000, to users, to a topic or to everyone.",
      description:
        "Accepted whole or refused whole. 202 is answered only when everything is durable. To push again with the same ids, or the same Idempotency-Key, delivers nothing twice.",
      asker: { scope: "publish" },
      headers: z.object({ "Idempotency-Key": idempotencyKey.optional() }),
      body: publishRequest,
      answers: { 202: { description: "It is durable, and on its way.", body: receipts } },
      problems: ["too_deep", "too_complex", "not_finite", "invalid_data", "unknown_type", "lane_unavailable"],
    },
  },
  "/v1/messages/:id": {
    GET: {
      id: "messageReceipts",
      tag: "Messages",
      summary: "How far a message got that was pushed with `receipts`.",
      asker: { scope: "publish" },
      path: messagePath,
      answers: { 200: { description: "As counted so far.", body: messageReceipts } },
      problems: ["not_found"],
    },
  },
  "/v1/messages/:id/retract": {
    POST: {
      id: "retract",
      tag: "Messages",
      summary: "Take a message back, from devices that are away too. Cancels one that is scheduled.",
      asker: { scope: "publish" },
      path: messagePath,
      body: retractRequest,
      answers: { 202: { description: "The word of it is durable, and on its way.", body: receipt } },
      problems: ["lane_unavailable"],
    },
  },
};
