/** What the object of a user has on disk, in memory: rows, numbers, devices. Collects the facts that the rules ask for. */

import type { CommitFacts } from "../../../src/hub/commit.ts";
import type { Holdings } from "../../../src/hub/deadlines.ts";
import type { StreamRow } from "../../../src/hub/stream.ts";
import type { ReadState } from "../../../src/hub/views.ts";
import { inboxLimits } from "../../../src/limits.ts";
import type { GoneReason } from "../../../src/protocol/frames.ts";
import type { DeviceId, MessageId } from "../../../src/protocol/ids.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import { priorityRank } from "../../../src/protocol/priority.ts";
import type { Epoch, Seq } from "../../../src/protocol/seq.ts";

export interface Row extends StreamRow {
  readonly committed: number;
}

/** What a device marks as read. */
export type Marked = { readonly ids: readonly string[] } | { readonly upTo: Seq };

export class Stored {
  epoch: Epoch;
  head: Seq = 0;
  clock = 0;
  readUpTo: Seq = 0;
  /** Read one by one. */
  read = new Set<Seq>();
  rev = 0;
  erasedAt = 0;
  revokedBefore = 0;
  rows: Row[] = [];
  devices = new Map<DeviceId, { readonly acked: Seq; readonly seen: number }>();

  constructor(epoch: Epoch) {
    this.epoch = epoch;
  }

  /** As it is now; rows are never changed in place. */
  copy(): Stored {
    const copy = new Stored(this.epoch);
    Object.assign(copy, this);
    copy.rows = [...this.rows];
    copy.read = new Set(this.read);
    copy.devices = new Map(this.devices);
    return copy;
  }

  find(id: MessageId): Row | undefined {
    return this.rows.find((row) => row.id === id);
  }

  facts(message: AcceptedMessage): CommitFacts {
    const known = this.find(message.id);
    const stored = this.rows.filter(({ gone }) => gone === null);
    const [weakest] = stored
      .filter(({ priority }) => priority !== "critical")
      .sort((a, b) => priorityRank[b.priority] - priorityRank[a.priority] || a.seq - b.seq);
    return {
      head: this.head,
      known: known && { seq: known.seq, same: saysTheSame(known, message) },
      barred: false,
      target: undefined,
      erasedAt: this.erasedAt,
      stored: stored.length,
      superseded: stored
        .filter(({ seq, collapseKey }) => !this.isRead(seq) && collapseKey === (message.collapseKey ?? ""))
        .map(({ seq }) => seq),
      weakest,
    };
  }

  append(
    { id, type, priority, at, expires, collapseKey, body }: AcceptedMessage,
    seq: Seq,
    now: number,
  ): Row {
    const fields = { seq, id, type, priority, at, expires, collapseKey: collapseKey ?? null, body };
    const marks = { gone: null, topic: null, replaces: null, attention: null };
    const row = { ...fields, bytes: utf8Length(body), ...marks, committed: now };
    this.rows.push(row);
    this.head = seq;
    this.clock = now;
    return row;
  }

  withdraw(withdrawn: readonly { readonly seq: Seq; readonly reason: GoneReason }[]): void {
    for (const { seq, reason } of withdrawn) {
      this.rows = this.rows.map((row) => (row.seq === seq ? { ...row, gone: reason, body: "" } : row));
    }
  }

  isRead(seq: Seq): boolean {
    return seq <= this.readUpTo || this.read.has(seq);
  }

  /** Marks as read; `false` where that changes nothing. */
  mark(marked: Marked): boolean {
    if ("upTo" in marked) {
      const upTo = Math.min(marked.upTo, this.head);
      if (upTo <= this.readUpTo) return false;
      this.readUpTo = upTo;
    } else {
      const fresh = this.rows.filter(({ id, seq }) => marked.ids.includes(id) && !this.isRead(seq));
      if (fresh.length === 0) return false;
      for (const { seq } of fresh) this.read.add(seq);
    }
    this.rev += 1;
    return true;
  }

  /** @param told what has expired since is counted still: nobody tells a device of that */
  readState(now: number, told = now): ReadState {
    const unread = this.rows.filter(
      ({ seq, gone, expires, committed }) =>
        !this.isRead(seq) &&
        (gone === null || gone === "expired") &&
        expires > (committed <= told ? told : now),
    );
    return { unread: unread.length, readUpTo: this.readUpTo, rev: this.rev };
  }

  /** Drops expired bodies and ids past their horizon; counts the expired. */
  sweep(now: number): number {
    const expired = this.rows.filter(({ gone, expires }) => gone === null && expires <= now);
    this.withdraw(expired.map(({ seq }) => ({ seq, reason: "expired" })));
    const kept = this.rows.findIndex(({ committed }) => committed > now - inboxLimits.dedupeHorizonMs);
    this.rows = kept < 0 ? [] : this.rows.slice(kept);
    return expired.length;
  }

  floor(now: number): Seq {
    const first = this.rows.find(({ gone, expires }) => gone === null && expires > now);
    return first === undefined ? this.head : first.seq - 1;
  }

  lastSeen(): number {
    return Math.max(0, ...[...this.devices.values()].map(({ seen }) => seen));
  }

  holdings(): Holdings {
    const expiries = this.rows.filter(({ gone }) => gone === null).map(({ expires }) => expires);
    return {
      earliestExpiry: expiries.length === 0 ? undefined : Math.min(...expiries),
      oldestCommit: this.rows[0]?.committed,
      erasedAt: this.erasedAt,
      revokedBefore: this.revokedBefore,
      lastSeen: this.lastSeen(),
      kept: false,
    };
  }
}

function saysTheSame(known: Row, message: AcceptedMessage): boolean {
  const sameBody =
    known.gone === null ? known.body === message.body : known.bytes === utf8Length(message.body);
  return known.type === message.type && known.priority === message.priority && sameBody;
}
