/**
 * A delivery to a user: what is to be kept is committed, what is for now is sent, and every message gets
 * its verdict. Everything happens before the first `await`, so that no other event sees half of it.
 */
import { inboxLimits } from "../limits.ts";
import { log } from "../observe/log.ts";
import type { DeliveryResult, Verdict } from "../protocol/delivery.ts";
import type { MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Circumstances } from "./change.ts";
import type { Removal } from "./commit.ts";
import type { Connections } from "./connections.ts";
import { sweepOf } from "./deadlines.ts";
import type { Committed, Inbox } from "./inbox.ts";
import { isAhead } from "./scheduled.ts";

/** The object that messages are delivered to. */
export interface Recipient {
  readonly connections: Connections;
  /** Absent while nothing is stored. */
  inbox(): Inbox | undefined;
  open(): Inbox;
  readonly attention: Circumstances["attention"];
  /** The messages whose verdict needs no look at what is stored. */
  refused(messages: readonly AcceptedMessage[], now: number): ReadonlyMap<AcceptedMessage, Verdict>;
  /** Makes sure that the alarm comes by then. */
  ringBy(deadline?: number): Promise<void>;
  /** Makes sure that the alarm comes for what is kept beside the stream. */
  ringForDues(): Promise<void>;
}

const nothing: Committed = { verdicts: [], fresh: [], withdrawn: [] };

export class Deliveries {
  readonly #to: Recipient;
  /** Live-only messages seen lately, for the copies that a queue may make. */
  readonly #liveIds = new Set<MessageId>();

  constructor(to: Recipient) {
    this.#to = to;
  }

  /** @param settled called in the transaction that commits the messages */
  async take(
    messages: readonly AcceptedMessage[],
    now: number,
    settled?: Circumstances["settled"],
  ): Promise<DeliveryResult> {
    const { connections, attention } = this.#to;
    const refused = this.#to.refused(messages, now);
    const isKept = (message: AcceptedMessage) => !message.live || isAhead(message, now);
    const stored = messages.filter((message) => isKept(message) && !refused.has(message));
    const committed =
      stored.length === 0 && settled === undefined
        ? nothing
        : this.#to.open().commit(stored, now, { attention, settled });
    const { verdicts, fresh } = committed;
    for (const { logSeq } of stored) if (logSeq !== undefined) this.#to.open().gotFromLog(logSeq);
    logWithdrawn(committed.withdrawn);
    // Before anything can go wrong with a device: what is stored has its deadline.
    const swept = this.#to.ringBy(sweepOf(fresh));
    const owed =
      refused.size > 0 ||
      fresh.some(({ attention: asked }) => asked === "held") ||
      verdicts.some(({ verdict }) => verdict === "scheduled");
    const told = owed ? this.#to.ringForDues() : undefined;
    // Duplicates as well: the fault that made them come again may have struck between commit and offer.
    const offered = stored.length === 0 ? undefined : connections.offer(this.#to.open(), fresh, now);
    const inOrder = verdicts.values();
    const answers = messages.map((message): { verdict: Verdict; devices: number } => {
      const final = refused.get(message);
      if (final !== undefined) return { verdict: final, devices: 0 };
      if (!isKept(message)) return this.#live(message, now);
      const { value: verdict } = inOrder.next();
      if (verdict === undefined) throw new Error("a stored message got no verdict");
      const devices = verdict.verdict === "committed" ? (offered?.reached(verdict.seq) ?? 0) : 0;
      return { verdict, devices };
    });
    await Promise.all([swept, told, this.#to.ringBy(offered?.stalledUntil)]);
    return {
      verdicts: answers.map(({ verdict }) => verdict),
      devices: answers.map(({ devices }) => devices),
    };
  }

  #live(message: AcceptedMessage, now: number): { verdict: Verdict; devices: number } {
    const known = this.#knownOfLive(message, now);
    if (known !== undefined) return { verdict: known, devices: 0 };
    this.#liveIds.add(message.id);
    const [oldest] = this.#liveIds;
    if (this.#liveIds.size > inboxLimits.maxLiveIds && oldest !== undefined) this.#liveIds.delete(oldest);
    return { verdict: { verdict: "live" }, devices: this.#to.connections.live(message, now) };
  }

  /** The verdict on a message for now that is not to be sent. */
  #knownOfLive(message: AcceptedMessage, now: number): Verdict | undefined {
    const inbox = this.#to.inbox();
    if (message.at <= (inbox?.erasedAt ?? 0)) return { verdict: "gone" };
    const waits = inbox?.scheduled.recall(message);
    if (waits !== undefined) return waits;
    if (inbox?.stops(message) === true) return { verdict: "withdrawn" };
    if (message.expires <= now) return { verdict: "expired" };
    return this.#liveIds.has(message.id) ? { verdict: "live" } : undefined;
  }
}

function logWithdrawn(withdrawn: readonly Removal[]): void {
  if (withdrawn.length === 0) return;
  const count = (reason: string) => withdrawn.filter((gone) => gone.reason === reason).length;
  const [evicted, collapsed] = [count("evicted"), count("collapsed")];
  const [retracted, replaced] = [count("retracted"), count("replaced")];
  log("info", "withdrawn", { evicted, collapsed, retracted, replaced });
}
