/**
 * One of the objects that know who is online, each for its share of the users: fed by the first connection
 * of a user and the end of the last one. An entry is a lease: a user's object that died can't say
 * goodbye, so what was not renewed for long does not count, and goes when it is next met.
 */
import { DurableObject } from "cloudflare:workers";
import * as claims from "../lanes/claims.ts";
import { everyoneLimits, fanoutLimits, inboxLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { UserId } from "../protocol/ids.ts";
import type { EveryoneShardCalls, LogSeq, OnlineUser, ShardPage, ShardQuery } from "./calls.ts";
import * as rows from "./shard-rows.ts";
import { countOf, everyoneName } from "./shards.ts";

export class EveryoneShard extends DurableObject<Env> implements EveryoneShardCalls {
  readonly #sql: SqlStorage;
  readonly #shards: number;
  #reporting: Promise<void> | undefined;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#shards = countOf(context.id.name);
    rows.createTables(this.#sql);
    claims.createTable(this.#sql);
  }

  async came(user: UserId, since: number, at: number): Promise<LogSeq> {
    await this.#report();
    // The head is read when the user is in: a message that begins later finds the user on a page.
    rows.put(this.#sql, { user, since, seen: at });
    return rows.stateOf(this.#sql).head;
  }

  async went(user: UserId, at: number): Promise<void> {
    rows.remove(this.#sql, user, at);
  }

  async head(): Promise<LogSeq> {
    await this.#report();
    return rows.stateOf(this.#sql).head;
  }

  async page({ head, after, limit, claim }: ShardQuery): Promise<ShardPage | "taken"> {
    rows.raise(this.#sql, { head, reported: 0 });
    if (claims.isTaken(this.#sql, claim)) return "taken";
    const found = rows.usersAfter(this.#sql, after, limit);
    const now = Date.now();
    for (const { user, seen } of found) if (!holds(seen, now)) rows.remove(this.#sql, user, seen);
    const users = found.filter(({ seen }) => holds(seen, now)).map(({ user }) => user);
    const last = found.at(-1);
    const page = found.length < limit || last === undefined ? { users } : { users, next: last.user };
    if (page.next === undefined && claim.place === 0) return page;
    await this.#ringBy(now + fanoutLimits.claimKeptMs);
    return claims.claim(this.#sql, claim, now) ? page : "taken";
  }

  async who(users: readonly UserId[]): Promise<readonly OnlineUser[]> {
    const now = Date.now();
    return rows.among(this.#sql, users).filter(({ seen }) => holds(seen, now));
  }

  /** Forgets the claims that are over. Sets the next alarm whatever happens, and does not throw. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    let next: number | undefined = now + inboxLimits.alarmRetryMs;
    try {
      claims.sweep(this.#sql, now);
      next = claims.earliestEnd(this.#sql);
    } catch (error) {
      log("error", "alarm_failed", { error: errorText(error) });
    }
    if (next !== undefined) await this.#ringBy(next);
  }

  /** Makes sure that the alarm comes when a claim is over that ends then: late, so that many go at once. */
  async #ringBy(end: number): Promise<void> {
    const due = Math.ceil(end / everyoneLimits.sweepGrainMs) * everyoneLimits.sweepGrainMs;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || due < set) await this.ctx.storage.setAlarm(due);
  }

  /**
   * Says, where that was not done lately, that this shard is in use, and learns the log's head. Without
   * it, a message would not come by here, and the head would not rise. Either the message begins before
   * this call and is within the head that it answers, or after it and then comes by.
   */
  #report(): Promise<void> {
    const { reported } = rows.stateOf(this.#sql);
    if (Date.now() < reported + everyoneLimits.reportEveryMs) return Promise.resolve();
    this.#reporting ??= this.#askHead().finally(() => {
      this.#reporting = undefined;
    });
    return this.#reporting;
  }

  async #askHead(): Promise<void> {
    const reported = Date.now();
    const head = await this.env.EVERYONE.getByName(everyoneName).uses(this.#shards);
    rows.raise(this.#sql, { head, reported });
  }
}

/** Whether a lease that was last renewed then still counts. */
function holds(seen: number, now: number): boolean {
  return now - seen < everyoneLimits.leaseMs;
}
