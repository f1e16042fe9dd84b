/**
 * `/v1/dead-letters`: what could not be delivered, for an operator to read, send again or discard. Each
 * change is logged with the id of the key that asked for it.
 */
import { z } from "zod";
import { type DeadLetter, type Discard, deadLettersName, type Redrive } from "../lanes/dead-letter.ts";
import { deadReasons } from "../lanes/dead-record.ts";
import { encodeMessage } from "../lanes/message-text.ts";
import { log } from "../observe/log.ts";
import { userId } from "../protocol/ids.ts";
import { requireScope } from "./authenticate.ts";
import type { Handler, HubContext } from "./context.ts";
import { jsonText, withMember } from "./json-text.ts";
import { Problem } from "./problem.ts";
import { pageSize, wholeNumber } from "./query.ts";
import { validate } from "./validate.ts";

export const listQuery = z.object({
  cursor: wholeNumber.optional(),
  limit: pageSize,
  user: userId.optional(),
  reason: z.enum(deadReasons).optional(),
});

/** A page, newest first: `{ letters, next? }`, with `next` as the `cursor` of the next page. */
export const listDeadLetters: Handler = async (context) => {
  requireScope(context, "dead-letters");
  const { limit, cursor, user, reason } = validate(listQuery, context.req.query(), "invalid_request");
  const page = await storeOf(context).list({
    limit,
    ...(cursor === undefined ? {} : { cursor }),
    ...(user === undefined ? {} : { user }),
    ...(reason === undefined ? {} : { reason }),
  });
  const letters = `"letters":[${page.letters.map(letterText).join(",")}]`;
  return jsonText(page.next === undefined ? `{${letters}}` : `{${letters},"next":${page.next}}`);
};

function letterText(letter: DeadLetter): string {
  if ("raw" in letter) return JSON.stringify(letter);
  const { message, ...about } = letter;
  return withMember(about, "message", encodeMessage(message));
}

/** Puts a dead letter back into its lane; answers 202 with `{ key, redrives }`. */
export const redrive: Handler = async (context) => {
  const { id } = requireScope(context, "dead-letters");
  const key = keyOf(context);
  const answer = await storeOf(context).redrive(key);
  audit("redrive_asked", context, id, key, answer);
  if (answer.ok) return context.json({ key, redrives: answer.redrives }, 202);
  switch (answer.code) {
    case "not_found":
      throw noSuchLetter();
    case "too_old":
      throw new Problem(
        "too_old",
        "the user's inbox may have forgotten its id, so that it could arrive twice",
      );
    case "expired":
      throw new Problem("expired", "nobody would be given the message any more");
    case "lane_refused":
      throw new Problem("lane_unavailable", "nothing has changed; try again");
  }
};

/** Removes a dead letter for good; answers 204. */
export const discard: Handler = async (context) => {
  const { id } = requireScope(context, "dead-letters");
  const key = keyOf(context);
  const answer = await storeOf(context).discard(key);
  audit("discard_asked", context, id, key, answer);
  if (!answer.ok) throw noSuchLetter();
  return context.body(null, 204);
};

function audit(
  event: string,
  context: HubContext,
  by: string,
  letter: string,
  answer: Redrive | Discard,
): void {
  log("info", event, { request: context.var.request, by, letter, code: answer.ok ? "ok" : answer.code });
}

function noSuchLetter(): Problem {
  return new Problem("not_found", "there is no dead letter of this key");
}

export const letterPath = z.object({
  key: z.string().regex(/^[A-Za-z0-9_-]{22}$/, "must be the key of a dead letter"),
});

function keyOf(context: HubContext): string {
  return validate(letterPath, context.req.param(), "invalid_request").key;
}

function storeOf(context: HubContext) {
  return context.env.DEAD_LETTERS.getByName(deadLettersName);
}
