/**
 * The queues of the lanes: at least once, in no particular order, with handouts that nobody finishes. What
 * consumes them is the Worker's own `queue`, an invocation of which may die before or after anything it does.
 */
import { type DeadRecord, deadKey, deadTextKey } from "../../../../src/lanes/dead-record.ts";
import { pack, parse } from "../../../../src/lanes/envelope.ts";
import { lanes as bindings, type Lane, laneNames } from "../../../../src/lanes/lane.ts";
import { queue } from "../../../../src/lanes/queue.ts";
import { laneLimits } from "../../../../src/limits.ts";
import type { MessageId, UserId } from "../../../../src/protocol/ids.ts";
import { handed } from "../../../support/lanes.ts";
import { standIn } from "../../../support/sqlite-state.ts";
import type { World } from "../world.ts";
import { Caller, never } from "./caller.ts";
import { pause } from "./globals.ts";

interface Queued {
  readonly text: string;
  readonly enqueued: number;
  readonly ids: readonly MessageId[];
  attempts: number;
  /** Not handed out before. */
  from: number;
}

/** How long a queue waits for a consumer that does not answer. */
const leaseMs = 40_000;
const maxBatch = 10;

export class ModelQueues {
  /** The store of the dead letters. */
  readonly dead = new Map<string, DeadRecord>();
  readonly #world: World;
  readonly #env: (caller: Caller) => Env;
  readonly #queues = new Map<Lane, Set<Queued>>(laneNames.map((lane) => [lane, new Set()]));
  /** In how many queue messages each message is. */
  readonly #held = new Map<MessageId, number>();
  /** When the last queue message with a message in it went. */
  readonly #emptied = new Map<MessageId, number>();

  constructor(world: World, env: (caller: Caller) => Env) {
    this.#world = world;
    this.#env = env;
  }

  get empty(): boolean {
    return [...this.#queues.values()].every((queued) => queued.size === 0);
  }

  /** When a message was fanned out and delivered, as far as the lanes go; `Infinity` while it is not. */
  doneAt(id: MessageId): number {
    return this.#held.has(id)
      ? Number.POSITIVE_INFINITY
      : (this.#emptied.get(id) ?? Number.POSITIVE_INFINITY);
  }

  /** One `sendBatch`: all or nothing, and durable from here on. */
  async send(caller: Caller, lane: Lane, texts: readonly string[], delaySeconds = 0): Promise<void> {
    const world = this.#world;
    const isStep = caller.kind === "consumer" && lane !== "dead";
    if (!caller.alive) return never();
    if (isStep && world.strikes("consumer crashed before it sent a step", lane, 0.03)) {
      caller.crash();
      return never();
    }
    await pause(world, world.random.int(20));
    if (world.strikes("lane refused", lane, 0.02)) throw new Error("Too Many Requests");
    for (const text of texts) this.#put(lane, text, delaySeconds * 1_000);
    if (isStep && world.strikes("consumer crashed after it sent a step", lane, 0.03)) {
      caller.crash();
      return never();
    }
    await pause(world, world.random.int(20));
    if (!caller.alive) return never();
  }

  /** A request for several lanes: whole, and sent from there. */
  store(parcels: readonly { readonly lane: Lane; readonly text: string }[]): void {
    for (const { lane, text } of parcels) this.#put(lane, text, this.#world.random.int(2_000));
  }

  /** A queue may hand out a message more than once. */
  copyOne(): void {
    const lane = this.#world.random.pick(laneNames);
    const [queued] = this.#queues.get(lane) ?? [];
    if (queued === undefined) return;
    this.#world.struck("lane copied a message", lane);
    this.#put(lane, queued.text, this.#world.random.int(10_000));
  }

  bury(records: readonly DeadRecord[]): void {
    for (const record of records) {
      this.#world.count(`dead ${record.reason}`);
      if ("raw" in record) this.dead.set(deadTextKey(record.raw), record);
      else
        for (const user of record.users)
          this.dead.set(deadKey(record.message, user), { ...record, users: [user] });
    }
  }

  /** Whether the message is a dead letter of the user's. */
  hasDied(id: MessageId, user: UserId): boolean {
    return [...this.dead.values()].some(
      (record) => "users" in record && record.message.id === id && record.users.includes(user),
    );
  }

  /** What an operator does: puts back what could not be delivered for want of an answer. */
  redrive(): void {
    for (const [key, record] of this.dead) {
      if (record.reason !== "attempts_exhausted" && record.reason !== "abandoned") continue;
      this.#world.count("redriven");
      this.dead.delete(key);
      if ("raw" in record) this.#put(record.lane, record.raw, 0);
      else for (const text of pack([record])) this.#put(record.message.priority, text, 0);
    }
  }

  #put(lane: Lane, text: string, delayMs: number): void {
    const from = this.#world.now + delayMs;
    const ids = idsIn(text);
    for (const id of ids) this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
    this.#queues.get(lane)?.add({ text, enqueued: this.#world.wall(), ids, attempts: 0, from });
    this.#wake(lane, from);
  }

  #drop(lane: Lane, queued: Queued): void {
    if (this.#queues.get(lane)?.delete(queued) !== true) return;
    for (const id of queued.ids) {
      const left = (this.#held.get(id) ?? 0) - 1;
      if (left > 0) this.#held.set(id, left);
      else this.#held.delete(id);
      this.#emptied.set(id, this.#world.now);
    }
  }

  #wake(lane: Lane, at: number): void {
    this.#world.schedule.at(at + this.#world.random.int(50), () => this.#consume(lane));
  }

  /** What is ready, as a batch in any order; what was handed out too often goes the way of the platform. */
  #handOut(lane: Lane): Queued[] {
    const { now, random } = this.#world;
    const ready = [...(this.#queues.get(lane) ?? [])].filter(({ from }) => from <= now);
    const batch = random.shuffled(ready).slice(0, random.between(1, maxBatch));
    for (const queued of batch) {
      queued.attempts += 1;
      this.#again(lane, queued, leaseMs);
    }
    return batch.filter((queued) => {
      if (lane === "dead" || queued.attempts <= laneLimits.maxHandouts) return true;
      this.#put("dead", queued.text, 0);
      this.#drop(lane, queued);
      return false;
    });
  }

  #again(lane: Lane, queued: Queued, delayMs: number): void {
    queued.from = this.#world.now + delayMs;
    this.#wake(lane, queued.from);
  }

  #consume(lane: Lane): void {
    const batch = this.#handOut(lane);
    if (batch.length === 0) return;
    if (this.#world.strikes("consumer crashed before the calls", lane, 0.03)) return;
    const worker = new Caller("consumer", lane);
    const given = batch.map((queued) => ({
      queued,
      message: handed(queued.text, { attempts: queued.attempts, at: queued.enqueued }),
    }));
    const messages = given.map(({ message }) => message);
    const batchOf = standIn({ queue: bindings[lane].queue, messages });
    void queue(batchOf, this.#env(worker)).then(() => {
      if (!worker.alive || this.#world.strikes("consumer crashed before the ack", lane, 0.03)) return;
      for (const { queued, message } of given) {
        if (message.fate === "ack") this.#drop(lane, queued);
        else if (message.fate !== undefined)
          this.#again(lane, queued, (message.fate.delaySeconds ?? 0) * 1_000);
      }
    });
  }
}

function idsIn(text: string): MessageId[] {
  const parsed = parse(text);
  if (parsed.kind === "envelope") return parsed.envelope.items.map(({ message }) => message.id);
  return parsed.kind === "job" ? [parsed.job.message.id] : [];
}
