/** The objects of the hub, the real ones, as the platform hosts them, and the calls between them, which faults strike. */
import { Everyone } from "../../../../src/everyone/everyone.ts";
import { EveryoneShard } from "../../../../src/everyone/shard.ts";
import { UserHub } from "../../../../src/hub/user-hub.ts";
import type { DeadRecord } from "../../../../src/lanes/dead-record.ts";
import { laneNames, lanes } from "../../../../src/lanes/lane.ts";
import type { Parcel } from "../../../../src/lanes/send.ts";
import type { Topic as TopicName, UserId } from "../../../../src/protocol/ids.ts";
import { Topic } from "../../../../src/topics/topic.ts";
import { testBindings } from "../../../support/credentials.ts";
import { standIn } from "../../../support/sqlite-state.ts";
import type { CallFault, World } from "../world.ts";
import { type Caller, never } from "./caller.ts";
import { pause } from "./globals.ts";
import { Host } from "./host.ts";
import { ModelQueues } from "./queues.ts";

export class Platform {
  readonly queues: ModelQueues;
  readonly users = new Map<string, Host<UserHub>>();
  readonly topics = new Map<string, Host<Topic>>();
  readonly everyone: Host<Everyone>;
  readonly shards = new Map<string, Host<EveryoneShard>>();
  /** EVERYONE_SHARDS of the deployment. Objects learn of a change when they start anew. */
  shardCount: number;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.shardCount = world.random.between(1, 3);
    this.queues = new ModelQueues(world, (caller) => this.env(caller));
    this.everyone = new Host(
      world,
      "everyone",
      "everyone",
      (state, caller) => new Everyone(state, this.env(caller)),
    );
  }

  get hosts(): readonly Host[] {
    return [...this.users.values(), ...this.topics.values(), this.everyone, ...this.shards.values()];
  }

  user(user: UserId | string): Host<UserHub> {
    return hostIn(this.users, user, () => {
      return new Host(this.#world, "user", user, (state, caller) => new UserHub(state, this.env(caller)));
    });
  }

  topic(topic: TopicName | string): Host<Topic> {
    return hostIn(this.topics, topic, () => {
      return new Host(this.#world, "topic", topic, (state, caller) => new Topic(state, this.env(caller)));
    });
  }

  /** The bindings, for whoever calls by them. */
  env(caller: Caller): Env {
    const { queues } = this;
    const lanesOf = laneNames.map((lane) => [
      lanes[lane].binding,
      {
        sendBatch: (bodies: Iterable<{ body: string }>, { delaySeconds = 0 } = {}) =>
          queues.send(
            caller,
            lane,
            [...bodies].map(({ body }) => body),
            delaySeconds,
          ),
      },
    ]);
    return standIn({
      ...testBindings,
      EVERYONE_SHARDS: String(this.shardCount),
      ...Object.fromEntries(lanesOf),
      USER_HUB: this.#namespace(caller, (name) => this.user(name)),
      TOPIC: this.#namespace(caller, (name) => this.topic(name)),
      EVERYONE: this.#namespace(caller, () => this.everyone),
      EVERYONE_SHARD: this.#namespace(caller, (name) => this.#shard(name)),
      OUTBOX: {
        newUniqueId: () => "outbox",
        get: () => ({ store: async (parcels: readonly Parcel[]) => queues.store(parcels) }),
      },
      DEAD_LETTERS: {
        getByName: () => ({ store: async (records: readonly DeadRecord[]) => queues.bury(records) }),
      },
      RECEIPTS: { sendBatch: async () => {} },
    });
  }

  #shard(name: string): Host<EveryoneShard> {
    return hostIn(this.shards, name, () => {
      return new Host(
        this.#world,
        "shard",
        name,
        (state, caller) => new EveryoneShard(state, this.env(caller)),
      );
    });
  }

  /** Stubs that turn every call of a method into an event of the object. */
  #namespace<Made extends object>(caller: Caller, hostOf: (name: string) => Host<Made>): object {
    const getByName = (name: string): object => {
      const get = (_: object, method: string | symbol) => {
        if (method === "then") return undefined;
        return (...args: unknown[]) =>
          this.#call(caller, hostOf(name), `${String(method)} ${JSON.stringify(args)}`, (object) =>
            standIn({ object }).object[method](...args),
          );
      };
      return new Proxy({}, { get });
    };
    return { getByName };
  }

  async #call<Made extends object>(
    caller: Caller,
    host: Host<Made>,
    what: string,
    event: (object: Made) => Promise<unknown>,
  ): Promise<unknown> {
    const world = this.#world;
    const strikes = (fault: CallFault, probability: number) =>
      world.strikes(`${host.kind} ${fault}`, host.name, probability);
    const isObject = caller.kind !== "publisher" && caller.kind !== "consumer";
    if (isObject && world.strikes("object crashed before it called another", caller.name, 0.01))
      caller.crash();
    if (!caller.alive) return never();
    await pause(world, strikes("slow", 0.01) ? world.random.between(4_000, 25_000) : world.random.int(20));
    if (host.downUntil > world.now || strikes("unreachable", 0.02)) throw new Error("unreachable");
    if (strikes("crashed before the call", 0.01)) {
      host.crash();
      throw new Error("the object is dead");
    }
    const answer = await host.call(event);
    world.note(host.name, `answers ${caller.kind} ${caller.name} ${what}`, answer);
    if (strikes("crashed after the call", 0.01)) {
      host.crash();
      throw new Error("the object is dead");
    }
    await pause(world, world.random.int(20));
    if (isObject && world.strikes("object crashed after it called another", caller.name, 0.01))
      caller.crash();
    if (!caller.alive) return never();
    if (strikes("answer lost", 0.02)) throw new Error("network");
    return answer;
  }
}

function hostIn<Made>(
  hosts: Map<string, Host<Made & object>>,
  name: string,
  make: () => Host<Made & object>,
) {
  const host = hosts.get(name) ?? make();
  hosts.set(name, host);
  return host;
}
