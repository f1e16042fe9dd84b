/**
 * Delivers what waits for its time. A message is delivered by the object's clock, which never goes back, so not
 * early; and its row goes in the transaction that commits it, so not twice. What can't be delivered
 * becomes a dead letter first, and waits on where the dead lane refuses that.
 */
import type { DeadMessage } from "../lanes/dead-record.ts";
import { isDead } from "../lanes/settle.ts";
import { inboxLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Circumstances } from "./change.ts";
import type { Held, Keeping } from "./keeping.ts";
import type { Scheduled } from "./scheduled.ts";

/** The object, as the schedule needs it. */
export interface Delivery {
  /** Delivers messages as if they came now; `settled` is called in the transaction that commits them. */
  deliver(
    messages: readonly AcceptedMessage[],
    now: number,
    settled: NonNullable<Circumstances["settled"]>,
  ): Promise<unknown>;
  /** Sends dead letters on their way. @throws when the lane refuses */
  bury(dead: readonly DeadMessage[]): Promise<void>;
}

/** A message that waits, as an export writes it. */
export interface HeldScheduled extends Held {
  readonly kind: "scheduled";
  readonly due: number;
  readonly message: Omit<AcceptedMessage, "body"> & { readonly data: unknown };
}

export class Schedule implements Keeping {
  readonly #user: UserId;
  readonly #scheduled: Scheduled;
  readonly #delivery: Delivery;

  constructor(user: UserId, scheduled: Scheduled, delivery: Delivery) {
    this.#user = user;
    this.#scheduled = scheduled;
    this.#delivery = delivery;
  }

  get empty(): boolean {
    return this.#scheduled.count === 0;
  }

  nextDue(): number | undefined {
    return this.#scheduled.nextDue();
  }

  async settle(now: number): Promise<void> {
    const due = this.#scheduled.dueBy(now, inboxLimits.scheduledAtOnce);
    const dead: DeadMessage[] = [];
    for (const { id } of due) this.#scheduled.release(id);
    try {
      await this.#delivery.deliver(due, now, (verdicts) => {
        for (const message of due) {
          const verdict = verdicts.get(message.id)?.verdict;
          if (verdict === undefined || !isDead(verdict)) {
            this.#scheduled.drop(message.id);
          } else {
            dead.push({ message, users: [this.#user], reason: verdict, attempts: 1, error: "", at: now });
            this.#scheduled.putBack(message.id, now + inboxLimits.alarmRetryMs);
          }
        }
      });
    } catch (error) {
      this.#scheduled.forget();
      throw error;
    }
    await this.#bury(dead);
  }

  erase(): void {
    this.#scheduled.clear();
  }

  *held(): Generator<HeldScheduled> {
    for (const { due, message } of this.#scheduled.all()) {
      const { body, ...facts } = message;
      yield { key: message.id, kind: "scheduled", due, message: { ...facts, data: JSON.parse(body) } };
    }
  }

  async #bury(dead: readonly DeadMessage[]): Promise<void> {
    if (dead.length === 0) return;
    try {
      await this.#delivery.bury(dead);
    } catch (error) {
      log("error", "lane_refused", { lane: "dead", error: errorText(error) });
      return;
    }
    for (const { message } of dead) this.#scheduled.drop(message.id);
  }
}
