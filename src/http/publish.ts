/**
 * `POST /v1/messages`: one message or a batch, accepted whole or refused whole. It answers 202 only
 * after everything is durable: in the objects of the users, in the lanes, or in an outbox.
 */
import { within } from "../lanes/bounded.ts";
import type { DeadRecord } from "../lanes/dead-record.ts";
import { enqueue, enqueueDead, enqueueOrStore } from "../lanes/enqueue.ts";
import { type Lanes, lanesOf } from "../lanes/send.ts";
import { directLimits, requestLimits } from "../limits.ts";
import { count } from "../observe/count.ts";
import { type Counts, countsOf, countsOfCall } from "../observe/counts.ts";
import { errorText, log } from "../observe/log.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
import { type AcceptedMessage, publishRequest } from "../protocol/message.ts";
import { requireScope } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Handler } from "./context.ts";
import { derivedId, idempotencyKeyOf, timeOrderedId } from "./message-ids.ts";
import { Problem } from "./problem.ts";
import { callsOf, planPublish, type Requested, request, requestFaults } from "./publish-plan.ts";
import { type Answer, type Result, receiptOf, resultOf } from "./receipt.ts";

/** Answers 202 with a {@link Receipt}, or with `{ messages: Receipt[] }` for a batch. */
export const publish: Handler = async (context) => {
  const apiKey = requireScope(context, "publish");
  const idempotencyKey = idempotencyKeyOf(context.req.raw.headers);
  const { batch, messages } = await readBody(context.req.raw, publishRequest, requestLimits.maxBodyBytes);

  const now = Date.now();
  const newId = (index: number): MessageId =>
    idempotencyKey === undefined
      ? timeOrderedId(now, crypto.getRandomValues(new Uint8Array(16)))
      : derivedId(apiKey.id, idempotencyKey, index);
  const items = request(messages, newId, now);
  const faults = requestFaults(items);
  if (faults.length > 0) throw new Problem("invalid_body", "the messages do not go together", { faults });

  const { direct, queued } = planPublish(items);
  const lanes = lanesOf(context.env);
  // The lanes first: as long as nobody has got anything, the request can still be refused whole.
  if ((await enqueue(lanes, queued)) === "refused") throw refused();
  count(context.env, accepted(queued));
  const results = await deliverNow(direct, context.env, lanes, now);
  count(context.env, accepted(direct));

  const receipts = items.map((item) => receiptOf(item, results.get(item)));
  return context.json(batch ? { messages: receipts } : receipts[0], 202);
};

/**
 * Calls the objects of the users at once. What gets no answer goes into the critical lane, and what an
 * object can't take to the dead letters, before this returns.
 */
async function deliverNow(
  items: readonly Requested[],
  env: Env,
  lanes: Lanes,
  now: number,
): Promise<Map<Requested, Result[]>> {
  const answers = new Map<UserId, Map<MessageId, Answer>>();
  await Promise.all(
    [...callsOf(items)].map(async ([user, messages]) =>
      answers.set(user, await deliver(env, user, messages)),
    ),
  );
  const results = new Map(
    items.map((item) => [
      item,
      item.users.map((user) => resultOf(user, answers.get(user)?.get(item.message.id))),
    ]),
  );

  const unanswered = [...results].map(([{ message }, of]) => ({ message, users: usersOf(of, "queued") }));
  const rest = unanswered.filter(({ users }) => users.length > 0);
  if ((await enqueueOrStore(lanes, rest)) === "refused") throw refused();

  const dead = [...results].flatMap(([{ message }, of]) =>
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
  return results;
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
    messages.forEach(({ id }, index) => {
      const verdict = result.verdicts[index];
      if (verdict !== undefined) answers.set(id, { verdict, devices: result.devices[index] ?? 0 });
    });
    count(env, { critical: countsOfCall(messages, result, Date.now()) });
  } catch (error) {
    log("warn", "direct_failed", { count: messages.length, error: errorText(error) });
    count(env, countsOf("retried", [{ lane: "critical", recipients: messages.length }]));
  }
  return answers;
}

function accepted(items: readonly Requested[]): Counts {
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
