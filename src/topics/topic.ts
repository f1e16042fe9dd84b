/**
 * The object of one topic: its members, as the objects of the users say. It decides nothing about them; it
 * is what a message to the topic is fanned out by, page by page. It knows no message, but for the ids of
 * those that were retracted, and of large ones how far they have come.
 */
import { DurableObject } from "cloudflare:workers";
import * as claims from "../lanes/claims.ts";
import { fanoutLimits, inboxLimits, topicLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { UserId } from "../protocol/ids.ts";
import type {
  Applied,
  Beginning,
  Member,
  MemberChange,
  MemberPage,
  MemberQuery,
  TopicCalls,
} from "./calls.ts";
import * as rows from "./member-rows.ts";
import { take } from "./member-rule.ts";

export class Topic extends DurableObject<Env> implements TopicCalls {
  readonly #sql: SqlStorage;
  /** Whether anything is stored: asking about a topic that nobody joined costs no storage. */
  #stored: boolean;
  /** Counted when first asked for, and kept up from then on. */
  #count: number | undefined;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#stored = rows.haveTables(this.#sql);
  }

  async apply(changes: readonly MemberChange[]): Promise<readonly Applied[]> {
    const now = Date.now();
    // The alarm first: it may come for nothing, and what ends is never left without one.
    if (changes.some(({ erased }) => erased)) await this.#sweepBy(now + topicLimits.erasedKeptMs);
    else if (changes.some(({ member }) => !member)) await this.#sweepBy(now + topicLimits.leftKeptMs);
    let [joined, left] = [0, 0];
    const applied = this.#transaction(() =>
      changes.map((change) => {
        const before = rows.known(this.#sql, change.user);
        const taken = take(before, change);
        if (taken.write === undefined) return taken.applied;
        if (taken.write === "erase") rows.erase(this.#sql, change, now);
        else rows.put(this.#sql, change, now);
        if (change.member && before?.member !== true) joined += 1;
        if (!change.member && before?.member === true) left += 1;
        return taken.applied;
      }),
    );
    if (this.#count !== undefined) this.#count += joined - left;
    return applied;
  }

  async page(query: MemberQuery): Promise<MemberPage> {
    return this.#stored ? rows.page(this.#sql, query) : { members: [] };
  }

  async pageFor(claim: claims.Claim, query: MemberQuery): Promise<MemberPage | "taken" | "retracted"> {
    if (this.#stored && claims.isTaken(this.#sql, claim)) return "taken";
    if (this.#stored && rows.wasRetracted(this.#sql, claim.id)) return "retracted";
    const page = await this.page(query);
    if (page.next === undefined && claim.place === 0) return page;
    return (await this.claim(claim)) ? page : "taken";
  }

  async claim(claim: claims.Claim): Promise<boolean> {
    const now = Date.now();
    await this.#sweepBy(now + fanoutLimits.claimKeptMs);
    return this.#transaction(() => claims.claim(this.#sql, claim, now));
  }

  async begin({ id, retracts, replaces }: Beginning): Promise<{ readonly retracted: boolean }> {
    const ended = retracts ?? replaces;
    if (ended !== undefined) {
      const now = Date.now();
      await this.#sweepBy(now + topicLimits.retractedKeptMs);
      this.#transaction(() => rows.rememberRetracted(this.#sql, ended, now));
    }
    return { retracted: this.#stored && rows.wasRetracted(this.#sql, id) };
  }

  async count(): Promise<number> {
    if (!this.#stored) return 0;
    this.#count ??= rows.count(this.#sql);
    return this.#count;
  }

  async member(user: UserId): Promise<Member | undefined> {
    const known = this.#stored ? rows.known(this.#sql, user) : undefined;
    return known?.member === true ? { user, presence: known.presence } : undefined;
  }

  /** Forgets what is over, and the whole storage when nothing is left. It does not throw: the platform gives up after six retries. */
  override async alarm(): Promise<void> {
    const { storage } = this.ctx;
    const now = Date.now();
    try {
      // An alarm may come again after it removed everything.
      if (!this.#stored) return;
      const { leftKeptMs, erasedKeptMs, retractedKeptMs } = topicLimits;
      rows.sweep(this.#sql, now - leftKeptMs, now - erasedKeptMs, now - retractedKeptMs);
      claims.sweep(this.#sql, now);
      const { left, erased, retracted, empty } = rows.remains(this.#sql);
      const claimed = claims.earliestEnd(this.#sql);
      if (empty && claimed === undefined) {
        // Forgotten first: who joins while the storage goes must begin anew.
        this.#stored = false;
        this.#count = undefined;
        await storage.deleteAll();
        return;
      }
      const ends = [
        ...(left === null ? [] : [left + leftKeptMs]),
        ...(erased === null ? [] : [erased + erasedKeptMs]),
        ...(claimed === undefined ? [] : [claimed]),
        ...(retracted === null ? [] : [retracted + retractedKeptMs]),
      ];
      if (ends.length > 0) await this.#sweepBy(Math.min(...ends));
    } catch (error) {
      log("error", "alarm_failed", { error: errorText(error) });
      await storage.setAlarm(now + inboxLimits.alarmRetryMs);
    }
  }

  /** Creates the tables with the first row that is written. */
  #transaction<Result>(change: () => Result): Result {
    const result = this.ctx.storage.transactionSync(() => {
      if (!this.#stored) {
        rows.createTables(this.#sql);
        claims.createTable(this.#sql);
      }
      return change();
    });
    this.#stored = true;
    return result;
  }

  /** Makes sure that the alarm comes on the day on which something ends. */
  async #sweepBy(end: number): Promise<void> {
    const day = Math.ceil(end / topicLimits.sweepGrainMs) * topicLimits.sweepGrainMs;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || day < set) await this.ctx.storage.setAlarm(day);
  }
}
