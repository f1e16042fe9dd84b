/** The queue of receipts of the hub under test, watched or broken. */
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { parseBundle, type ReceiptEvent } from "../../src/receipts/event.ts";

export interface ReceiptsTold {
  /** Events of all users, in the order in which the queue got them. */
  readonly events: readonly ReceiptEvent[];
  /** The same as `state` or `state device`, of one message. */
  of(message: string): string[];
  /** What the queue got in one message each. */
  readonly texts: readonly string[];
  /** Messages of all sends. */
  readonly sends: number;
}

/** Takes what the queue is sent, so that it goes no further. While `refuses` says so, it takes nothing. */
export function watchReceipts(refuses: () => boolean | Promise<boolean> = () => false): ReceiptsTold {
  const texts: string[] = [];
  let sends = 0;
  vi.spyOn(env.RECEIPTS, "sendBatch").mockImplementation(async (batch) => {
    sends += 1;
    const bodies = [...batch].map(({ body }) => String(body));
    if (await refuses()) throw new Error("Too Many Requests");
    texts.push(...bodies);
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  });
  const events = () => texts.flatMap((text) => parseBundle(text)?.events ?? []);
  return {
    texts,
    get sends() {
      return sends;
    },
    get events() {
      return events();
    },
    of: (message) =>
      events()
        .filter((event) => event.message === message)
        .map(({ state, device }) => (device === undefined ? state : `${state} ${device}`)),
  };
}
