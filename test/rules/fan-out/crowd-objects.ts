/** The real objects behind crowds, on Node's SQLite: calls to them get lost, and they are restarted now and then. */
import { Everyone } from "../../../src/everyone/everyone.ts";
import { EveryoneShard } from "../../../src/everyone/shard.ts";
import { type Crowds, crowdsOf } from "../../../src/lanes/crowds.ts";
import { Topic } from "../../../src/topics/topic.ts";
import { namespaceOf, sqliteState, standIn } from "../../support/sqlite-state.ts";
import type { Chance } from "./chance.ts";

/** An object that is the same after a restart, but for what it only remembered. */
class Restarted<Made> {
  readonly #make: () => Made;
  readonly #chance: Chance;
  #made: Made;

  constructor(make: () => Made, chance: Chance) {
    this.#make = make;
    this.#made = make();
    this.#chance = chance;
  }

  get now(): Made {
    if (this.#chance.strikes("object restarted", 0.05)) this.#made = this.#make();
    return this.#made;
  }
}

export class CrowdObjects {
  readonly topic: ReturnType<typeof namespaceOf<Pick<Topic, "apply" | "begin" | "pageFor">>>;
  readonly everyone: ReturnType<typeof namespaceOf<Pick<Everyone, "begin" | "claim" | "after" | "uses">>>;
  readonly shard: ReturnType<typeof namespaceOf<Pick<EveryoneShard, "came" | "went" | "page">>>;
  readonly crowds: Crowds;

  constructor(chance: Chance) {
    const real = <Made>(make: (state: DurableObjectState) => Made) => {
      return (name: string) => {
        const state = sqliteState(name);
        return new Restarted(() => make(state), chance);
      };
    };
    const env = standIn({});
    const everyone = namespaceOf(real((state) => new Everyone(state, env)));
    const shards = namespaceOf(real((state) => new EveryoneShard(state, env)));
    const topics = namespaceOf(real((state) => new Topic(state, env)));

    this.everyone = namespaceOf((name) => ({
      begin: (message) => chance.call("begin", 0.1, () => everyone.getByName(name).now.begin(message)),
      claim: (claim) => chance.call("claim", 0.1, () => everyone.getByName(name).now.claim(claim)),
      after: (seq, limit) => everyone.getByName(name).now.after(seq, limit),
      uses: (count) => everyone.getByName(name).now.uses(count),
    }));
    this.shard = namespaceOf((name) => ({
      came: (user, since, at) => shards.getByName(name).now.came(user, since, at),
      went: (user, at) => shards.getByName(name).now.went(user, at),
      page: (query) => chance.call("page", 0.1, () => shards.getByName(name).now.page(query)),
    }));
    this.topic = namespaceOf((name) => ({
      apply: (changes) => topics.getByName(name).now.apply(changes),
      begin: (message) => chance.call("begin", 0.1, () => topics.getByName(name).now.begin(message)),
      pageFor: (claim, query) =>
        chance.call("page", 0.1, () => topics.getByName(name).now.pageFor(claim, query)),
    }));
    Object.assign(env, { EVERYONE: this.everyone });
    this.crowds = crowdsOf(
      standIn({ TOPIC: this.topic, EVERYONE: this.everyone, EVERYONE_SHARD: this.shard }),
    );
  }
}
