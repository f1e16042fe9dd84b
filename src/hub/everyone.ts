/** An object's attendance in what goes to everyone, wired to the other objects of the deployment. */
import { everyoneName, shardOf } from "../everyone/shards.ts";
import { enqueueDead } from "../lanes/enqueue.ts";
import { lanesOf } from "../lanes/send.ts";
import { everyoneLimits } from "../limits.ts";
import type { Deliver } from "../protocol/delivery.ts";
import type { UserId } from "../protocol/ids.ts";
import { settingsOf } from "../settings.ts";
import { Attendance, type Attended } from "./attendance.ts";
import { type CatchingUp, takePage } from "./catch-up.ts";
import type { Inbox } from "./inbox.ts";
import type { Sockets } from "./sockets.ts";

/** What is needed of the object of a user. */
export interface Attendee extends Deliver {
  readonly user: UserId;
  readonly sockets: Sockets;
  now(): number;
  /** Absent while nothing is stored. */
  inbox(): Inbox | undefined;
}

export function attendanceOf(context: DurableObjectState, env: Env, of: Attendee): Attendance {
  const { user, sockets } = of;
  // A user of whom nothing is stored has nowhere to write it down; while the object runs, it is known.
  let seen = 0;
  const reader: CatchingUp = {
    id: user,
    now: () => of.now(),
    deliver: (messages) => of.deliver(messages),
    bury: (records) => enqueueDead(lanesOf(env), records),
    saw: (upTo) => {
      seen = Math.max(seen, upTo);
      of.inbox()?.sawLog(upTo);
    },
  };
  const attended: Attended = {
    now: () => of.now(),
    shards: () => shardsOf(env),
    shard: (shards) => {
      const shard = env.EVERYONE_SHARD.getByName(shardOf(user, shards));
      return {
        came: (since, at) => shard.came(user, since, at),
        went: (at) => shard.went(user, at),
        head: () => shard.head(),
      };
    },
    log: () => env.EVERYONE.getByName(everyoneName),
    online: () => sockets.size > 0,
    onlineSince: () => sockets.onlineSince(),
    remember: (lease) => sockets.keepLease(lease),
    logSeen: () => Math.max(seen, of.inbox()?.logSeen ?? 0),
    take: (page) => takePage(page, reader),
    background: (work) => context.waitUntil(work),
  };
  return new Attendance(attended, sockets.leases());
}

/** A deployment that is not safe to serve with lets nobody in, but what is on its way must still arrive: any count does for that. */
function shardsOf(env: Env): number {
  try {
    return settingsOf(env).everyoneShards;
  } catch {
    return everyoneLimits.defaultShards;
  }
}
