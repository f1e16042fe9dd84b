/**
 * The object behind every message to everyone; there is one, named `everyone`. It keeps, until they expire, the
 * messages that all users are to get, for those who are away: their own objects read them here. And it
 * knows which shards there are. It is asked once for each message, and never once for each user who is online.
 */
import { DurableObject } from "cloudflare:workers";
import * as claims from "../lanes/claims.ts";
import { everyoneLimits, fanoutLimits, inboxLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Begun, EveryoneCalls, LogEntry, LogPage, LogSeq } from "./calls.ts";
import * as rows from "./log-rows.ts";

export class Everyone extends DurableObject<Env> implements EveryoneCalls {
  readonly #sql: SqlStorage;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    rows.createTables(this.#sql);
    claims.createTable(this.#sql);
  }

  async begin(message: AcceptedMessage): Promise<Begun> {
    const now = Date.now();
    if (rows.isRetracted(this.#sql, message.id)) return { kind: "retracted" };
    if (message.expires <= now) return { kind: "expired" };
    const target = message.retracts ?? message.replaces;
    const entry = entryOf(message);
    const until = now + everyoneLimits.retractedKeptMs;
    const ends = [...(target === undefined ? [] : [until]), ...(entry === undefined ? [] : [entry.expires])];
    // The alarm first: it may come for nothing, and what ends is never left without one.
    await this.#ringBy(Math.min(...ends));
    const seq = this.ctx.storage.transactionSync(() => {
      if (target !== undefined) rows.retract(this.#sql, target, until, now);
      return entry && rows.append(this.#sql, entry);
    });
    const begun = { kind: "begun", head: rows.headOf(this.#sql), shards: await this.counts() } as const;
    return seq === undefined ? begun : { ...begun, seq };
  }

  async claim(claim: claims.Claim): Promise<boolean> {
    const now = Date.now();
    await this.#ringBy(now + fanoutLimits.claimKeptMs);
    return claims.claim(this.#sql, claim, now);
  }

  async after(seq: LogSeq, limit: number): Promise<LogPage> {
    const head = rows.headOf(this.#sql);
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (const entry of rows.after(this.#sql, seq, Date.now())) {
      const last = entries.at(-1);
      if (last !== undefined && (entries.length >= limit || bytes >= everyoneLimits.maxPageBytes)) {
        return { entries, upTo: last.seq, head };
      }
      entries.push({ seq: entry.seq, message: entry.message });
      bytes += entry.bytes;
    }
    return { entries, upTo: head, head };
  }

  async uses(shards: number): Promise<LogSeq> {
    rows.useCount(this.#sql, shards, Date.now());
    return rows.headOf(this.#sql);
  }

  async counts(): Promise<readonly number[]> {
    return rows.countsUsed(this.#sql, Date.now() - everyoneLimits.shardsInUseMs);
  }

  /** Removes what is over. Sets the next alarm whatever happens, and does not throw. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    let next: number | undefined = now + inboxLimits.alarmRetryMs;
    try {
      rows.sweep(this.#sql, now, now - everyoneLimits.shardsInUseMs);
      claims.sweep(this.#sql, now);
      const end = Math.min(
        rows.earliestEnd(this.#sql) ?? Number.POSITIVE_INFINITY,
        claims.earliestEnd(this.#sql) ?? Number.POSITIVE_INFINITY,
      );
      next = Number.isFinite(end) ? sweepAt(end) : undefined;
    } catch (error) {
      log("error", "alarm_failed", { error: errorText(error) });
    }
    if (next !== undefined) await this.ctx.storage.setAlarm(next);
  }

  /** Makes sure that the alarm comes when something is over that ends then. */
  async #ringBy(end: number): Promise<void> {
    if (!Number.isFinite(end)) return;
    const due = sweepAt(end);
    const set = await this.ctx.storage.getAlarm();
    if (set === null || due < set) await this.ctx.storage.setAlarm(due);
  }
}

/**
 * A message as the log keeps it; `undefined` for one that is only for who is online when it comes. Who was
 * online then may be away when it is retracted: so what retracts is kept, whomever it is for.
 */
function entryOf(message: AcceptedMessage): AcceptedMessage | undefined {
  const { onlineOnly, ...entry } = message;
  if (message.live || (onlineOnly === true && message.retracts === undefined)) return undefined;
  return entry;
}

/** When something is removed that ends then: never early, and much at once. */
function sweepAt(end: number): number {
  return Math.ceil(end / everyoneLimits.sweepGrainMs) * everyoneLimits.sweepGrainMs;
}
