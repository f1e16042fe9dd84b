/** `GET /v1/messages/:id`: how far a message got whose publisher asked for receipts. */
import { z } from "zod";
import { messageId } from "../protocol/ids.ts";
import { requireScope } from "./authenticate.ts";
import type { Handler } from "./context.ts";
import { Problem } from "./problem.ts";
import { validate } from "./validate.ts";

const messagePath = z.object({ id: messageId });

/** Answers `{ id, at?, type?, recipients?, counts }`: how many users came to each state. */
export const messageReceipts: Handler = async (context) => {
  requireScope(context, "publish");
  const { id } = validate(messagePath, context.req.param(), "invalid_request");
  const known = await context.env.RECEIPTS_STORE.getByName(id).read();
  if (known !== undefined) return context.json({ id, ...known });
  throw new Problem("not_found", "no message of this id was published with receipts in the last 30 days");
};
