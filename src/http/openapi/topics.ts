/** The operations on topics, and those on what a user is in. */
import { membersRequest } from "../members.ts";
import { memberPath, membershipRequest, membersQuery, topicPath } from "../topics.ts";
import { userPath } from "../users.ts";
import * as answers from "./answers.ts";
import type { Operation, Operations } from "./operation.ts";

const changed: Operation["answers"] = {
  200: { description: "It holds, and the topic knows.", body: answers.topicView },
  202: {
    description: "It holds; the topic could not be reached, and will be told.",
    body: answers.topicView,
  },
};

export const topicOperations: Operations = {
  "/v1/topics/:topic": {
    GET: {
      id: "topic",
      tag: "Topics",
      summary: "How many members a topic has.",
      asker: { scope: "topics" },
      path: topicPath,
      answers: { 200: { description: "As the topic knows.", body: answers.topicCount } },
    },
  },
  "/v1/topics/:topic/members": {
    GET: {
      id: "members",
      tag: "Topics",
      summary: "A page of the members, by their ids.",
      asker: { scope: "topics" },
      path: topicPath,
      query: membersQuery,
      answers: { 200: { description: "A page.", body: answers.memberPage } },
    },
    POST: {
      id: "changeMembers",
      tag: "Topics",
      summary: "Add and remove up to 1,000 users at once.",
      asker: { scope: "topics" },
      path: topicPath,
      body: membersRequest,
      answers: {
        200: { description: "All are as was asked for.", body: answers.membersChanged },
        202: { description: "Not all; it names the others.", body: answers.membersChanged },
      },
    },
  },
  "/v1/topics/:topic/members/:user": {
    GET: {
      id: "member",
      tag: "Topics",
      summary: "Whether a user is a member.",
      asker: { scope: "topics" },
      path: memberPath,
      answers: { 200: { description: "It is.", body: answers.topicView } },
      problems: ["not_found"],
    },
    PUT: {
      id: "addMember",
      tag: "Topics",
      summary: "Make a user a member.",
      asker: { scope: "topics" },
      path: memberPath,
      body: membershipRequest,
      bodyOptional: true,
      answers: changed,
      problems: ["topic_limit"],
    },
    DELETE: {
      id: "removeMember",
      tag: "Topics",
      summary: "Take a user out.",
      asker: { scope: "topics" },
      path: memberPath,
      answers: changed,
    },
  },
  "/v1/users/:user/topics": {
    GET: {
      id: "topicsOfUser",
      tag: "Topics",
      summary: "What a user is in.",
      asker: { scope: "users:read", self: true },
      path: userPath,
      answers: { 200: { description: "All of it, by name.", body: answers.topicViews } },
    },
  },
  "/v1/users/:user/topics/:topic": {
    PUT: {
      id: "join",
      tag: "Topics",
      summary: "Make a user a member; by its own device, where the token's topics allow it.",
      asker: { scope: "topics", self: true },
      path: userPath.extend(topicPath.shape),
      body: membershipRequest,
      bodyOptional: true,
      answers: changed,
      problems: ["topic_limit"],
    },
    DELETE: {
      id: "leave",
      tag: "Topics",
      summary: "Take a user out; by its own device, where the token's topics allow it.",
      asker: { scope: "topics", self: true },
      path: userPath.extend(topicPath.shape),
      answers: changed,
    },
  },
};
