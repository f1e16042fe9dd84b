/**
 * What the user of an object wants to be disturbed by: the one row that keeps it, what it makes of each
 * message, and the digest that is due when quiet hours end.
 */
import { log } from "../observe/log.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import { noPreferences, type UserPreferences, userPreferences } from "../protocol/preferences.ts";
import { type Attention, attention } from "./attention.ts";
import { PendingDigest } from "./digest.ts";
import type { Held, Keeping } from "./keeping.ts";
import { quietUntil } from "./quiet-hours.ts";

/** Commits a message of the hub's own, inside the transaction that is open. @returns what brings it to the devices, to be called once that has closed */
export type CommitOwn = (message: AcceptedMessage, now: number) => () => Promise<void>;

export interface HeldPreferences extends Held, UserPreferences {
  readonly kind: "preferences";
}

export class Preferences implements Keeping {
  readonly #storage: DurableObjectStorage;
  readonly #digest: PendingDigest;
  readonly #commit: CommitOwn;
  #known: UserPreferences | undefined;

  constructor(storage: DurableObjectStorage, commit: CommitOwn) {
    this.#storage = storage;
    this.#digest = new PendingDigest(storage.sql);
    this.#commit = commit;
  }

  get current(): UserPreferences {
    this.#known ??= this.#load();
    return this.#known;
  }

  /** What becomes of a message that is committed now, inside the transaction of that. */
  judge(message: AcceptedMessage, now: number): Attention {
    const judged = attention(message, this.current, now);
    const until = judged === "held" ? this.#quietUntil(now) : undefined;
    if (until !== undefined) this.#digest.hold(until);
    return judged;
  }

  /** Puts others in their place, or none. Quiet hours that this ends are over at once, with their digest. */
  set(preferences: UserPreferences | undefined, now: number): Promise<void> {
    return this.#change(now, () => {
      this.#storage.sql.exec("DELETE FROM preferences");
      if (preferences === undefined) return;
      this.#storage.sql.exec(
        "INSERT INTO preferences (one, value) VALUES (1, ?)",
        JSON.stringify(preferences),
      );
    });
  }

  get empty(): boolean {
    return this.current === noPreferences;
  }

  nextDue(): number | undefined {
    return this.#digest.due;
  }

  settle(now: number): Promise<void> {
    return this.#change(now, () => {});
  }

  erase(): void {
    this.#storage.sql.exec("DELETE FROM preferences");
    this.#digest.clear();
    this.#known = undefined;
  }

  *held(): Iterable<HeldPreferences> {
    if (!this.empty) yield { kind: "preferences", ...this.current };
  }

  /** Changes something, and tells what was held, unless it is (still, or again) quiet. */
  async #change(now: number, change: () => void): Promise<void> {
    try {
      const bring = this.#storage.transactionSync(() => {
        change();
        this.#known = undefined;
        return this.#review(now);
      });
      await bring?.();
    } finally {
      // What was rolled back must not live on in memory.
      this.#known = undefined;
    }
  }

  #review(now: number): ReturnType<CommitOwn> | undefined {
    const { due } = this.#digest;
    if (due === undefined) return undefined;
    const until = this.#quietUntil(now);
    if (until !== undefined) {
      this.#digest.postpone(until);
      return undefined;
    }
    const message = this.#digest.take(Math.min(due, now), now);
    // Last, since only the stream knows how to undo what it remembers of a change that fails.
    return message && this.#commit(message, now);
  }

  #quietUntil(now: number): number | undefined {
    const { quietHours } = this.current;
    return quietHours === undefined ? undefined : quietUntil(quietHours, now);
  }

  #load(): UserPreferences {
    const row = this.#storage.sql.exec<{ value: string }>("SELECT value FROM preferences").toArray()[0];
    if (row === undefined) return noPreferences;
    const parsed = userPreferences.safeParse(JSON.parse(row.value));
    if (parsed.success) return parsed.data;
    // Kept by another version, or of a time zone that is gone: better disturbed than not delivered to.
    log("error", "preferences_unreadable");
    return noPreferences;
  }
}
