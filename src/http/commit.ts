/**
 * The commit of a request: its messages become durable, in the objects of the users, in the lanes, or in
 * an outbox, and only then may the publisher be told so.
 */
import { within } from "../lanes/bounded.ts";
import type { DeadRecord } from "../lanes/dead-record.ts";
import { enqueue, enqueueDead, enqueueOrStore } from "../lanes/enqueue.ts";
import { beginning } from "../lanes/job.ts";
import type { Requested } from "../lanes/request.ts";
import { type Lanes, lanesOf } from "../lanes/send.ts";
import { directLimits } from "../limits.ts";
import { count } from "../observe/count.ts";
import { addCounts, type Counts, countsOf, countsOfCall } from "../observe/counts.ts";
import { errorText, log } from "../observe/log.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { Problem } from "./problem.ts";
import { callsOf, type Named, planPublish } from "./publish-plan.ts";
import { type Answer, type Result, resultOf } from "./receipt.ts";

/**
 * Commits the messages, all or none. Answers how those fared whose users' objects were called at once.
 * @throws {Problem} `lane_unavailable`, when not all of it is durable as far as is known
 */
export async function commit(
  items: readonly Requested[],
  env: Env,
  now: number,
): Promise<ReadonlyMap<MessageId, readonly Result[]>> {
  const { direct, queued, crowded } = planPublish(items);
  const lanes = lanesOf(env);
  const jobs = crowded.map(({ message, audience }) => beginning(message, audience, Math.random()));
  // The lanes first: as long as nobody has got anything, the request can still be refused whole.
  if ((await enqueue(lanes, queued, jobs)) === "refused") throw refused();
  // The users of a crowd are counted when it is fanned out: until then nobody knows how many they are.
  count(env, accepted(queued));
  const results = await deliverNow(direct, env, lanes, now);
  count(env, accepted(direct));
  return results;
}

/**
 * Calls the objects of the users at once. What gets no answer goes into the critical lane, and what an
 * object can't take to the dead letters, before this returns.
 */
async function deliverNow(
  items: readonly Named[],
  env: Env,
  lanes: Lanes,
  now: number,
): Promise<Map<MessageId, Result[]>> {
  const answers = new Map<UserId, Map<MessageId, Answer>>();
  await Promise.all(
    [...callsOf(items)].map(async ([user, messages]) =>
      answers.set(user, await deliver(env, user, messages)),
    ),
  );
  const settled = items.map(({ message, users }) => ({
    message,
    of: users.map((user) => resultOf(user, answers.get(user)?.get(message.id))),
  }));

  const unanswered = settled.map(({ message, of }) => ({ message, users: usersOf(of, "queued") }));
  const rest = unanswered.filter(({ users }) => users.length > 0);
  if ((await enqueueOrStore(lanes, rest)) === "refused") throw refused();

  const dead = settled.flatMap(({ message, of }) =>
    of.flatMap((result): DeadRecord[] =>
      result.state === "dead"
        ? [{ message, users: [result.user], reason: result.reason, attempts: 1, error: "", at: now }]
        : [],
    ),
  );
  try {
    await enqueueDead(lanes, dead);
  } catch (error) {
    log("error", "lane_refused", { lane: "dead", error: errorText(error) });
    throw refused();
  }
  return new Map(settled.map(({ message, of }) => [message.id, of]));
}

/** The object's answer for each message; none of an object that fails or takes too long. */
async function deliver(
  env: Env,
  user: UserId,
  messages: readonly AcceptedMessage[],
): Promise<Map<MessageId, Answer>> {
  const answers = new Map<MessageId, Answer>();
  try {
    // A stub of its own for each call: one that failed once fails for ever.
    const called = env.USER_HUB.getByName(user).deliver(messages);
    const result = await within(directLimits.timeoutMs, called);
    const answered = Date.now();
    let counts: Counts = {};
    messages.forEach((message, index) => {
      const verdict = result.verdicts[index];
      if (verdict === undefined) return;
      const devices = result.devices[index] ?? 0;
      answers.set(message.id, { verdict, devices });
      const one = countsOfCall([message], { verdicts: [verdict], devices: [devices] }, answered);
      counts = addCounts(counts, { [message.priority]: one });
    });
    count(env, counts);
  } catch (error) {
    log("warn", "direct_failed", { count: messages.length, error: errorText(error) });
    count(
      env,
      countsOf(
        "retried",
        messages.map(({ priority }) => ({ lane: priority, recipients: 1 })),
      ),
    );
  }
  return answers;
}

function accepted(items: readonly Named[]): Counts {
  return countsOf(
    "accepted",
    items.map(({ message, users }) => ({ lane: message.priority, recipients: users.length })),
  );
}

function usersOf(results: readonly Result[], state: Result["state"]): UserId[] {
  return results.filter((result) => result.state === state).map(({ user }) => user);
}

function refused(): Problem {
  return new Problem(
    "lane_unavailable",
    "not all of it was accepted; send it again with the same ids or Idempotency-Key, and nothing arrives twice",
  );
}
