/** What an onlooker remembers of a user's stream from event to event: which number is whose, and what went when. */
import type { GoneReason } from "../../../src/protocol/frames.ts";
import type { MessageId } from "../../../src/protocol/ids.ts";
import type { Epoch, Seq } from "../../../src/protocol/seq.ts";
import type { Row, Stored } from "./stored.ts";

const noneGone: Readonly<Record<GoneReason, number>> = {
  expired: 0,
  evicted: 0,
  collapsed: 0,
  retracted: 0,
  replaced: 0,
  handled: 0,
};

export class StreamRecord {
  epoch: Epoch = "";
  /** The last number seen. */
  last: Seq = 0;
  /** Of this epoch, trimmed or not. */
  readonly ids = new Map<Seq, MessageId>();
  readonly numbers = new Map<MessageId, Seq>();
  /** The rows as they were. */
  rows = new Map<Seq, Row>();
  /** Numbers that the object said it withdrew, and numbers that were seen to go. */
  told: Record<GoneReason, number> = { ...noneGone };
  seen: Record<GoneReason, number> = { ...noneGone };
  /** Earlier epochs, for devices that still count in them. */
  readonly past = new Map<Epoch, ReadonlyMap<Seq, MessageId>>();

  /** Begins anew with what is stored. */
  restart<Whole extends Pick<Stored, "epoch" | "head" | "rows">>(stored: Whole): Whole {
    if (this.epoch !== "")
      this.past.set(this.epoch, new Map([...(this.past.get(this.epoch) ?? []), ...this.ids]));
    this.epoch = stored.epoch;
    this.ids.clear();
    this.numbers.clear();
    this.rows.clear();
    this.told = { ...noneGone };
    this.seen = { ...noneGone };
    this.last = (stored.rows[0]?.seq ?? stored.head + 1) - 1;
    for (const row of stored.rows) this.add(row);
    this.rows = new Map(stored.rows.map((row) => [row.seq, row]));
    return stored;
  }

  add({ seq, id }: Row): void {
    this.ids.set(seq, id);
    this.numbers.set(id, seq);
    this.last = seq;
  }

  idOf(epoch: Epoch, seq: Seq): MessageId | undefined {
    return (epoch === this.epoch ? this.ids.get(seq) : undefined) ?? this.past.get(epoch)?.get(seq);
  }
}
