/**
 * What the lanes can be asked for, wired to their bindings. Every rule of this folder takes the
 * {@link Lanes} that it needs, so that tests and the simulator give it lanes of their own.
 */
import { laneLimits } from "../limits.ts";
import { utf8Length } from "../protocol/json.ts";
import type { Priority } from "../protocol/priority.ts";
import { type Lane, type LaneBindings, lanes } from "./lane.ts";

/** The text of a queue message and the lane that it is for. */
export interface Parcel {
  readonly lane: Priority;
  readonly text: string;
}

export interface Lanes {
  /** One `sendBatch`, so at most what {@link batches} puts together; resolves when it is durable. @throws when the queue refuses. */
  send(lane: Lane, texts: readonly string[], delaySeconds?: number): Promise<void>;
  /** Keeps parcels for all lanes in one transaction, to be sent from there. @throws when that failed, and then none is kept. */
  store(parcels: readonly Parcel[]): Promise<void>;
}

/** One `sendBatch` to a lane. */
export async function send(
  env: LaneBindings,
  lane: Lane,
  texts: readonly string[],
  delaySeconds = 0,
): Promise<void> {
  await env[lanes[lane].binding].sendBatch(
    texts.map((body) => ({ body, contentType: "text" as const })),
    { delaySeconds },
  );
}

/** The lanes of a deployment. */
export function lanesOf(env: LaneBindings & Pick<Env, "OUTBOX">): Lanes {
  return {
    send: (lane, texts, delaySeconds) => send(env, lane, texts, delaySeconds),
    // An object of its own for each request: nothing to wait for, nothing to share.
    store: (parcels) => env.OUTBOX.get(env.OUTBOX.newUniqueId()).store(parcels),
  };
}

/** Texts in order, cut into batches that one `sendBatch` takes each. */
export function batches(texts: readonly string[]): string[][] {
  const cut: string[][] = [];
  let batch: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const size = utf8Length(text);
    if (
      batch.length > 0 &&
      (batch.length === laneLimits.maxSendMessages || bytes + size > laneLimits.maxSendBytes)
    ) {
      cut.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += size;
  }
  if (batch.length > 0) cut.push(batch);
  return cut;
}

/** The text of a queue message's body. Ours are text; JSON is what the dashboard and the HTTP API of Queues send. */
export function textOf(body: unknown): string {
  return typeof body === "string" ? body : (JSON.stringify(body) ?? "");
}
