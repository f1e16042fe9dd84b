/** Topics of tests: fresh names, their objects, and what both sides of a membership say. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { TopicOutcome } from "../../src/hub/memberships.ts";
import { topicLimits } from "../../src/limits.ts";
import { type Topic, topic, type UserId } from "../../src/protocol/ids.ts";
import type { Topic as TopicObject } from "../../src/topics/topic.ts";
import { hubOf } from "./device.ts";
import { inside } from "./storage.ts";

/** A topic that no other test knows. */
export function aTopic(): Topic {
  return topic.parse(`topic.${crypto.randomUUID()}`);
}

/** A fresh stub, since one that has seen its object die is of no use any more. */
export function objectOf(name: Topic) {
  return env.TOPIC.getByName(name);
}

export function insideTopic<Result>(
  name: Topic,
  look: (object: TopicObject, state: DurableObjectState) => Result | Promise<Result>,
): Promise<Result> {
  return runInDurableObject(objectOf(name), look);
}

/** The server makes the user a member. */
export async function join(user: UserId, name: Topic, presence?: boolean): Promise<TopicOutcome | undefined> {
  const change = { topic: name, member: true, presence };
  return (await hubOf(user).changeTopics([change], topicLimits.maxByServer))[0];
}

export async function leave(user: UserId, name: Topic): Promise<TopicOutcome | undefined> {
  return (await hubOf(user).changeTopics([{ topic: name, member: false }], topicLimits.maxByServer))[0];
}

/** Puts a user into so many topics, past their objects: there would be too many of those for a test. */
export async function joinMany(user: UserId, count: number): Promise<void> {
  await join(user, aTopic());
  await inside(user, (_, { storage: { sql } }) => {
    for (let index = 1; index < count; index += 1) {
      sql.exec("INSERT INTO topics VALUES (?, 1, 0, 1, 0)", `many.${index}`);
    }
  });
  // So that it looks again.
  await evictDurableObject(hubOf(user));
}

/** The members of a topic as a message would be fanned out to them. */
export async function membersOf(name: Topic): Promise<readonly string[]> {
  return (await objectOf(name).page({ limit: 1_000 })).members.map(({ user }) => user);
}
