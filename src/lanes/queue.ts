/** What the Worker does with a batch of any queue: the consumer of its lane, wired to the deployment. */

import { count } from "../observe/count.ts";
import { countsOf } from "../observe/counts.ts";
import { deathsOf } from "../receipts/dead.ts";
import { bundles } from "../receipts/event.ts";
import { receipts } from "../receipts/queue.ts";
import { receiptsQueue, sendReceipts } from "../receipts/send.ts";
import { consume } from "./consume.ts";
import { crowdsOf } from "./crowds.ts";
import { consumeDead } from "./dead-consumer.ts";
import { deadLettersName } from "./dead-letter.ts";
import type { DeadRecord } from "./dead-record.ts";
import { laneOfQueue } from "./lane.ts";
import { batches, lanesOf } from "./send.ts";

/** @throws for a queue that is no lane's; its messages then stay where they are. */
export async function queue(batch: MessageBatch, env: Env): Promise<void> {
  if (batch.queue === receiptsQueue) return receipts(batch, env);
  const lane = laneOfQueue(batch.queue);
  if (lane === undefined) throw new Error(`no lane has the queue ${batch.queue}`);
  const lanes = lanesOf(env);
  if (lane === "dead") {
    return consumeDead(batch.messages, {
      lanes,
      store: async (records) => {
        await env.DEAD_LETTERS.getByName(deadLettersName).store(records);
        for (const texts of batches(bundles(deathsOf(records)))) await sendReceipts(env, texts);
        count(env, countsOf("dead", records.flatMap(abandoned)));
      },
      random: Math.random,
    });
  }
  const counts = await consume(lane, batch.messages, {
    lanes,
    crowds: crowdsOf(env),
    deliver: (user, messages) => env.USER_HUB.getByName(user).deliver(messages),
    now: Date.now,
    random: Math.random,
  });
  count(env, { [lane]: counts });
}

/** Of those that the platform gave up, no consumer has counted the end. */
function abandoned(record: DeadRecord) {
  if (record.reason !== "abandoned") return [];
  return "raw" in record
    ? [{ lane: record.lane, recipients: 1 }]
    : [{ lane: record.message.priority, recipients: record.users.length }];
}
