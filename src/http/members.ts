/** Many members of a topic changed by one request: each user's object is asked by itself, some at once. */
import { z } from "zod";
import { eachBounded, within } from "../lanes/bounded.ts";
import { topicLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { type Topic, type UserId, userId } from "../protocol/ids.ts";

const users = z
  .array(userId)
  .default([])
  .transform((users) => [...new Set(users)]);

/** `{ add?, remove?, presence? }`: users, named once, up to 1,000 in sum; `presence` is of those who are added. */
export const membersRequest = z
  .strictObject({ add: users, remove: users, presence: z.boolean().optional() })
  .refine(({ add, remove }) => {
    const sum = add.length + remove.length;
    return sum >= 1 && sum <= topicLimits.maxUsers;
  }, `must name 1 to ${topicLimits.maxUsers} users in sum`)
  .refine(({ add, remove }) => {
    const added = new Set(add);
    return !remove.some((user) => added.has(user));
  }, "adds and removes the same user");
export type MembersRequest = z.infer<typeof membersRequest>;

/** What came of it, for every user. */
export interface MembersAnswer {
  /** How many users are as was asked for, as their topic knows. */
  readonly done: number;
  /** Users who are as was asked for; the topic could not be reached, and will be told. */
  readonly pending: readonly UserId[];
  /** Users who are in too many topics to join one more (`limit`), and those whose object gave no answer: ask for them again. */
  readonly failed: readonly { readonly user: UserId; readonly reason: "limit" | "unavailable" }[];
}

/** Nobody's failure stops the others. */
export async function changeMembers(
  env: Pick<Env, "USER_HUB">,
  topic: Topic,
  { add, remove, presence }: MembersRequest,
): Promise<MembersAnswer> {
  const asked = [
    ...add.map((user) => ({ user, change: { topic, member: true, presence } })),
    ...remove.map((user) => ({ user, change: { topic, member: false } })),
  ];
  let done = 0;
  const pending: UserId[] = [];
  const failed: MembersAnswer["failed"][number][] = [];
  const startUntil = Date.now() + topicLimits.membersBudgetMs;
  await eachBounded(asked, topicLimits.concurrentUsers, async ({ user, change }) => {
    try {
      if (Date.now() >= startUntil) throw new Error("the request took too long to begin with this user");
      const called = env.USER_HUB.getByName(user).changeTopics([change], topicLimits.maxByServer);
      const [outcome] = await within(topicLimits.userTimeoutMs, called);
      if (outcome === undefined) throw new Error("the user's object gave no answer for the topic");
      if ("refused" in outcome) failed.push({ user, reason: outcome.refused });
      else if (outcome.pending) pending.push(user);
      else done += 1;
    } catch (error) {
      log("warn", "member_unreachable", { error: errorText(error) });
      failed.push({ user, reason: "unavailable" });
    }
  });
  return { done, pending, failed };
}
