/**
 * The objects behind a message to everyone as plain state, with the rules of the real ones, and the fan-out
 * through them. How each call travels is given, so that tests can hold it up, lose it or lose its answer.
 */
import type { LogPage, LogSeq } from "../../src/everyone/calls.ts";
import { shardName } from "../../src/everyone/shards.ts";
import type { UserShard } from "../../src/hub/attendance.ts";
import { everyoneLimits } from "../../src/limits.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";

/** Carries out a call when it arrives, and answers when the answer does; rejects where one of them does not. */
export type Travel = <Value>(effect: () => Value | Promise<Value>) => Promise<Value>;

interface ModelShard {
  head: LogSeq;
  reported: boolean;
  readonly online: Map<string, number>;
}

export class EveryoneModel {
  readonly #travel: Travel;
  readonly #now: () => number;
  readonly #log: AcceptedMessage[] = [];
  readonly #counts = new Set<number>();
  readonly #shards = new Map<string, ModelShard>();

  constructor(travel: Travel, now: () => number) {
    this.#travel = travel;
    this.#now = now;
  }

  get head(): LogSeq {
    return this.#log.length;
  }

  /** How many shards list the user. */
  listings(user: string): number {
    return [...this.#shards.values()].filter(({ online }) => online.has(user)).length;
  }

  /** Takes a message to all shards of the counts in use; each user on a page gets it from `deliver`. What fails is done again, as by a lane. */
  async fanOut(
    message: AcceptedMessage,
    deliver: (user: string, message: AcceptedMessage) => Promise<void>,
  ): Promise<void> {
    const begun = await this.#again(() => {
      if (!this.#log.includes(message)) this.#log.push(message);
      return { head: this.head, counts: [...this.#counts] };
    });
    for (const count of begun.counts) {
      const shard = this.#shard(count);
      const page = await this.#again(() => {
        shard.head = Math.max(shard.head, begun.head);
        const lapsed = this.#now() - everyoneLimits.leaseMs;
        for (const [user, seen] of shard.online) if (seen <= lapsed) shard.online.delete(user);
        return [...shard.online.keys()];
      });
      for (const user of page) await this.#again(() => deliver(user, message));
    }
  }

  async #again<Value>(effect: () => Value | Promise<Value>): Promise<Value> {
    for (;;) {
      try {
        return await this.#travel(effect);
      } catch {
        // Its next attempt.
      }
    }
  }

  /** Pages of two, so that there are several. */
  after(seq: LogSeq): Promise<LogPage> {
    return this.#travel(() => {
      const messages = this.#log.slice(seq, seq + 2);
      const entries = messages.map((message, index) => ({ seq: seq + index + 1, message }));
      return { entries, upTo: Math.min(seq + 2, this.head), head: this.head };
    });
  }

  /** All users of the model are in the first shard of each count. */
  shard(count: number, user: string): UserShard {
    const shard = this.#shard(count);
    return {
      came: (_, at) =>
        this.#travel(async () => {
          await this.#report(count, shard);
          shard.online.set(user, Math.max(at, shard.online.get(user) ?? 0));
          return shard.head;
        }),
      went: (at) =>
        this.#travel(() => {
          if ((shard.online.get(user) ?? Number.POSITIVE_INFINITY) <= at) shard.online.delete(user);
        }),
      head: () =>
        this.#travel(async () => {
          await this.#report(count, shard);
          return shard.head;
        }),
    };
  }

  async #report(count: number, shard: ModelShard): Promise<void> {
    if (shard.reported) return;
    const head = await this.#travel(() => {
      this.#counts.add(count);
      return this.head;
    });
    shard.head = Math.max(shard.head, head);
    shard.reported = true;
  }

  #shard(count: number): ModelShard {
    const name = shardName(count, 0);
    const shard = this.#shards.get(name) ?? { head: 0, reported: false, online: new Map() };
    this.#shards.set(name, shard);
    return shard;
  }
}
