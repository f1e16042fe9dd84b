/**
 * The books of the simulation: every message handed in, for every user, and what is known to have become
 * of it; and how often each device was sent what. Nobody in the simulation reads them but the invariants.
 */
import type { Verdict } from "../../../src/protocol/delivery.ts";
import type { ServerFrame } from "../../../src/protocol/frames.ts";
import type { DeviceId, MessageId, UserId } from "../../../src/protocol/ids.ts";
import type { Epoch } from "../../../src/protocol/seq.ts";

/** A message for one user. */
export type Entry = `${string} ${string}`;

export function entry(id: string, user: UserId): Entry {
  return `${id} ${user}`;
}

/** Of one epoch; another one brings the same messages anew. */
export interface DeviceCopies {
  readonly epoch: Epoch;
  connects: number;
  readonly copies: Map<string, number>;
  readonly express: Set<string>;
}

export class Ledger {
  /** Handed in, so that some user may get it. */
  readonly published = new Set<Entry>();
  /** Accepted and without an end so far: must be in a lane. */
  readonly open = new Set<Entry>();
  /** Committed at least once. */
  readonly taken = new Set<Entry>();
  readonly devices = new Map<string, DeviceCopies>();

  publish(id: MessageId, users: readonly UserId[]): void {
    for (const user of users) this.published.add(entry(id, user));
  }

  accept(id: MessageId, users: readonly UserId[]): void {
    for (const user of users) this.open.add(entry(id, user));
  }

  committed(id: MessageId, user: UserId): void {
    this.taken.add(entry(id, user));
  }

  /** A verdict on the way to whoever asked. The ones that make a dead letter are no end yet. */
  judged(id: MessageId, user: UserId, verdict: Verdict["verdict"]): void {
    if (verdict !== "inbox_full" && verdict !== "id_conflict") this.open.delete(entry(id, user));
  }

  died(id: MessageId, user: UserId): void {
    this.open.delete(entry(id, user));
  }

  sent(user: UserId, device: DeviceId, frame: ServerFrame): void {
    const key = `${user} ${device}`;
    if (frame.type === "welcome" && this.devices.get(key)?.epoch !== frame.epoch) {
      this.devices.set(key, { epoch: frame.epoch, connects: 0, copies: new Map(), express: new Set() });
    }
    const books = this.devices.get(key);
    if (books === undefined) return;
    if (frame.type === "welcome") books.connects += 1;
    const messages = frame.type === "messages" ? frame.messages : [];
    for (const { id } of messages) books.copies.set(id, (books.copies.get(id) ?? 0) + 1);
    if (frame.type === "express") {
      books.copies.set(frame.message.id, (books.copies.get(frame.message.id) ?? 0) + 1);
      books.express.add(frame.message.id);
    }
  }

  ofDevice(user: UserId, device: DeviceId): DeviceCopies | undefined {
    return this.devices.get(`${user} ${device}`);
  }
}
