/**
 * Delivers what waits for its time. A message is delivered by the object's clock, which never goes back, so not
 * early; and its row goes in the transaction that commits it, so not twice. What can't be delivered, or not even
 * read, becomes a dead letter first, and waits on where the dead lane refuses that.
 */
import type { DeadRecord } from "../lanes/dead-record.ts";
import { isDead } from "../lanes/settle.ts";
import { inboxLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
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
  bury(dead: readonly DeadRecord[]): Promise<void>;
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
    const all = this.#scheduled.dueBy(now, inboxLimits.scheduledAtOnce);
    const due = all.flatMap(({ message }) => message ?? []);
    const dead = new Map<MessageId, DeadRecord>();
    for (const { id } of all) this.#scheduled.release(id);
    const dies = (id: MessageId, record: DeadRecord) => {
      dead.set(id, record);
      this.#scheduled.putBack(id, now + inboxLimits.alarmRetryMs);
    };
    for (const { id, text, message } of all) {
      if (message === undefined) dies(id, unreadable(text, now));
    }
    try {
      await this.#delivery.deliver(due, now, (verdicts) => {
        for (const message of due) {
          const verdict = verdicts.get(message.id)?.verdict;
          if (verdict === undefined || !isDead(verdict)) {
            this.#scheduled.drop(message.id);
          } else {
            const death = { reason: verdict, attempts: 1, error: "", at: now };
            dies(message.id, { message, users: [this.#user], ...death });
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

  async #bury(dead: ReadonlyMap<MessageId, DeadRecord>): Promise<void> {
    if (dead.size === 0) return;
    try {
      await this.#delivery.bury([...dead.values()]);
    } catch (error) {
      log("error", "lane_refused", { lane: "dead", error: errorText(error) });
      return;
    }
    for (const id of dead.keys()) this.#scheduled.drop(id);
  }
}

/** Its priority is not known either, so its lane is any. */
function unreadable(raw: string, at: number): DeadRecord {
  return { lane: "normal", raw, reason: "poison", attempts: 1, error: "waited for its time", at };
}
