/** What an onlooker knows of one connection, from its frames alone; the invariants judge by it. */
import type { Resume } from "../../../src/hub/stream.ts";
import type { ServerFrame } from "../../../src/protocol/frames.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import type { Seq } from "../../../src/protocol/seq.ts";

export class WireRecord {
  /** What the client asked for. */
  readonly resume: Resume | undefined;
  /** The next number that must come; undefined before the welcome. */
  next: Seq | undefined;
  /** Messages sent and not acknowledged. */
  flight: { readonly seq: Seq; readonly bytes: number }[] = [];
  /** Express copies not acknowledged. */
  express: Seq[] = [];
  /** The highest acknowledgement that arrived. */
  acked: Seq = 0;
  /** The cursor's `acked` when it was last looked at. */
  lastAcked: Seq = 0;
  /** Critical messages committed while there was room for a copy: nothing less urgent may come before them. */
  readonly awaited = new Set<Seq>();

  /** When the device was last told how much is unread. */
  readToldAt = 0;

  constructor(resume: Resume | undefined) {
    this.resume = resume;
  }

  /** A frame that was found in order. */
  saw(frame: ServerFrame, now: number): void {
    if ("unread" in frame) this.readToldAt = now;
    switch (frame.type) {
      case "welcome":
        this.next = frame.from + 1;
        this.acked = frame.from;
        this.lastAcked = frame.from;
        break;
      case "messages":
        for (const { seq, data } of frame.messages) {
          this.next = seq + 1;
          this.flight.push({ seq, bytes: utf8Length(JSON.stringify(data)) });
          this.awaited.delete(seq);
        }
        break;
      case "express":
        this.express.push(frame.message.seq);
        this.awaited.delete(frame.message.seq);
        break;
      case "gap":
        this.next = frame.to + 1;
        for (let seq = frame.from; seq <= frame.to; seq += 1) this.awaited.delete(seq);
        break;
    }
  }

  acknowledged(seq: Seq): void {
    this.acked = Math.max(this.acked, seq);
    this.flight = this.flight.filter((sent) => sent.seq > seq);
    this.express = this.express.filter((sent) => sent > seq);
  }
}
