/** The operations on one user, and those of a device. */
import { readRequest } from "../../hub/views.ts";
import { userPreferences } from "../../protocol/preferences.ts";
import { connectQuery } from "../connect.ts";
import { presenceRequest } from "../presence.ts";
import { sendRequest } from "../send.ts";
import { tokenRequest } from "../tokens.ts";
import { disconnectQuery, inboxQuery, messagePath, userPath } from "../users.ts";
import * as answers from "./answers.ts";
import type { Operations } from "./operation.ts";

const oneMessage = userPath.extend(messagePath.shape);

export const userOperations: Operations = {
  "/v1/tokens": {
    POST: {
      id: "mintToken",
      tag: "Devices",
      summary: "A connect token for a device of a user.",
      asker: { scope: "tokens" },
      body: tokenRequest,
      answers: { 201: { description: "With it, a device connects.", body: answers.token } },
    },
  },
  "/v1/connect": {
    GET: {
      id: "connect",
      tag: "Devices",
      summary: "Upgrade to WebSocket and speak hubbub.v1.",
      description:
        "The token travels as subprotocol `bearer.<token>` beside `hubbub.v1`, or in Authorization. Who offers hubbub.v1 and has an unusable token is let in and told by a close code.",
      asker: { self: true },
      query: connectQuery,
      answers: { 101: { description: "The connection." } },
      problems: ["upgrade_required", "origin_refused", "query_token_refused"],
    },
  },
  "/v1/presence": {
    POST: {
      id: "presenceOfMany",
      tag: "Users",
      summary: "Who of up to 1,000 users is online.",
      asker: { scope: "users:read" },
      body: presenceRequest,
      answers: { 200: { description: "As far as is known.", body: answers.presenceOfMany } },
      problems: ["presence_unavailable"],
    },
  },
  "/v1/users/:user": {
    GET: {
      id: "presence",
      tag: "Users",
      summary: "Whether a user is online, since when, and with which devices.",
      asker: { scope: "users:read" },
      path: userPath,
      answers: { 200: { description: "A user nobody has heard of is offline.", body: answers.userPresence } },
    },
    DELETE: {
      id: "erase",
      tag: "Users",
      summary: "Erase all that is held of a user.",
      asker: { scope: "users:write" },
      path: userPath,
      answers: { 200: { description: "It is gone.", body: answers.erased } },
    },
  },
  "/v1/users/:user/export": {
    GET: {
      id: "exportUser",
      tag: "Users",
      summary: "Everything that is held about a user, as NDJSON.",
      asker: { scope: "users:read" },
      path: userPath,
      answers: {
        200: { description: "As it is read.", body: answers.exported, media: "application/x-ndjson" },
      },
    },
  },
  "/v1/users/:user/connections": {
    DELETE: {
      id: "disconnect",
      tag: "Users",
      summary: "Close a user's connections, and with `revoke` refuse the tokens issued so far.",
      asker: { scope: "users:write" },
      path: userPath,
      query: disconnectQuery,
      answers: { 200: { description: "They are closed.", body: answers.closed } },
    },
  },
  "/v1/users/:user/messages": {
    GET: {
      id: "inbox",
      tag: "Users",
      summary: "A page of the inbox, newest first.",
      asker: { scope: "users:read", self: true },
      path: userPath,
      query: inboxQuery,
      answers: { 200: { description: "A page.", body: answers.inboxPage } },
    },
  },
  "/v1/users/:user/messages/:id": {
    GET: {
      id: "messageState",
      tag: "Users",
      summary: "What became of one message for one user.",
      asker: { scope: "users:read", self: true },
      path: oneMessage,
      answers: { 200: { description: "As far as it is known.", body: answers.messageState } },
      problems: ["not_found"],
    },
  },
  "/v1/users/:user/send": {
    POST: {
      id: "send",
      tag: "Devices",
      summary: "Send data to a handler of the deployment, and get its answer.",
      description:
        "As the frame `send` of a connection. The token's `scopes` must hold the one that the handler asks for. A handler may take 30 seconds.",
      asker: { self: true },
      path: userPath,
      body: sendRequest,
      answers: { 200: { description: "What the handler answered, if it did.", body: answers.handlerAnswer } },
      problems: [
        "unknown_name",
        "insufficient_scope",
        "invalid_data",
        "too_many_running",
        "handler_failed",
        "handler_timeout",
      ],
    },
  },
  "/v1/users/:user/read": {
    POST: {
      id: "read",
      tag: "Users",
      summary: "Mark messages as read.",
      asker: { scope: "users:write", self: true },
      path: userPath,
      body: readRequest,
      answers: { 200: { description: "They are read.", body: answers.readState } },
    },
  },
  "/v1/users/:user/preferences": {
    GET: {
      id: "preferences",
      tag: "Users",
      summary: "What may disturb a user, and when.",
      asker: { scope: "users:read", self: true },
      path: userPath,
      answers: {
        200: { description: "Of a user who has said nothing, the defaults.", body: userPreferences },
      },
    },
    PUT: {
      id: "setPreferences",
      tag: "Users",
      summary: "Put preferences in the place of all that was said before.",
      asker: { scope: "users:write", self: true },
      path: userPath,
      body: userPreferences,
      answers: { 200: { description: "What holds from then on.", body: userPreferences } },
    },
    DELETE: {
      id: "forgetPreferences",
      tag: "Users",
      summary: "Forget a user's preferences.",
      asker: { scope: "users:write", self: true },
      path: userPath,
      answers: { 200: { description: "What holds from then on: the defaults.", body: userPreferences } },
    },
  },
};
