/**
 * The queues and their consumers: at least once, in no particular order, with handouts that nobody
 * finishes. The consumer plans, calls and settles with the rules of `src/lanes`.
 */

import { recordsOf } from "../../../src/lanes/dead-consumer.ts";
import { type DeadRecord, encodeDead } from "../../../src/lanes/dead-record.ts";
import { type Addressed, type Envelope, encode, pack, parse } from "../../../src/lanes/envelope.ts";
import type { Lane } from "../../../src/lanes/lane.ts";
import type { Outcome } from "../../../src/lanes/settle.ts";
import { laneLimits } from "../../../src/limits.ts";
import type { DeliveryResult } from "../../../src/protocol/delivery.ts";
import type { UserId } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import { type Priority, priorities } from "../../../src/protocol/priority.ts";
import { DeadStore } from "./dead-store.ts";
import { type Entry, entry, type Ledger } from "./ledger.ts";
import { Unreachable } from "./unreachable.ts";
import type { World } from "./world.ts";

interface Queued {
  readonly text: string;
  readonly enqueued: number;
  /** What the text holds, for the books. */
  readonly entries: readonly Entry[];
  attempts: number;
  /** Not handed out before. */
  from: number;
}

export type Deliver = (user: UserId, messages: readonly AcceptedMessage[]) => DeliveryResult;

/** How long a queue waits for a consumer that does not answer. */
const leaseMs = 5_000;
const maxBatch = 10;

export class ModelLanes {
  readonly dead: DeadStore;
  readonly #world: World;
  readonly #deliver: Deliver;
  readonly #queues: Record<Lane, Set<Queued>> = {
    critical: new Set(),
    high: new Set(),
    normal: new Set(),
    low: new Set(),
    dead: new Set(),
  };

  constructor(world: World, ledger: Ledger, deliver: Deliver) {
    this.#world = world;
    this.#deliver = deliver;
    this.dead = new DeadStore(world, ledger, (lane, texts) => this.send(lane, texts));
  }

  /** Durable from here on. @returns whether the lane took them */
  send(lane: Lane, texts: readonly string[], delaySeconds = 0): boolean {
    if (this.#world.strikes("lane refused", lane, 0.02)) return false;
    for (const text of texts) this.#put(lane, text, delaySeconds * 1_000);
    return true;
  }

  /** Puts messages in the lanes of their priority. */
  enqueue(items: readonly Addressed[]): boolean {
    return priorities.every((lane) => {
      const texts = pack(items.filter(({ message }) => message.priority === lane));
      return texts.length === 0 || this.send(lane, texts);
    });
  }

  /** A queue may hand out a message more than once. */
  copyOne(): void {
    const lane = this.#world.random.pick(["critical", "high", "normal", "low", "dead"] as const);
    const [queued] = this.#queues[lane];
    if (queued === undefined) return;
    this.#world.struck("lane copied a message", lane);
    this.#put(lane, queued.text, this.#world.random.int(10_000));
  }

  get empty(): boolean {
    return Object.values(this.#queues).every((queue) => queue.size === 0);
  }

  holds(wanted: Entry): boolean {
    return Object.values(this.#queues).some((queue) =>
      [...queue].some(({ entries }) => entries.some((held) => held === wanted)),
    );
  }

  #put(lane: Lane, text: string, delayMs: number): void {
    const from = this.#world.now + delayMs;
    const records = lane === "dead" ? recordsOf(text, this.#world.wall()) : itemsOf(text);
    const entries = records.flatMap((record) =>
      "raw" in record ? [] : record.users.map((user) => entry(record.message.id, user)),
    );
    this.#queues[lane].add({ text, enqueued: this.#world.wall(), entries, attempts: 0, from });
    this.#wake(lane, from);
  }

  #wake(lane: Lane, at: number): void {
    this.#world.schedule.at(at + this.#world.random.int(50), () => {
      if (lane === "dead") this.#consumeDead();
      else this.#consume(lane);
    });
  }

  /** What is ready, as a batch in any order; what was handed out too often goes the way of the platform. */
  #handOut(lane: Lane): Queued[] {
    const { now, random } = this.#world;
    const queue = this.#queues[lane];
    const batch = random
      .shuffled([...queue].filter(({ from }) => from <= now))
      .slice(0, random.between(1, maxBatch));
    for (const queued of batch) {
      queued.attempts += 1;
      this.#again(lane, queued, leaseMs);
    }
    return batch.filter((queued) => {
      if (lane === "dead" || queued.attempts <= laneLimits.maxHandouts) return true;
      this.#world.count("abandoned");
      this.#put("dead", queued.text, 0);
      queue.delete(queued);
      return false;
    });
  }

  #again(lane: Lane, queued: Queued, delayMs: number): void {
    queued.from = this.#world.now + delayMs;
    this.#wake(lane, queued.from);
  }

  #consume(lane: Priority): void {
    const world = this.#world;
    const batch = this.#handOut(lane);
    if (batch.length === 0 || world.strikes("consumer crashed before the calls", lane, 0.03)) return;
    const opened = batch.map((queued) => ({
      queued,
      envelope: envelopeOf(queued.text),
      enqueued: queued.enqueued,
    }));
    const outcomes = new Map<Addressed, Map<UserId, Outcome>>();
    for (const { user, items } of world.rules.plan(opened)) {
      const answers = this.#call(user, items);
      for (const [index, item] of items.entries()) {
        const ofItem = outcomes.get(item) ?? new Map<UserId, Outcome>();
        ofItem.set(user, answers[index] ?? noVerdict);
        outcomes.set(item, ofItem);
      }
    }
    if (world.strikes("consumer crashed after the calls", lane, 0.03)) return;
    for (const { queued, envelope } of opened) {
      const attempt = envelope.attempt + queued.attempts;
      const { dead, next } = world.rules.settle(
        envelope,
        (item, user) => outcomes.get(item)?.get(user) ?? noVerdict,
        { attempt, now: world.wall(), random: world.random.next() },
      );
      world.note(lane, `settles attempt ${attempt}`, { next, dead: dead.length });
      const done =
        this.#bury(dead) &&
        (next.do !== "requeue" || this.send(lane, [encode(next.envelope)], next.delaySeconds));
      world.count(`settled ${next.do}`);
      if (world.strikes("consumer crashed before the ack", lane, 0.03)) return;
      if (!done) this.#again(lane, queued, 2_000);
      else if (next.do === "retry") this.#again(lane, queued, next.delaySeconds * 1_000);
      else this.#queues[lane].delete(queued);
    }
  }

  #call(user: UserId, items: readonly Addressed[]): readonly Outcome[] {
    try {
      return this.#deliver(
        user,
        items.map(({ message }) => message),
      ).verdicts;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      return items.map(() => ({ failure: error.message, overloaded: error.overloaded }));
    }
  }

  #bury(records: readonly DeadRecord[]): boolean {
    return records.every((record) => this.send("dead", [encodeDead(record)]));
  }

  #consumeDead(): void {
    for (const queued of this.#handOut("dead")) {
      for (const record of recordsOf(queued.text, queued.enqueued)) this.dead.store(record);
      if (!this.#world.strikes("dead letter stored twice", "dead", 0.1)) this.#queues.dead.delete(queued);
    }
  }
}

const noVerdict: Outcome = { failure: "no verdict", overloaded: false };

function envelopeOf(text: string): Envelope {
  const parsed = parse(text);
  if (parsed.kind !== "envelope") throw new Error(`a lane holds ${text}`);
  return parsed.envelope;
}

function itemsOf(text: string): readonly Addressed[] {
  return envelopeOf(text).items;
}
