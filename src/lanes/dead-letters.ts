/**
 * The Durable Object that keeps the dead letters until an operator redrives or discards them, or their
 * time is over. What is redriven is sent before it is marked: a crash in between sends it twice, which
 * the user's object notices; the other way round would lose it.
 */
import { DurableObject } from "cloudflare:workers";
import { deadLetterLimits, inboxLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
import type {
  DeadLetter,
  DeadLetterCalls,
  DeadLetterPage,
  DeadLetterQuery,
  Discard,
  Redrive,
} from "./dead-letter.ts";
import * as rows from "./dead-letter-rows.ts";
import type { DeadRecord } from "./dead-record.ts";
import { pack, parse } from "./envelope.ts";
import { send } from "./send.ts";

export class DeadLetters extends DurableObject<Env> implements DeadLetterCalls {
  readonly #sql: SqlStorage;
  /** Redrives under way: who asks meanwhile gets the same answer. */
  readonly #redriving = new Map<string, Promise<Redrive>>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    rows.createTable(this.#sql);
  }

  async store(records: readonly DeadRecord[]): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      for (const record of records) rows.put(this.#sql, record);
    });
    await this.#ringFor(Math.min(...records.map(({ at }) => at)));
  }

  async list(query: DeadLetterQuery): Promise<DeadLetterPage> {
    return rows.page(this.#sql, query);
  }

  async find(id: MessageId, user: UserId): Promise<DeadLetter | undefined> {
    return rows.byMessage(this.#sql, id, user);
  }

  async redrive(key: string): Promise<Redrive> {
    const running = this.#redriving.get(key);
    if (running) return running;
    const redrive = this.#redrive(key).finally(() => this.#redriving.delete(key));
    this.#redriving.set(key, redrive);
    return redrive;
  }

  async #redrive(key: string): Promise<Redrive> {
    const kept = rows.byKey(this.#sql, key);
    if (kept === undefined) return { ok: false, code: "not_found" };
    const { letter, accepted } = kept;
    if (letter.state === "redriven") return { ok: true, redrives: letter.redrives };
    const now = Date.now();
    if (now - accepted > deadLetterLimits.redriveWindowMs) return { ok: false, code: "too_old" };
    if (isOver(letter, now)) return { ok: false, code: "expired" };
    const texts = "raw" in letter ? [letter.raw] : pack([{ message: letter.message, users: [letter.user] }]);
    try {
      await send(this.env, letter.lane, texts);
    } catch (error) {
      log("warn", "lane_refused", { lane: letter.lane, error: errorText(error) });
      return { ok: false, code: "lane_refused" };
    }
    rows.markRedriven(this.#sql, key, letter.at, Date.now());
    log("info", "dead_letter_redriven", { letter: key, lane: letter.lane });
    return { ok: true, redrives: letter.redrives + 1 };
  }

  async eraseUser(user: UserId): Promise<number> {
    const now = Date.now();
    const erased = this.ctx.storage.transactionSync(() => rows.eraseUser(this.#sql, user, now));
    await this.#ringFor(now);
    return erased;
  }

  async discard(key: string): Promise<Discard> {
    if (!rows.remove(this.#sql, key)) return { ok: false, code: "not_found" };
    log("info", "dead_letter_discarded", { letter: key });
    return { ok: true };
  }

  /** Removes what has been kept for long enough. Sets the next alarm whatever happens, and does not throw. */
  override async alarm(): Promise<void> {
    let next: number | undefined = Date.now() + inboxLimits.alarmRetryMs;
    try {
      rows.removeUntil(this.#sql, Date.now() - deadLetterLimits.keptMs);
      const earliest = rows.earliest(this.#sql);
      next = earliest === undefined ? undefined : earliest + deadLetterLimits.keptMs;
    } catch (error) {
      log("error", "alarm_failed", { error: errorText(error) });
    }
    if (next !== undefined) await this.ctx.storage.setAlarm(next);
  }

  /** Makes sure that the alarm comes when something of this time has been kept for long enough. */
  async #ringFor(at: number): Promise<void> {
    const due = at + deadLetterLimits.keptMs;
    const set = await this.ctx.storage.getAlarm();
    if (Number.isFinite(due) && (set === null || due < set)) await this.ctx.storage.setAlarm(due);
  }
}

/** Whether nobody would get it any more, be it a message or the job of one. */
function isOver(letter: DeadLetter, now: number): boolean {
  if ("message" in letter) return letter.message.expires <= now;
  const parsed = parse(letter.raw);
  return parsed.kind === "job" && parsed.job.message.expires <= now;
}
