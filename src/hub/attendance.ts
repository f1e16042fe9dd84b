/**
 * A user's place in what goes to everyone: the entry in a shard that says that the user is online, and how far
 * the user has read the log. It works beside the object's events and holds none of them up; a fault of
 * the other objects is logged and tried again, at the next connect or with later traffic.
 *
 * Why nobody is missed: messages to all are in the log before a shard is told of them, and a shard knows
 * of one before it lists who is online. If the entry gets into the shard before that, a page lists the user and
 * the message is delivered like any other. If later, `came` answers a head with the message in it,
 * and the user's own object reads the log. Both may happen: the object knows ids. How far it has read
 * moves only after what was read is committed, so a crash in between reads again and finds duplicates.
 * While nobody is connected the log alone counts, from the same place: at the next connect, or when the inbox is read.
 */
import type { EveryoneCalls, LogPage, LogSeq } from "../everyone/calls.ts";
import { within } from "../lanes/bounded.ts";
import { everyoneLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { type Lease, type LeaseStep, nextStep } from "./lease.ts";

/** A shard, as far as one user is concerned: see `EveryoneShardCalls`. */
export interface UserShard {
  came(since: number, at: number): Promise<LogSeq>;
  went(at: number): Promise<void>;
  head(): Promise<LogSeq>;
}

/** What the attendance needs of the object that it is part of. */
export interface Attended {
  now(): number;
  /** How many shards there are, as the deployment says. */
  shards(): number;
  /** The user's shard under a count. A new stub for each call: one that failed goes on failing. */
  shard(shards: number): UserShard;
  log(): Pick<EveryoneCalls, "after">;
  /** Whether a device is connected. */
  online(): boolean;
  /** Since when one is; `undefined` while none is. */
  onlineSince(): number | undefined;
  /** Writes the lease down with the connections. */
  remember(lease: Lease): void;
  /** How far the user has read the log. */
  logSeen(): LogSeq;
  /** Commits and delivers a page, and notes that it was read. */
  take(page: LogPage): Promise<void>;
  /** Goes on after the event that it came from. */
  background(work: Promise<void>): void;
}

export class Attendance {
  readonly #of: Attended;
  #lease: Lease | undefined;
  readonly #registered: Set<number>;
  #head: LogSeq = 0;
  #retryAt = 0;
  /** The time of the last call: each is later than the one before, so that a shard can tell. */
  #called = 0;
  #work: Promise<void> | undefined;
  #reading: Promise<void> | undefined;

  /** @param leases what connections remember from before the object slept */
  constructor(of: Attended, leases: readonly Lease[]) {
    this.#of = of;
    this.#lease = leases.toSorted((a, b) => b.at - a.at)[0];
    this.#registered = new Set(leases.map(({ shards }) => shards));
  }

  /** A device has come: whatever failed before is tried again. */
  came(): void {
    this.#retryAt = 0;
    this.heard();
  }

  /** There was traffic. Costs nothing while there is nothing to tell. */
  heard(): void {
    if (this.#work !== undefined || !this.#due()) return;
    this.#work = this.#tell().finally(() => {
      this.#work = undefined;
    });
    this.#of.background(this.#work);
  }

  /** A connection has ended that remembered this lease; or the user may be taken for online, and is not. */
  left(lease?: Lease): void {
    if (this.#of.online()) return;
    this.#registered.add(lease?.shards ?? this.#of.shards());
    this.heard();
  }

  /** Waits until what was sent to everyone is in the inbox, though not for long. Never throws. */
  async upToDate(): Promise<void> {
    this.heard();
    try {
      await within(everyoneLimits.readTimeoutMs, this.#of.online() ? this.#told() : this.#read());
    } catch (error) {
      log("warn", "everyone_unread", { error: errorText(error) });
    }
  }

  async #told(): Promise<void> {
    await this.#work;
  }

  #due(): boolean {
    return this.#next() !== undefined;
  }

  #next(): LeaseStep | undefined {
    const attending = {
      online: this.#of.online(),
      lease: this.#lease,
      registered: this.#registered,
      seen: this.#of.logSeen(),
      head: this.#head,
      retryAt: this.#retryAt,
    };
    return nextStep(attending, this.#of.shards(), this.#of.now());
  }

  /** One step after the other, each chosen by what is so then: devices may come and go meanwhile. */
  async #tell(): Promise<void> {
    for (let step = this.#next(); step !== undefined; step = this.#next()) {
      try {
        if (step.kind === "came") await this.#came(step.shards);
        else if (step.kind === "went") await this.#went(step.shards);
        else this.#head = (await this.#page(this.#of.logSeen())).head;
      } catch (error) {
        log("warn", "everyone_untold", { error: errorText(error) });
        this.#retryAt = this.#of.now() + everyoneLimits.retryAfterMs;
      }
    }
  }

  async #came(shards: number): Promise<void> {
    const at = this.#nextCall();
    // Before the call: it may arrive even where no answer does.
    this.#registered.add(shards);
    const call = this.#of.shard(shards).came(this.#of.onlineSince() ?? at, at);
    this.#head = Math.max(this.#head, await within(everyoneLimits.callTimeoutMs, call));
    this.#lease = { shards, at };
    this.#of.remember(this.#lease);
  }

  /** Fire and forget: what does not arrive is healed by the end of the lease. */
  async #went(shards: number): Promise<void> {
    this.#registered.delete(shards);
    if (this.#lease?.shards === shards) this.#lease = undefined;
    await within(everyoneLimits.callTimeoutMs, this.#of.shard(shards).went(this.#nextCall()));
  }

  /** Reads the log while nobody is connected. For several readers at once only one does. */
  #read(): Promise<void> {
    this.#reading ??= this.#readToHead().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readToHead(): Promise<void> {
    const head = await within(everyoneLimits.callTimeoutMs, this.#of.shard(this.#of.shards()).head());
    let seen = this.#of.logSeen();
    for (let end = head; seen < end; ) {
      const page = await this.#page(seen);
      seen = page.upTo;
      end = page.head;
    }
  }

  async #page(seen: LogSeq): Promise<LogPage> {
    const page = await within(
      everyoneLimits.callTimeoutMs,
      this.#of.log().after(seen, everyoneLimits.maxPageEntries),
    );
    await this.#of.take(page);
    return page;
  }

  #nextCall(): number {
    this.#called = Math.max(this.#of.now(), this.#called + 1);
    return this.#called;
  }
}
