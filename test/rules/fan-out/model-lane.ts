/**
 * A lane and its dead lane as the platform has them: at least once, in any order, several consumers at a
 * time, each of which may die before the platform hears what it finished.
 */
import type { QueueMessage } from "../../../src/lanes/consume.ts";
import { consumeDead } from "../../../src/lanes/dead-consumer.ts";
import { type DeadRecord, deadKey, deadTextKey } from "../../../src/lanes/dead-record.ts";
import { pack } from "../../../src/lanes/envelope.ts";
import { batches, type Lanes } from "../../../src/lanes/send.ts";
import { laneLimits } from "../../../src/limits.ts";
import { handed } from "../../support/lanes.ts";
import type { Chance } from "./chance.ts";

interface Queued {
  readonly text: string;
  attempts: number;
  /** Not handed out before. */
  from: number;
}

/** How long the platform waits for a consumer that does not answer. */
const leaseMs = 30_000;

export class ModelLane implements Pick<Lanes, "send"> {
  readonly #chance: Chance;
  readonly #queued = new Set<Queued>();
  readonly #dead = new Map<string, DeadRecord>();
  now = 1_000_000;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  get size(): number {
    return this.#queued.size;
  }

  /** Takes all or none of one send; what it answers may be lost after that. */
  async send(lane: string, texts: readonly string[], delaySeconds = 0): Promise<void> {
    if (batches(texts).length !== 1) throw new Error("a queue takes no such send");
    await this.#chance.call("send", 0.1, async () => {
      if (lane === "dead") await this.#bury(texts);
      else for (const text of texts) this.put(text, delaySeconds);
    });
  }

  put(text: string, delaySeconds = 0): void {
    this.#queued.add({ text, attempts: 0, from: this.now + delaySeconds * 1_000 });
    if (!this.#chance.strikes("queue made a copy", 0.02)) return;
    this.#queued.add({ text, attempts: 0, from: this.now + this.#chance.random.int(60_000) });
  }

  /** Lets several consumers work at the same time, each on a batch of what is due; time goes on to that if need be. */
  async handOut(consume: (batch: readonly QueueMessage[]) => Promise<unknown>): Promise<void> {
    const { random } = this.#chance;
    const earliest = Math.min(...[...this.#queued].map(({ from }) => from));
    this.now = Math.max(this.now + random.int(2_000), earliest);
    const due = random.shuffled([...this.#queued].filter(({ from }) => from <= this.now));
    const consumers = random.between(1, 3);
    await Promise.all(
      Array.from({ length: consumers }, async (_, index) => {
        const batch = due.filter((_, place) => place % consumers === index).slice(0, random.between(1, 30));
        await this.#handOver(batch, consume);
      }),
    );
  }

  async #handOver(
    batch: readonly Queued[],
    consume: (batch: readonly QueueMessage[]) => Promise<unknown>,
  ): Promise<void> {
    const given: { readonly queued: Queued; readonly message: ReturnType<typeof handed> }[] = [];
    for (const queued of batch) {
      queued.attempts += 1;
      queued.from = this.now + leaseMs;
      if (queued.attempts > laneLimits.maxHandouts) {
        await this.#bury([queued.text]);
        this.#queued.delete(queued);
      } else {
        given.push({ queued, message: handed(queued.text, { attempts: queued.attempts, at: this.now }) });
      }
    }
    await consume(given.map(({ message }) => message));
    if (this.#chance.strikes("consumer died before its acks arrived", 0.1)) return;
    for (const { queued, message } of given) {
      if (message.fate === "ack") this.#queued.delete(queued);
      else if (message.fate !== undefined) queued.from = this.now + (message.fate.delaySeconds ?? 0) * 1_000;
    }
  }

  /** What an operator does in the end: puts back all that died. Answers how many there were. */
  redrive(): number {
    const letters = [...this.#dead.values()];
    this.#dead.clear();
    for (const letter of letters) {
      const texts = "raw" in letter ? [letter.raw] : pack([letter]);
      for (const text of texts) this.put(text);
    }
    return letters.length;
  }

  #bury(texts: readonly string[]): Promise<void> {
    const batch = texts.map((text) => handed(text, { at: this.now }));
    return consumeDead(batch, {
      lanes: this,
      random: () => 0.5,
      store: async (records) => {
        for (const record of records) this.#dead.set(keyOf(record), record);
      },
    });
  }
}

function keyOf(record: DeadRecord): string {
  return "raw" in record
    ? deadTextKey(record.raw)
    : record.users.map((user) => deadKey(record.message, user)).join();
}
