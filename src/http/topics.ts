/**
 * `/v1/topics/:topic`: who is in a topic, and `/v1/users/:user/topics`: what a user is in. A change goes to the
 * objects of the users, who know best; lists of members come from the topic's own, which is told by them.
 */
import { z } from "zod";
import { type ApiKeyRecord, opensTopic } from "../auth/api-key.ts";
import type { TopicOutcome, TopicView } from "../hub/memberships.ts";
import { requestLimits, topicLimits } from "../limits.ts";
import { log } from "../observe/log.ts";
import { type Topic, topic, type UserId, userId } from "../protocol/ids.ts";
import { covers } from "../protocol/topic-pattern.ts";
import { requireScope, requireScopeOrSelf, requireTopic } from "./authenticate.ts";
import { readBody, readOptionalBody } from "./body.ts";
import type { Handler, HubContext } from "./context.ts";
import { changeMembers, membersRequest } from "./members.ts";
import { Problem } from "./problem.ts";
import { pageSize } from "./query.ts";
import { hubOf, userOf } from "./users.ts";
import { validate } from "./validate.ts";

export const topicPath = z.object({ topic });
export const memberPath = z.object({ topic, user: userId });
/** `cursor` is the `next` of the page before. */
export const membersQuery = z.object({ cursor: userId.optional(), limit: pageSize });
/** May be left out, and then changes nothing of a member. */
export const membershipRequest = z.strictObject({
  /** Whether the user takes part in presence events of the topic. */
  presence: z.boolean().optional(),
});

/** Answers `{ topic, members }`, their number. */
export const topicCount: Handler = async (context) => {
  const { topic } = topicOf(context);
  return context.json({ topic, members: await context.env.TOPIC.getByName(topic).count() });
};

/** A page of members by their ids: `{ members: [{ user, presence }], next? }`, with `next` as the `cursor` of the next page. */
export const listMembers: Handler = async (context) => {
  const { topic } = topicOf(context);
  const { cursor, limit } = validate(membersQuery, context.req.query(), "invalid_request");
  return context.json(await context.env.TOPIC.getByName(topic).page({ after: cursor, limit }));
};

/** Adds and removes up to 1,000 users at once; answers a `MembersAnswer`, with 202 where it names anybody. */
export const postMembers: Handler = async (context) => {
  const { topic, key } = topicOf(context);
  const request = await readBody(context.req.raw, membersRequest, requestLimits.maxMembersBodyBytes);
  const answer = await changeMembers(context.env, topic, request);
  log("info", "members_changed", { request: context.var.request, by: key.id, count: answer.done });
  return context.json(answer, answer.pending.length + answer.failed.length === 0 ? 200 : 202);
};

/** Answers with the `TopicView` of the user; 404 where it is no member. */
export const member: Handler = async (context) => {
  const { topic } = topicOf(context);
  const topics = await hubOf(context, userOf(context)).topics();
  const view = topics.find((view) => view.topic === topic);
  if (view === undefined) throw new Problem("not_found", "the user is no member of the topic");
  return context.json(view);
};

/** Answers with the `TopicView` of the user: 200 where the topic knows, 202 where it is still to be told. */
export const putMember: Handler = async (context) => {
  const { topic } = topicOf(context);
  const { presence } = await optionalBody(context);
  return changed(context, userOf(context), { topic, member: true, presence }, topicLimits.maxByServer);
};

/** As {@link putMember}, for who is to leave. */
export const deleteMember: Handler = async (context) => {
  const { topic } = topicOf(context);
  return changed(context, userOf(context), { topic, member: false }, topicLimits.maxByServer);
};

/** Answers `{ topics }`, each a `TopicView`, by name; to a key those that it is for. */
export const userTopics: Handler = async (context) => {
  const user = userOf(context);
  const asker = await requireScopeOrSelf(context, "users:read", user);
  const topics = await hubOf(context, user).topics();
  const seen = "key" in asker ? topics.filter(({ topic }) => opensTopic(asker.key, topic)) : topics;
  return context.json({ topics: seen });
};

/** As {@link putMember}, for the user's own devices too, in the topics that the token allows. */
export const joinTopic: Handler = async (context) => {
  const { user, topic, limit } = await ownTopic(context);
  const { presence } = await optionalBody(context);
  return changed(context, user, { topic, member: true, presence }, limit);
};

/** As {@link joinTopic}, to leave. */
export const leaveTopic: Handler = async (context) => {
  const { user, topic, limit } = await ownTopic(context);
  return changed(context, user, { topic, member: false }, limit);
};

/** The topic of the path, for a key that may manage it. */
function topicOf(context: HubContext): { readonly topic: Topic; readonly key: ApiKeyRecord } {
  const key = requireScope(context, "topics");
  const { topic } = validate(topicPath, context.req.param(), "invalid_request");
  requireTopic(key, topic);
  return { topic, key };
}

/** The user and topic of the path, for a key as {@link topicOf} or the user itself, and in how many topics the user may be by that. */
async function ownTopic(
  context: HubContext,
): Promise<{ readonly user: UserId; readonly topic: Topic; readonly limit: number }> {
  const path = validate(memberPath, context.req.param(), "invalid_request");
  const asker = await requireScopeOrSelf(context, "topics", path.user);
  if ("key" in asker) {
    requireTopic(asker.key, path.topic);
    return { ...path, limit: topicLimits.maxByServer };
  }
  if (!covers(asker.token.grants.topics, path.topic)) {
    throw new Problem("forbidden", "the token's topics do not allow this one");
  }
  return { ...path, limit: topicLimits.maxByDevice };
}

function optionalBody(context: HubContext): Promise<z.infer<typeof membershipRequest>> {
  return readOptionalBody(context.req.raw, membershipRequest, requestLimits.maxSmallBodyBytes);
}

async function changed(
  context: HubContext,
  user: UserId,
  change: { readonly topic: Topic; readonly member: boolean; readonly presence?: boolean | undefined },
  limit: number,
): Promise<Response> {
  const [outcome] = await hubOf(context, user).changeTopics([change], limit);
  const view = viewOf(outcome, limit);
  return context.json(view, view.pending ? 202 : 200);
}

function viewOf(outcome: TopicOutcome | undefined, limit: number): TopicView {
  if (outcome === undefined) throw new Error("the user's object gave no answer for the topic");
  if ("refused" in outcome) {
    throw new Problem("topic_limit", `a user is in at most ${limit} topics, this one's included`);
  }
  return outcome;
}
