/**
 * Who of many users is online, asked of the shards that they belong to and not of their own objects: most
 * of those sleep, and none is woken for a question. The shards are given, so that tests can let them fail.
 */
import { eachBounded, within } from "../lanes/bounded.ts";
import { presenceLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { UserId } from "../protocol/ids.ts";
import type { OnlineUser } from "./calls.ts";
import { shardOf } from "./shards.ts";

/** Times in milliseconds since 1970. */
export type UserPresence =
  /** Since when, and when the user's object last said so. */
  | { readonly user: UserId; readonly online: true; readonly since: number; readonly asOf: number }
  | { readonly user: UserId; readonly online: false }
  /** The shard that should know did not answer. */
  | { readonly user: UserId; readonly unknown: true };

export interface Whereabouts {
  /** The shard counts that users may be registered under, and whether these are all. */
  readonly counts: readonly number[];
  readonly complete: boolean;
  who(shard: string, users: readonly UserId[]): Promise<readonly OnlineUser[]>;
}

/** In the order of the users. `undefined` where nobody answered. */
export async function whoIsOnline(
  users: readonly UserId[],
  { counts, complete, who }: Whereabouts,
): Promise<readonly UserPresence[] | undefined> {
  const asked = new Map<string, UserId[]>();
  for (const user of users) {
    for (const count of counts) {
      const shard = shardOf(user, count);
      asked.set(shard, [...(asked.get(shard) ?? []), user]);
    }
  }
  const found = new Map<UserId, OnlineUser>();
  const unsure = new Set<UserId>(complete ? [] : users);
  let answers = 0;
  await eachBounded([...asked], presenceLimits.concurrentShards, async ([shard, theirs]) => {
    try {
      for (const online of await within(presenceLimits.timeoutMs, who(shard, theirs))) {
        const other = found.get(online.user);
        if (other === undefined || other.seen < online.seen) found.set(online.user, online);
      }
      answers += 1;
    } catch (error) {
      log("warn", "shard_unreachable", { error: errorText(error) });
      for (const user of theirs) unsure.add(user);
    }
  });
  if (answers === 0) return undefined;
  return users.map((user) => {
    const online = found.get(user);
    if (online !== undefined) return { user, online: true, since: online.since, asOf: online.seen };
    return unsure.has(user) ? { user, unknown: true } : { user, online: false };
  });
}
