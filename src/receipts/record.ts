/** The record of a message whose publisher asked for receipts, made when it is accepted. */
import { eachBounded, within } from "../lanes/bounded.ts";
import type { Requested } from "../lanes/request.ts";
import { receiptLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";

/**
 * Remembers the messages that want receipts. It comes after everything is durable, and a failure of it costs
 * nothing but this record: the message is accepted, its events are counted all the same.
 */
export async function recordAccepted(
  env: Pick<Env, "RECEIPTS_STORE">,
  items: readonly Requested[],
): Promise<void> {
  const asked = items.filter(({ message }) => message.receipts === true);
  if (asked.length === 0) return;
  const failed = (error: unknown) => log("warn", "receipts_not_recorded", { error: errorText(error) });
  const recorded = eachBounded(asked, receiptLimits.concurrentRecords, (item) =>
    record(env, item).catch(failed),
  );
  await within(receiptLimits.recordTimeoutMs, recorded).catch(failed);
}

async function record(
  env: Pick<Env, "RECEIPTS_STORE">,
  { message: { id, at, type, deliverAt = at }, audience }: Requested,
): Promise<void> {
  const recipients = "users" in audience ? { recipients: audience.users.length } : {};
  await env.RECEIPTS_STORE.getByName(id).accept({ at, type, ...recipients }, deliverAt);
}
