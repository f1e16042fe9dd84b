/**
 * Putting messages into their lanes. A request is accepted whole or refused whole, so there is one
 * commit point for it: one `sendBatch`, or one transaction of an `Outbox` that sends from there.
 */
import { errorText, log } from "../observe/log.ts";
import { priorities } from "../protocol/priority.ts";
import { type DeadRecord, encodeDead } from "./dead-record.ts";
import { type Addressed, pack } from "./envelope.ts";
import { encodeJob, type Job } from "./job.ts";
import { batches, type Lanes, type Parcel } from "./send.ts";

/** `refused`: nothing of it is in the lanes as far as is known, and the publisher is to try again. */
export type Enqueued = "accepted" | "refused";

/** Puts each message and each job in the lane of its priority. All are durable when this answers `accepted`. */
export async function enqueue(
  lanes: Lanes,
  items: readonly Addressed[],
  jobs: readonly Job[] = [],
): Promise<Enqueued> {
  const parcels = parcelsOf(items, jobs);
  const [first] = parcels;
  if (first === undefined) return "accepted";
  const texts = parcels.map(({ text }) => text);
  const oneSend = parcels.every(({ lane }) => lane === first.lane) && batches(texts).length === 1;
  return committed(() => (oneSend ? lanes.send(first.lane, texts) : lanes.store(parcels)));
}

/**
 * As {@link enqueue}, for messages that can't be refused any more because some of their users have
 * them already: what a lane does not take waits in an outbox.
 */
export async function enqueueOrStore(lanes: Lanes, items: readonly Addressed[]): Promise<Enqueued> {
  if ((await enqueue(lanes, items)) === "accepted") return "accepted";
  return committed(() => lanes.store(parcelsOf(items, [])));
}

/** Sends records to the dead lane. @throws when it refuses; some may be there then, and are known again when sent again. */
export async function enqueueDead(lanes: Pick<Lanes, "send">, records: readonly DeadRecord[]): Promise<void> {
  for (const texts of batches(records.map(encodeDead))) await lanes.send("dead", texts);
}

/** The most urgent lane first, since that is the order in which an outbox sends. */
function parcelsOf(items: readonly Addressed[], jobs: readonly Job[]): Parcel[] {
  return priorities.flatMap((lane) => {
    const envelopes = pack(items.filter(({ message }) => message.priority === lane));
    const begun = jobs.filter(({ message }) => message.priority === lane).map(encodeJob);
    return [...envelopes, ...begun].map((text) => ({ lane, text }));
  });
}

async function committed(commit: () => Promise<void>): Promise<Enqueued> {
  try {
    await commit();
    return "accepted";
  } catch (error) {
    log("error", "lane_refused", { error: errorText(error) });
    return "refused";
  }
}
