/** The chunks of a batch, sent some at a time, and what became of each. */
import type { Chunk } from "./chunks.ts";
import { HubError } from "./hub-error.ts";
import type { Receipt } from "./message.ts";
import { concernsContent, type Failure } from "./retry.ts";
import type { Outcome } from "./send.ts";

/**
 * What became of the messages from `from` up to, without, `to` of a batch; as far as this call goes.
 * - `refused`: for certain none of them was accepted. `unsent`: they were not tried.
 * - `unknown`: all of them may have been accepted, some, or none. To push them again without delivering twice, use
 *   the same messages and the same key.
 */
export type ChunkOutcome = Chunk &
  (
    | { readonly state: "accepted"; readonly receipts: readonly Receipt[] }
    | { readonly state: "refused" | "unknown"; readonly error: Failure }
    | { readonly state: "unsent" }
  );

/** A batch of which not everything was accepted: what was, what was not, and of what it is not known. */
export class BatchError extends Error {
  override readonly name = "BatchError";
  /** In the order of the batch; together they hold every message. */
  readonly chunks: readonly ChunkOutcome[];
  /** Of the batch, for pushing it again: whatever was accepted is not delivered a second time. */
  readonly idempotencyKey: string;

  /** @param abortReason of the caller's signal, if it aborted */
  constructor(chunks: readonly ChunkOutcome[], idempotencyKey: string, abortReason: unknown) {
    const failures = chunks.flatMap((chunk) => ("error" in chunk ? [chunk.error] : []));
    const count = (state: ChunkOutcome["state"]) =>
      chunks.reduce((sum, { from, state: its, to }) => sum + (its === state ? to - from : 0), 0);
    const numbers = (["accepted", "refused", "unknown", "unsent"] as const).map(
      (state) => `${count(state)} ${state}`,
    );
    super(`the batch was not accepted whole (messages: ${numbers.join(", ")})`, {
      cause: abortReason ?? failures[0],
    });
    this.chunks = chunks;
    this.idempotencyKey = idempotencyKey;
  }

  /** One for each message, in the order of the batch; `undefined` for what was not accepted, or not for certain. */
  get receipts(): (Receipt | undefined)[] {
    return this.chunks.flatMap((chunk): (Receipt | undefined)[] =>
      chunk.state === "accepted" ? [...chunk.receipts] : Array.from({ length: chunk.to - chunk.from }),
    );
  }
}

/**
 * Sends the chunks in their order, so many at a time. After a failure that the others would meet as well, no
 * further one is started; those under way are waited for.
 */
export async function sendChunks(
  chunks: readonly Chunk[],
  concurrency: number,
  signal: AbortSignal | undefined,
  sendChunk: (chunk: Chunk) => Promise<Outcome<readonly Receipt[]>>,
): Promise<ChunkOutcome[]> {
  const outcomes = chunks.map((chunk): ChunkOutcome => ({ ...chunk, state: "unsent" }));
  let isFutile = false;
  // One iterator for all: whoever is free takes the next.
  const rest = chunks.entries();
  const worker = async () => {
    for (const [place, chunk] of rest) {
      if (isFutile || signal?.aborted) return;
      const outcome = await sendChunk(chunk);
      if (outcome.state === "accepted") {
        outcomes[place] = { ...chunk, state: "accepted", receipts: outcome.answer };
      } else {
        outcomes[place] = { ...chunk, state: outcome.state, error: inBatch(outcome.error, chunk.from) };
        isFutile ||= !concernsContent(outcome.error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, chunks.length) }, worker));
  return outcomes;
}

/** The hub counts the messages of a request; the caller those of the batch. */
function inBatch(failure: Failure, from: number): Failure {
  if (!(failure instanceof HubError)) return failure;
  const moved = (text: string) =>
    text.replace(/\bmessages\[(\d+)\]/g, (_, place) => `messages[${Number(place) + from}]`);
  return new HubError(failure.status, {
    ...failure,
    detail: moved(failure.detail),
    errors: failure.errors.map(({ message, path }) => ({ path: moved(path), message })),
  });
}
