/**
 * `/v1/users/:user`: who is online, the inbox, and the end of connections or of everything. Servers come
 * with an API key; a device opens its own user's inbox with its connect token.
 */
import { z } from "zod";
import type { InboxMessage } from "../hub/views.ts";
import { readRequest } from "../hub/views.ts";
import { deadLettersName } from "../lanes/dead-letter.ts";
import { requestLimits } from "../limits.ts";
import { log } from "../observe/log.ts";
import { messageId, type UserId, userId } from "../protocol/ids.ts";
import { requireScope, requireScopeOrSelf } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Handler, HubContext } from "./context.ts";
import { jsonText, withMember } from "./json-text.ts";
import { Problem } from "./problem.ts";
import { flag, pageSize, wholeNumber } from "./query.ts";
import { validate } from "./validate.ts";

/** Answers with a `Presence`; a user whom nobody has heard of is one who is offline. */
export const presence: Handler = async (context) => {
  requireScope(context, "users:read");
  return context.json(await hubOf(context, userOf(context)).presence());
};

/** Erases all that is held of the user, dead letters too; answers `{ erased }`, the number of messages in the inbox. */
export const erase: Handler = async (context) => {
  const { id } = requireScope(context, "users:write");
  const user = userOf(context);
  // The inbox first: from then on, what is on its way to the user is dropped and makes no new dead letters.
  const answer = await hubOf(context, user).erase();
  await deadLettersOf(context).eraseUser(user);
  log("info", "user_erased", { request: context.var.request, by: id, count: answer.erased });
  return context.json(answer);
};

export const disconnectQuery = z.object({ revoke: flag });

/** Closes the connections, with `?revoke=true` also against the tokens issued so far; answers `{ closed }`. */
export const disconnect: Handler = async (context) => {
  const { id } = requireScope(context, "users:write");
  const { revoke } = validate(disconnectQuery, context.req.query(), "invalid_request");
  const answer = await hubOf(context, userOf(context)).disconnect(revoke);
  log("info", "user_disconnected", { request: context.var.request, by: id, count: answer.closed });
  return context.json(answer);
};

export const inboxQuery = z.object({ cursor: wholeNumber.optional(), limit: pageSize, unread: flag });

/** A page of the inbox, newest first: `{ messages, next?, state }`, with `next` as the `cursor` of the next page. */
export const inbox: Handler = async (context) => {
  const user = userOf(context);
  await requireScopeOrSelf(context, "users:read", user);
  const { cursor, ...query } = validate(inboxQuery, context.req.query(), "invalid_request");
  const page = await hubOf(context, user).inbox({
    ...query,
    ...(cursor === undefined ? {} : { before: cursor }),
  });
  const messages = `[${page.messages.map(inboxText).join(",")}]`;
  const { next, state } = page;
  return jsonText(withMember({ state, ...(next === undefined ? {} : { next }) }, "messages", messages));
};

function inboxText({ body, ...message }: InboxMessage): string {
  return withMember(message, "data", body);
}

/** Marks `{ ids }`, or everything `{ upTo }` a number, as read; answers with the `ReadState`. */
export const read: Handler = async (context) => {
  const user = userOf(context);
  await requireScopeOrSelf(context, "users:write", user);
  const request = await readBody(context.req.raw, readRequest, requestLimits.maxSmallBodyBytes);
  return context.json(await hubOf(context, user).read(request));
};

/**
 * What became of one message: the `MessageState` of the user's object, or of the dead letters `{ id,
 * state: "dead", reason, at }`. 404 while it is on its way, and once it is forgotten.
 */
export const message: Handler = async (context) => {
  const user = userOf(context);
  await requireScopeOrSelf(context, "users:read", user);
  const { id } = validate(messagePath, context.req.param(), "invalid_request");
  const state = await hubOf(context, user).messageState(id);
  if (state !== undefined) return context.json(state);
  const letter = await deadLettersOf(context).find(id, user);
  if (letter === undefined || letter.state !== "dead") {
    throw new Problem(
      "not_found",
      "the user has no such message: it is on its way, was forgotten, or never was",
    );
  }
  return context.json({ id, state: "dead", reason: letter.reason, at: letter.at });
};

export const userPath = z.object({ user: userId });
export const messagePath = z.object({ id: messageId });

export function userOf(context: HubContext): UserId {
  return validate(userPath, context.req.param(), "invalid_request").user;
}

export function hubOf(context: HubContext, user: UserId) {
  return context.env.USER_HUB.getByName(user);
}

function deadLettersOf(context: HubContext) {
  return context.env.DEAD_LETTERS.getByName(deadLettersName);
}
