/** `POST /v1/presence`: who of up to 1,000 users is online, as far as their shards know. */
import { z } from "zod";
import { everyoneName } from "../everyone/shards.ts";
import { whoIsOnline } from "../everyone/who.ts";
import { within } from "../lanes/bounded.ts";
import { presenceLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { userId } from "../protocol/ids.ts";
import { requireScope } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Handler } from "./context.ts";
import { Problem } from "./problem.ts";

export const presenceRequest = z.strictObject({
  users: z
    .array(userId)
    .min(1)
    .max(presenceLimits.maxUsers)
    .transform((users) => [...new Set(users)]),
});

/** Answers `{ presence }`, a `UserPresence` for each user in their order. A user whose shard does not answer is `unknown`, never offline. */
export const presenceOfMany: Handler = async (context) => {
  requireScope(context, "users:read");
  const { users } = await readBody(context.req.raw, presenceRequest, presenceLimits.maxBodyBytes);
  const { env } = context;
  const { everyoneShards } = context.var.settings;
  const others = await countsInUse(env);
  const presence = await whoIsOnline(users, {
    counts: [...new Set([everyoneShards, ...(others ?? [])])],
    complete: others !== undefined,
    who: (shard, theirs) => env.EVERYONE_SHARD.getByName(shard).who(theirs),
  });
  if (presence === undefined) {
    throw new Problem("presence_unavailable", "none of the shards that know has answered; try again");
  }
  return context.json({ presence });
};

const known = new WeakMap<object, { readonly until: number; readonly counts: readonly number[] }>();

/** The shard counts that users may be registered under, since the setting may have changed lately; `undefined` where that can't be found out. */
async function countsInUse(env: Env): Promise<readonly number[] | undefined> {
  const last = known.get(env);
  const now = Date.now();
  if (last !== undefined && now < last.until) return last.counts;
  try {
    const counts = await within(presenceLimits.timeoutMs, env.EVERYONE.getByName(everyoneName).counts());
    known.set(env, { until: now + presenceLimits.countsKnownMs, counts });
    return counts;
  } catch (error) {
    log("warn", "everyone_unreachable", { error: errorText(error) });
    return last?.counts;
  }
}
