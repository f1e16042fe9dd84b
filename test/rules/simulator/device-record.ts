/** What an onlooker knows of a device: what its app handled, what it was told is gone, and which repeats are excused. */
import { z } from "zod";
import type { Saved } from "../../../src/client/storage.ts";
import {
  type GapFrame,
  type LiveMessage,
  ownTypePrefix,
  ownTypes,
  type StreamMessage,
} from "../../../src/protocol/frames.ts";
import type { Epoch, Seq } from "../../../src/protocol/seq.ts";

const withdrawal = z.object({ id: z.string(), device: z.string().optional() });

/** Whether a message is the hub's own word, which no handler gets. */
export function isOwn({ type }: Pick<LiveMessage, "type">): boolean {
  return type.startsWith(ownTypePrefix);
}

export class DeviceRecord {
  /** How often the handler finished with each message. */
  readonly times = new Map<string, number>();
  /** What the app shows, though it be started anew: what it handled, and was not told to take down. */
  readonly shown = new Set<string>();
  /** How often it may have: a crash before the save repeats, and so does a device that forgot. */
  readonly #excused = new Map<string, number>();
  /** Messages that the app was told its handler failed on. */
  readonly passedOver = new Set<string>();
  readonly #gone = new Map<Epoch, Set<Seq>>();

  handled(message: LiveMessage | StreamMessage, device: string): void {
    const { id, type, data } = message;
    this.times.set(id, (this.times.get(id) ?? 0) + 1);
    const withdrawn = type === ownTypes.withdrawn ? withdrawal.parse(data) : undefined;
    if (withdrawn !== undefined && withdrawn.device !== device) this.shown.delete(withdrawn.id);
    if (isOwn(message)) return;
    this.shown.add(id);
    if ("replaces" in message && message.replaces !== undefined) this.shown.delete(message.replaces);
  }

  gap(epoch: Epoch, { from, to }: GapFrame): void {
    const gone = this.#gone.get(epoch) ?? new Set();
    this.#gone.set(epoch, gone);
    for (let seq = from; seq <= to; seq += 1) gone.add(seq);
  }

  wasToldGone(epoch: Epoch, seq: Seq): boolean {
    return this.#gone.get(epoch)?.has(seq) === true;
  }

  /** What was handled and not saved may come once more. */
  crashed(durable: Saved | undefined): void {
    const known = new Set([...(durable?.recentIds ?? []), ...(durable?.ahead ?? []).map(({ id }) => id)]);
    for (const [id, times] of this.times) if (!known.has(id)) this.#excused.set(id, times + 1);
  }

  /** Everything may come once more. */
  forgot(): void {
    for (const [id, times] of this.times) this.#excused.set(id, times + 1);
  }

  /** Whether the message was handled no more often than can be explained. */
  isExcused(id: string): boolean {
    return (this.times.get(id) ?? 0) <= Math.max(1, this.#excused.get(id) ?? 1);
  }
}
