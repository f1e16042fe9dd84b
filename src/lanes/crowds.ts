/**
 * What a fan-out asks the objects that know a crowd, wired to the deployment. Every rule takes the
 * {@link Crowds} that it needs, so that tests and the simulator give it crowds of their own.
 */
import { everyoneName, shardName } from "../everyone/shards.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage, Crowd } from "../protocol/message.ts";
import type { Claim } from "./claims.ts";
import type { Place, Share } from "./job.ts";

/** The shards of everyone, of each number of shards that is in use, and where the log of everyone ends. */
export interface Shards {
  readonly counts: readonly number[];
  readonly log: number;
}

/** With the place of the message in that log; absent if it is not kept there. */
export interface OpenedShards extends Shards {
  readonly logSeq?: number;
}

/** Who has the shares of a crowd: one object, or the shards of everyone. */
export type Opened = { readonly share: Share } | OpenedShards;

/** Users of a share, rising by id. */
export interface UserPage {
  readonly users: readonly UserId[];
  /** After whom the next page begins; absent on the last. Such a page may still be empty. */
  readonly next?: UserId;
}

/** A place in a share, and the job that asks for it. */
export interface Asking extends Place {
  readonly chain: number;
}

/** All may be asked again for the same message, as often as a job is tried, and throw only for faults. */
export interface Crowds {
  /** Comes before the first page. Not opened for a message that must not be fanned out any more. */
  begin(message: AcceptedMessage, crowd: Crowd): Promise<Opened | "withdrawn" | "expired">;
  /**
   * Up to `limit` users from a place on. Who is in the share all along is on exactly one page. It is for one job, and
   * `taken` for others, unless it is the only page: see `claims.ts`. `withdrawn`, if it is to go no further.
   */
  page(
    message: AcceptedMessage,
    share: Share,
    asking: Asking,
    limit: number,
  ): Promise<UserPage | "taken" | "withdrawn">;
  /** Whether a job of the crowd that asks for no page has its place; not where another one does. */
  claim(claim: Claim, crowd: Crowd): Promise<boolean>;
}

/** The crowds of a deployment. A stub of its own for each call: one that failed once fails for ever. */
export function crowdsOf({ TOPIC, EVERYONE, EVERYONE_SHARD }: CrowdBindings): Crowds {
  return {
    begin: async (message, crowd) => {
      if ("topic" in crowd) {
        const { topic } = crowd;
        const { retracted } = await TOPIC.getByName(topic).begin(message);
        return retracted ? "withdrawn" : { share: { topic } };
      }
      const begun = await EVERYONE.getByName(everyoneName).begin(message);
      switch (begun.kind) {
        case "begun": {
          const { shards: counts, head: log, seq: logSeq } = begun;
          return logSeq === undefined ? { counts, log } : { counts, log, logSeq };
        }
        case "retracted":
          return "withdrawn";
        case "expired":
          return "expired";
      }
    },
    page: async (message, share, { page: place, after, chain }, limit) => {
      const claim = { id: message.id, accepted: message.at, place, chain };
      if ("shard" in share) {
        const { shard, of, log } = share;
        return EVERYONE_SHARD.getByName(shardName(of, shard)).page({ head: log, after, limit, claim });
      }
      const { topic, presenceOnly = false } = share;
      // A retraction also reaches those who left since the message did.
      const withLeft = message.retracts !== undefined;
      const page = await TOPIC.getByName(topic).pageFor(claim, { after, limit, presenceOnly, withLeft });
      if (page === "taken") return page;
      if (page === "retracted") return "withdrawn";
      const users = page.members.map(({ user }) => user);
      return page.next === undefined ? { users } : { users, next: page.next };
    },
    claim: (claim, crowd) =>
      "topic" in crowd
        ? TOPIC.getByName(crowd.topic).claim(claim)
        : EVERYONE.getByName(everyoneName).claim(claim),
  };
}

type CrowdBindings = Pick<Env, "TOPIC" | "EVERYONE" | "EVERYONE_SHARD">;
