/**
 * The topics of a user. This is the truth about them; the object of a topic only repeats it, so as to know
 * whom to fan out to. A change is written here first, as pending, then told to the topic, then marked as
 * told. Whatever is cut off in between is told again, by the alarm, until the topic has it.
 *
 * All of it is known in memory once it was needed, so that a delivery costs no rows.
 */
import { backoffSeconds } from "../lanes/backoff.ts";
import { eachBounded, within } from "../lanes/bounded.ts";
import { topicLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { Topic, UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { MemberChange, TopicCalls } from "../topics/calls.ts";
import type { Held, Keeping } from "./keeping.ts";
import type { Membership } from "./membership-rows.ts";
import * as rows from "./membership-rows.ts";

/** To join a topic, or to leave it. */
export interface TopicChange {
  readonly topic: Topic;
  readonly member: boolean;
  /** Whether to take part in presence events; without it, as before. */
  readonly presence?: boolean | undefined;
}

/** A topic that the user is in, or just left. */
export interface TopicView {
  readonly topic: Topic;
  readonly member: boolean;
  readonly presence: boolean;
  /** It holds already, and the topic's object will be told. */
  readonly pending: boolean;
}

/** What became of a change; `limit`: the user is in as many topics as it may be. */
export type TopicOutcome = TopicView | TopicRefusal;
export interface TopicRefusal {
  readonly topic: Topic;
  readonly refused: "limit";
}

export interface HeldTopic extends Held, Omit<TopicView, "member"> {
  readonly kind: "topic";
}

/** The object of a topic, as far as it is told anything from here. */
export type Told = Pick<TopicCalls, "apply">;

export class Memberships implements Keeping {
  readonly #storage: DurableObjectStorage;
  readonly #user: UserId;
  readonly #objectOf: (topic: Topic) => Told;
  /** Loaded when it is first asked for. */
  #topics: Map<Topic, Membership> | undefined;
  /** When to tell again what is pending; at once after a restart. */
  #retryAt = 0;
  /** Rounds of telling that failed, one after the other. */
  #failures = 0;

  constructor(storage: DurableObjectStorage, user: UserId, objectOf: (topic: Topic) => Told) {
    this.#storage = storage;
    this.#user = user;
    this.#objectOf = objectOf;
  }

  get empty(): boolean {
    return this.#known().size === 0;
  }

  /** The topics that the user is in, by name. */
  list(): readonly TopicView[] {
    const members = [...this.#known().values()].filter(({ member }) => member).map(view);
    return members.toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  /** Whether a message came by a topic that the user is not in. What retracts one must reach who has left, too. */
  refuses({ topic, retracts }: Pick<AcceptedMessage, "topic" | "retracts">): boolean {
    return topic !== undefined && retracts === undefined && this.#known().get(topic)?.member !== true;
  }

  /**
   * Writes the changes, all or (on a fault) none.
   * @param limit of the topics that the user may be in once it has joined one; what is being left still counts
   * @returns those that can't be joined for that limit
   */
  change(changes: readonly TopicChange[], limit: number, now: number): readonly Topic[] {
    return this.#transaction(() =>
      changes.flatMap(({ topic, member, presence }) => {
        const before = this.#known().get(topic);
        if (before === undefined && !member) return [];
        if (member && !isCounted(before) && this.#counted() >= limit) return [topic];
        const after = { member, presence: member && (presence ?? before?.presence ?? false) };
        if (before?.member === after.member && before.presence === after.presence) return [];
        const version = before === undefined ? now : Math.max(now, before.version + 1);
        this.#write({ topic, ...after, version, pending: "change" }, now + topicLimits.repairAfterMs);
        return [];
      }),
    );
  }

  /** A topic that believes the user to be a member, wrongly, is to be told; if it is not about to be told so anyway. */
  deny(topic: Topic, now: number): void {
    const known = this.#known().get(topic);
    if (isCounted(known)) return;
    const version = Math.max(now, (known?.version ?? 0) + 1);
    this.#write({ topic, member: false, presence: false, version, pending: "change" }, now);
  }

  /** Tells these topics what is pending of them, waiting no longer than a call may take, and says how each of them stands. */
  async tell(topics: readonly Topic[], now: number): Promise<readonly TopicView[]> {
    await this.#tellAll(
      topics.flatMap((topic) => this.#known().get(topic) ?? []),
      now,
    );
    return topics.map((topic) => {
      const membership = this.#known().get(topic);
      return membership === undefined
        ? { topic, member: false, presence: false, pending: false }
        : view(membership);
    });
  }

  nextDue(): number | undefined {
    const forgotten = [...this.#known().values()].flatMap((one) =>
      isCounted(one) ? [] : [forgottenAt(one)],
    );
    const due = Math.min(...forgotten, ...(this.#pending().length === 0 ? [] : [this.#retryAt]));
    return Number.isFinite(due) ? due : undefined;
  }

  async settle(now: number): Promise<void> {
    for (const one of [...this.#known().values()]) {
      if (!isCounted(one) && forgottenAt(one) <= now) this.#forget(one.topic);
    }
    await this.#tellAll(this.#pending(), now);
  }

  erase(now: number): void {
    rows.eraseAll(this.#storage.sql, now);
    // Loaded again, whether the transaction holds or not.
    this.#topics = undefined;
    this.#retryAt = 0;
  }

  *held(): Generator<HeldTopic> {
    for (const { member: _, ...topic } of this.list()) yield { kind: "topic", ...topic };
  }

  #known(): Map<Topic, Membership> {
    this.#topics ??= rows.load(this.#storage.sql);
    return this.#topics;
  }

  #pending(): readonly Membership[] {
    return [...this.#known().values()].filter(({ pending }) => pending !== "nothing");
  }

  /** @param retryAt when to tell the topic at the latest */
  #write(membership: Membership, retryAt: number): void {
    this.#retryAt = this.#pending().length === 0 ? retryAt : Math.min(this.#retryAt, retryAt);
    rows.put(this.#storage.sql, membership);
    this.#known().set(membership.topic, membership);
  }

  #transaction<Result>(change: () => Result): Result {
    try {
      return this.#storage.transactionSync(change);
    } catch (error) {
      // What was rolled back must not live on in memory.
      this.#topics = undefined;
      throw error;
    }
  }

  async #tellAll(memberships: readonly Membership[], now: number): Promise<void> {
    const pending = memberships.filter((membership) => membership.pending !== "nothing");
    const startUntil = Date.now() + topicLimits.repairBudgetMs;
    let failed = 0;
    await eachBounded(pending, topicLimits.concurrentRepairs, async (membership) => {
      if (Date.now() >= startUntil) {
        failed += 1;
        return;
      }
      try {
        await within(topicLimits.callTimeoutMs, this.#tellOne(membership));
      } catch (error) {
        failed += 1;
        log("warn", "topic_unreachable", { error: errorText(error) });
      }
    });
    this.#failures = failed === 0 ? 0 : this.#failures + 1;
    if (failed === 0) return;
    const waitMs = backoffSeconds(this.#failures, Math.random(), true) * 1_000;
    this.#retryAt = Math.max(now, Date.now()) + waitMs;
  }

  async #tellOne(membership: Membership): Promise<void> {
    const { topic, member, presence, version, pending } = membership;
    const change: MemberChange = { user: this.#user, member, presence, version };
    const [applied] = await this.#objectOf(topic).apply([
      pending === "erasure" ? { ...change, erased: true } : change,
    ]);
    // What was changed meanwhile is told by whoever changed it.
    if (applied === undefined || this.#known().get(topic) !== membership) return;
    if ("stale" in applied) {
      // The versions began anew when the storage was emptied, or within one millisecond.
      const raised = { ...membership, version: applied.stale + 1 };
      this.#write(raised, this.#retryAt);
      return this.#tellOne(raised);
    }
    if (pending === "erasure") return this.#forget(topic);
    const settled = { ...membership, pending: "nothing" } as const;
    rows.put(this.#storage.sql, settled);
    this.#known().set(topic, settled);
  }

  #forget(topic: Topic): void {
    rows.remove(this.#storage.sql, topic);
    this.#known().delete(topic);
  }

  #counted(): number {
    return [...this.#known().values()].filter(isCounted).length;
  }
}

/** Whether it is a topic that the user is in, or that may still believe so. */
function isCounted(membership: Membership | undefined): boolean {
  return membership !== undefined && (membership.member || membership.pending !== "nothing");
}

/** One that was left is remembered as long as its topic remembers the user: an erasure must reach it. */
function forgottenAt({ version }: Membership): number {
  return version + topicLimits.leftKeptMs;
}

function view({ topic, member, presence, pending }: Membership): TopicView {
  return { topic, member, presence, pending: pending !== "nothing" };
}
