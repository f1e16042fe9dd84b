/**
 * A change of a user's stream, while its transaction is open: what is committed, what goes, and what is to
 * be told of it. It collects the facts for the rules in `commit.ts`, and carries out what they decide.
 */

import { reasonOf, withdrawal } from "../lanes/withdrawal.ts";
import { inboxLimits } from "../limits.ts";
import type { Verdict } from "../protocol/delivery.ts";
import type { DeviceId, MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Seq } from "../protocol/seq.ts";
import type { Attention } from "./attention.ts";
import type { Barred } from "./barred.ts";
import {
  type CommitFacts,
  commit,
  type IdFacts,
  isOwn,
  type Removal,
  type Retold,
  schedule,
} from "./commit.ts";
import * as rows from "./message-rows.ts";
import { reaches } from "./reach.ts";
import { type Step, verdictSteps } from "./receipt-steps.ts";
import { isAhead, type Scheduled } from "./scheduled.ts";
import type { StreamRow } from "./stream.ts";
import type { Tallies } from "./tallies.ts";
import type { Watched } from "./watched.ts";

/** What a commit is told by what stands beside the inbox. */
export interface Circumstances {
  /**
   * Whether a message may disturb its user, who has preferences. Asked once for each message that is
   * committed, inside the transaction, and stored with it; not asked for the hub's own words.
   */
  attention(message: AcceptedMessage, now: number): Attention;
  /** Further changes of the same transaction, by what became of the messages. */
  readonly settled?: ((verdicts: ReadonlyMap<MessageId, Verdict>) => void) | undefined;
}

/** What a change did to the stream. */
export interface Changes {
  /** The new rows, rising, and what is gone of them already. */
  readonly fresh: readonly StreamRow[];
  readonly withdrawn: readonly Removal[];
}

/** The stream as it stands before the change. What it remembers is changed as its rows are; of a change that fails, all of it is to be forgotten. */
export interface Before {
  readonly sql: SqlStorage;
  readonly now: number;
  readonly head: Seq;
  readonly floor: Seq;
  readonly readUpTo: () => Seq;
  readonly erasedAt: number;
  readonly maxStored: number;
  readonly tallies: Tallies;
  readonly barred: Barred;
  readonly watched: Watched;
  readonly scheduled: Scheduled;
}

export class Change {
  readonly #before: Before;
  readonly #fresh: StreamRow[] = [];
  readonly #withdrawn: Removal[] = [];
  readonly #steps: Step[] = [];

  constructor(before: Before) {
    this.#before = before;
  }

  /** The last number given. */
  get head(): Seq {
    return this.#before.head + this.#fresh.length;
  }

  get made(): Changes {
    const gone = new Map(this.#withdrawn.map(({ seq, reason }) => [seq, reason]));
    const fresh = this.#fresh.map((row) => ({ ...row, gone: gone.get(row.seq) ?? null }));
    return { fresh, withdrawn: this.#withdrawn };
  }

  /** What is to be told of messages with receipts. */
  get steps(): readonly Step[] {
    return this.#steps;
  }

  tell(steps: readonly Step[]): void {
    this.#steps.push(...steps);
  }

  /** Takes a message, or keeps it until its time comes. */
  commit(message: AcceptedMessage, { attention }: Circumstances): Verdict {
    const told = this.#steps.length;
    const verdict = this.#judge(message, attention);
    // That it is stored comes before what came of that.
    this.#steps.splice(told, 0, ...verdictSteps(message, verdict, this.#before.now));
    return verdict;
  }

  /** Withdraws a message that devices may show, and tells them so in the stream. @param device the one that keeps it */
  takeDown(one: Removal, device?: DeviceId): void {
    const { now } = this.#before;
    const id = this.#withdraw(one);
    this.#append(withdrawal(id, one.reason, { now, audience: `${one.seq}`, device }), "announce");
  }

  /**
   * A number is delivered no more. Where it was to take the place of another message, it was also the word that
   * this one is withdrawn, which devices that were away are still to get.
   */
  passOn(seq: Seq, replaces: MessageId | null): void {
    const { sql, now } = this.#before;
    if (replaces === null || !rows.mayBeShown(sql, replaces)) return;
    this.#append(withdrawal(replaces, "replaced", { now, audience: `${seq}` }), "announce");
  }

  #judge(message: AcceptedMessage, attention: Circumstances["attention"]): Verdict {
    const { now, maxStored, scheduled, watched } = this.#before;
    const waits = scheduled.recall(message);
    if (waits !== undefined) return waits;
    if (isAhead(message, now)) {
      const facts = { ...this.#idFacts(message), waiting: scheduled.count };
      const verdict = schedule(message, facts, inboxLimits.maxScheduled);
      if (verdict.verdict === "scheduled") scheduled.keep(message);
      return verdict;
    }
    const decided = commit(message, this.#facts(message), now, maxStored);
    if (decided.bars !== undefined) this.#bar(decided.bars, message);
    if (!("withdrawn" in decided)) {
      if (decided.takenDown !== undefined) this.takeDown(decided.takenDown);
      return decided.verdict;
    }
    this.#append(this.#shown(message), isOwn(message.type) ? "announce" : attention(message, now));
    watched.add(decided.verdict.seq, message);
    for (const one of decided.withdrawn) this.#withdraw(one);
    if (decided.retold !== undefined) this.#retell(decided.retold);
    return decided.verdict;
  }

  #idFacts(message: AcceptedMessage): IdFacts {
    const { sql, barred, erasedAt } = this.#before;
    return {
      known: rows.knownRow(sql, message),
      barred: barred.stops(message),
      erasedAt,
    };
  }

  #facts(message: AcceptedMessage): CommitFacts {
    const { floor, readUpTo, maxStored, tallies } = this.#before;
    const { collapseKey } = message;
    const superseded =
      collapseKey === undefined ? undefined : tallies.collapsible(collapseKey, Math.max(floor, readUpTo()));
    // Counting is only worth it where there can be so many at all.
    const mayBeFull = this.head - floor >= maxStored;
    const stored = mayBeFull ? tallies.stored(floor) : 0;
    const target = message.retracts ?? message.replaces;
    return {
      ...this.#idFacts(message),
      head: this.head,
      stored,
      superseded: superseded === undefined ? [] : [superseded],
      weakest: stored >= maxStored ? tallies.weakest(floor, this.head) : undefined,
      target: target === undefined ? undefined : { id: target, place: this.#placeOf(target, message) },
    };
  }

  /** Where the message is that this one retracts or replaces. One beyond its reach is as good as gone, also while it waits. */
  #placeOf(target: MessageId, by: AcceptedMessage): NonNullable<CommitFacts["target"]>["place"] {
    const { sql, now, scheduled } = this.#before;
    const place = rows.placeOf(sql, target, by, now);
    if (place !== "unknown" || by.within === undefined) return place;
    const waiting = scheduled.find(target);
    return waiting === undefined || reaches(by, waiting.message.topic) ? "unknown" : "gone";
  }

  /** The message as devices are to see it: they take down what it `replaces`, so that must be known to be in its reach. */
  #shown(message: AcceptedMessage): AcceptedMessage {
    const { replaces, ...rest } = message;
    if (message.within === undefined || replaces === undefined) return message;
    return rows.isReached(this.#before.sql, replaces, message) ? message : rest;
  }

  #append(message: AcceptedMessage, asked: Attention): void {
    const { sql, now, tallies } = this.#before;
    const attention = asked === "announce" ? null : asked;
    const row = rows.insertRow(sql, message, { seq: this.head + 1, now, attention });
    tallies.added(row);
    this.#fresh.push(row);
  }

  #withdraw(one: Removal): MessageId {
    const { sql, now, readUpTo, tallies, watched } = this.#before;
    const { id, type, key, replaces, unreadUntil } = rows.withdrawRow(sql, one, readUpTo(), now);
    if (!isOwn(type)) tallies.withdrawn(one.seq, key, unreadUntil);
    this.#steps.push(...watched.steps([one.seq], one.reason, now));
    watched.drop(one.seq);
    this.#withdrawn.push(one);
    this.passOn(one.seq, replaces);
    return id;
  }

  /** What devices are told a second time, for another reason, is over for that one. */
  #retell(one: Retold): void {
    const { sql, tallies } = this.#before;
    const unswept = rows.renameEnd(sql, one);
    if (unswept === undefined) return;
    tallies.expired();
    this.passOn(unswept.seq, unswept.replaces);
  }

  /** The message of the id will not be committed any more: neither one that waits for its time, nor one that comes. */
  #bar(id: MessageId, by: AcceptedMessage): void {
    const { now, scheduled, barred } = this.#before;
    const { within } = by;
    const waiting = scheduled.find(id)?.message;
    if (waiting !== undefined) this.tell(verdictSteps(waiting, { verdict: "withdrawn" }, now));
    scheduled.drop(id);
    barred.add({ id, at: now, reason: reasonOf(by), within });
  }
}
