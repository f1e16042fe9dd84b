/** Publishing from inside the hub, as a handler does: what a server would be refused is refused here too. */
import { gate } from "../lanes/accept.ts";
import { type Enqueued, enqueue } from "../lanes/enqueue.ts";
import { beginning } from "../lanes/job.ts";
import type { Requested } from "../lanes/request.ts";
import { lanesOf } from "../lanes/send.ts";
import { count } from "../observe/count.ts";
import { countsOf } from "../observe/counts.ts";
import { type Fault, faultOf, leaves, told } from "../protocol/faults.ts";
import { type MessageId, messageId } from "../protocol/ids.ts";
import { publishedMessage } from "../protocol/message.ts";
import { recordAccepted } from "../receipts/record.ts";
import { settingsOf } from "../settings.ts";

/** Why a message was not published. Its text names places and rules, and no value. */
export class PublishError extends Error {
  override readonly name = "PublishError";
}

/**
 * Puts the message into the lane of its priority; resolves when it is durable.
 * @throws {PublishError} when it is refused or could not be queued
 */
export async function publishFromHub(
  env: Env,
  message: object,
  now: number,
): Promise<{ readonly id: MessageId }> {
  // As it would arrive over HTTP: what is no JSON in it is seen by nobody.
  const parsed = publishedMessage.safeParse(JSON.parse(JSON.stringify(message)));
  if (!parsed.success) throw refused(leaves(parsed.error.issues).map(faultOf));
  const id = parsed.data.id ?? messageId.parse(crypto.randomUUID());
  const strictness = settingsOf(env).messageTypes;
  const gated = gate({ messages: [parsed.data], batch: false }, { now, strictness, newId: () => id });
  if ("faults" in gated) throw refused(gated.faults);
  for (const item of gated.items) {
    if ((await queued(env, item)) === "refused") throw new PublishError("the message could not be queued");
  }
  await recordAccepted(env, gated.items);
  return { id };
}

async function queued(env: Env, { message, audience }: Requested): Promise<Enqueued> {
  const lanes = lanesOf(env);
  if (!("users" in audience)) return enqueue(lanes, [], [beginning(message, audience, Math.random())]);
  const { users } = audience;
  const enqueued = await enqueue(lanes, [{ message, users }]);
  if (enqueued === "accepted") {
    count(env, countsOf("accepted", [{ lane: message.priority, recipients: users.length }]));
  }
  return enqueued;
}

function refused(faults: readonly Fault[]): PublishError {
  return new PublishError(told(faults).detail);
}
