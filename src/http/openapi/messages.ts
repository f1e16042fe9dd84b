/** The operations on messages. */
import { z } from "zod";
import { publishRequest } from "../../protocol/message.ts";
import { idempotencyKey } from "../message-ids.ts";
import { receipts } from "./answers.ts";
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
};
