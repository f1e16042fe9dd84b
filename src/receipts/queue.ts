/** The consumer of the queue of receipts, wired to the deployment. */
import { settingsOf } from "../settings.ts";
import { consumeReceipts } from "./consume.ts";
import { sendReceipts } from "./send.ts";
import { post } from "./webhook.ts";

export function receipts(batch: MessageBatch, env: Env): Promise<void> {
  return consumeReceipts(batch.messages, {
    count: (message, events) =>
      env.RECEIPTS_STORE.getByName(message).add(events.map(({ id, state }) => ({ id, state }))),
    post: async (events) => {
      // Read for each call: a hub that is misconfigured at the moment must not lose them.
      const { webhook } = settingsOf(env);
      return webhook === undefined ? { answer: "taken" } : post(webhook, events, Date.now());
    },
    send: (texts, delaySeconds) => sendReceipts(env, texts, delaySeconds),
    now: Date.now,
    random: Math.random,
  });
}
