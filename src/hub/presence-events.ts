/**
 * Tells the members of a user's topics that the user came online or went offline: those of the topics in
 * which the user takes part in presence events, and there those who do so too. Being offline is told only when it
 * has lasted, so that a page which reloads is no event.
 *
 * Kept is only that the user was last told to be online. That survives the object's death, which closes its
 * connections without a word: when it next runs, at its alarm at the latest, it finds nobody connected and tells that, late.
 */
import { within } from "../lanes/bounded.ts";
import { encodeJob, paging } from "../lanes/job.ts";
import { batches, type Lanes } from "../lanes/send.ts";
import { fanoutLimits, inboxLimits, laneLimits, presenceLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { messageId, type Topic, type UserId } from "../protocol/ids.ts";
import { presenceType } from "../protocol/message.ts";
import type { Held, Keeping } from "./keeping.ts";

/** What presence events need of the object that they are part of. */
export interface Present {
  readonly user: UserId;
  now(): number;
  /** Since when a device is connected; `undefined` while none is. */
  onlineSince(): number | undefined;
  /** The topics in which the user takes part in presence events. */
  topics(): readonly Topic[];
  readonly lanes: Pick<Lanes, "send">;
}

export class PresenceEvents implements Keeping {
  readonly #sql: SqlStorage;
  readonly #of: Present;
  /** Whether the user was last told to be online; read when it is first needed. */
  #told: boolean | undefined;
  /** When the last device went; as far as the running object knows, not before it began to run. */
  #goneAt: number;
  /** Topics that the user has come to take part in since it was told to be online. */
  readonly #joined = new Set<Topic>();
  #retryAt = 0;
  #telling = false;

  constructor(sql: SqlStorage, of: Present) {
    this.#sql = sql;
    this.#of = of;
    this.#goneAt = of.now();
  }

  get empty(): boolean {
    return !this.#toldOnline();
  }

  nextDue(): number | undefined {
    if (this.#of.onlineSince() !== undefined) {
      return this.#toBeTold().length === 0 ? undefined : this.#retryAt;
    }
    if (!this.#toldOnline()) return undefined;
    return Math.max(this.#goneAt + presenceLimits.reloadMs, this.#retryAt);
  }

  /** A connection has ended; perhaps it was the last. */
  left(now: number): void {
    this.#goneAt = now;
  }

  /** Makes a change to the user's topics: who is online is told to those that come to follow it. */
  noting<Result>(change: () => Result): Result {
    const before = new Set(this.#of.topics());
    const result = change();
    for (const topic of this.#of.topics()) if (!before.has(topic)) this.#joined.add(topic);
    return result;
  }

  async settle(now: number): Promise<void> {
    const due = this.nextDue();
    if (due === undefined || due > now) return;
    // Until it is told, which may take long: the alarm must not ring for it again and again.
    this.#retryAt = now + inboxLimits.alarmRetryMs;
    if (this.#telling) return;
    this.#telling = true;
    const since = this.#of.onlineSince();
    const topics = since === undefined ? this.#of.topics() : this.#toBeTold();
    try {
      const jobs = topics.map((topic) => this.#job(topic, since, now));
      for (const texts of batches(jobs)) {
        await within(laneLimits.sendTimeoutMs, this.#of.lanes.send("low", texts));
      }
      // After it is told: cut off in between, it is told twice, which says the same.
      this.#remember(since !== undefined);
      for (const topic of topics) this.#joined.delete(topic);
      this.#retryAt = 0;
    } catch (error) {
      log("warn", "presence_untold", { error: errorText(error) });
    } finally {
      this.#telling = false;
    }
  }

  erase(): void {
    this.#sql.exec("DELETE FROM presence_told");
    // Read again, whether the transaction holds or not.
    this.#told = undefined;
  }

  *held(): Generator<Held> {
    if (this.#toldOnline()) yield { kind: "presence_told" };
  }

  /** The topics that are to hear that the user is online. */
  #toBeTold(): readonly Topic[] {
    const topics = this.#of.topics();
    return this.#toldOnline() ? topics.filter((topic) => this.#joined.has(topic)) : topics;
  }

  #toldOnline(): boolean {
    this.#told ??= this.#sql.exec("SELECT 1 FROM presence_told").toArray().length > 0;
    return this.#told;
  }

  #remember(online: boolean): void {
    if (online === this.#toldOnline()) return;
    this.#sql.exec(
      online ? "INSERT OR IGNORE INTO presence_told (one) VALUES (1)" : "DELETE FROM presence_told",
    );
    this.#told = online;
  }

  /** For who is connected to hear now, and for nobody later. */
  #job(topic: Topic, since: number | undefined, now: number): string {
    const online = since !== undefined;
    const said = { topic, user: this.#of.user, online, ...(online ? { since } : {}), asOf: now };
    const message = {
      id: messageId.parse(crypto.randomUUID()),
      type: presenceType,
      priority: "low",
      at: now,
      expires: now + fanoutLimits.liveMs,
      live: true,
      topic,
      body: JSON.stringify(said),
    } as const;
    return encodeJob(paging(message, { topic, presenceOnly: true }, Math.random()));
  }
}
