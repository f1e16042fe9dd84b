/**
 * A hub with many users, from a seed: the real consumer, jobs, steps and settlements, and the real objects
 * of topics and of everyone, between model users and a model lane. What the object of a user does about
 * topics and everyone is here in a few lines: it knows ids again, and catches up when it comes.
 */
import { vi } from "vitest";
import { everyoneName, shardOf } from "../../../src/everyone/shards.ts";
import { consume, type Surroundings } from "../../../src/lanes/consume.ts";
import { enqueue } from "../../../src/lanes/enqueue.ts";
import { beginning } from "../../../src/lanes/job.ts";
import { everyoneLimits } from "../../../src/limits.ts";
import type { Verdict } from "../../../src/protocol/delivery.ts";
import { type MessageId, topic, type UserId } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage, Crowd } from "../../../src/protocol/message.ts";
import { Random } from "../simulator/prng.ts";
import { Chance } from "./chance.ts";
import { CrowdObjects } from "./crowd-objects.ts";
import { ModelLane } from "./model-lane.ts";

export const news = topic.parse("news");

export interface ModelUser {
  readonly id: UserId;
  readonly stream: MessageId[];
  readonly known: Set<MessageId>;
  /** Since when; `undefined` for one who is away. */
  online?: number | undefined;
  renewed: number;
  logSeen: number;
  member: boolean;
  version: number;
}

/** What works off a batch: the consumer, or one with a planted bug. */
export type Consumer = (
  messages: Parameters<typeof consume>[1],
  surroundings: Surroundings,
) => Promise<unknown>;

export class FanOutWorld {
  readonly chance: Chance;
  readonly random: Random;
  readonly lane: ModelLane;
  readonly objects: CrowdObjects;
  readonly users: ReadonlyMap<UserId, ModelUser>;
  /** The setting of the deployment. */
  shards = 16;
  readonly #consumer: Consumer;
  readonly #surroundings: Surroundings;

  constructor(seed: number, ids: readonly UserId[], options: { consumer?: Consumer | undefined } = {}) {
    this.random = new Random(seed);
    this.chance = new Chance(this.random);
    this.lane = new ModelLane(this.chance);
    this.objects = new CrowdObjects(this.chance);
    this.#consumer = options.consumer ?? ((messages, world) => consume("normal", messages, world));
    this.users = new Map(
      ids.map((id) => [
        id,
        { id, stream: [], known: new Set(), renewed: 0, logSeen: 0, member: false, version: 0 },
      ]),
    );
    this.#surroundings = {
      lanes: this.lane,
      crowds: this.objects.crowds,
      now: () => this.lane.now,
      random: () => this.random.next(),
      deliver: (user, messages) => this.#deliver(user, messages),
    };
  }

  /** Has the message in its lane, however often that must be tried. */
  async publish(message: AcceptedMessage, crowd: Crowd): Promise<void> {
    const lanes = {
      send: this.lane.send.bind(this.lane),
      store: () => Promise.reject(new Error("one lane")),
    };
    while ((await enqueue(lanes, [], [beginning(message, crowd, this.random.next())])) === "refused");
  }

  /** One round: consumers at work and, in between, what else happens. */
  async round(meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    vi.setSystemTime(this.lane.now);
    await Promise.all([
      this.lane.handOut((batch) => this.#consumer(batch, this.#surroundings)),
      this.chance.pause().then(meanwhile),
    ]);
  }

  /** Without further faults, until nothing waits and nothing is dead. */
  async settle(): Promise<void> {
    this.chance.stop();
    do {
      for (let rounds = 0; this.lane.size > 0; rounds += 1) {
        if (rounds > 2_000) throw new Error(`${this.lane.size} queue messages are never finished`);
        await this.round();
      }
    } while (this.lane.redrive() > 0);
  }

  /** The first device comes. */
  async connect(user: ModelUser): Promise<void> {
    user.online ??= this.lane.now;
    await this.#came(user);
  }

  /** The last device goes; without a word, if the object died. */
  async disconnect(user: ModelUser, silently = false): Promise<void> {
    user.online = undefined;
    // Later than what was said in the same moment.
    this.lane.now += 1;
    if (!silently)
      await this.objects.shard.getByName(shardOf(user.id, this.shards)).went(user.id, this.lane.now);
  }

  async setMembers(users: readonly ModelUser[], member: boolean): Promise<void> {
    for (const user of users) {
      user.member = member;
      user.version += 1;
    }
    await this.objects.topic
      .getByName(news)
      .apply(users.map(({ id, version }) => ({ user: id, member, version, presence: false })));
  }

  async #came(user: ModelUser): Promise<void> {
    const { online } = user;
    if (online === undefined) return;
    user.renewed = this.lane.now;
    const shard = this.objects.shard.getByName(shardOf(user.id, this.shards));
    const head = await shard.came(user.id, online, this.lane.now);
    while (user.logSeen < head) {
      const { entries, upTo } = await this.objects.everyone
        .getByName(everyoneName)
        .after(user.logSeen, everyoneLimits.maxPageEntries);
      for (const { message } of entries) this.#commit(user, message);
      user.logSeen = upTo;
    }
  }

  async #deliver(id: UserId, messages: readonly AcceptedMessage[]) {
    const user = this.users.get(id);
    if (user === undefined) throw new Error(`a stranger was called: ${id}`);
    if (this.chance.strikes("user's object overloaded", 0.02))
      throw Object.assign(new Error("too much"), { overloaded: true });
    return this.chance.call("user's object", 0.1, async () => {
      const verdicts = messages.map((message) => this.#commit(user, message));
      if (user.online !== undefined && user.renewed + everyoneLimits.renewAfterMs < this.lane.now) {
        await this.#came(user);
      }
      return { verdicts, devices: [] };
    });
  }

  #commit(user: ModelUser, { id, topic, onlineOnly }: AcceptedMessage): Verdict {
    if (topic !== undefined && !user.member) return { verdict: "left" };
    if (onlineOnly === true && user.online === undefined) return { verdict: "offline" };
    if (user.known.has(id)) return { verdict: "duplicate", seq: user.stream.indexOf(id) + 1 };
    user.known.add(id);
    return { verdict: "committed", seq: user.stream.push(id) };
  }
}
