/** The open connections of a user in the model: what goes out to them, as `src/hub/connections.ts` does it. */
import { parseFrame } from "../../../src/client/parse-frame.ts";
import type { Pulse } from "../../../src/hub/deadlines.ts";
import type { Connection } from "../../../src/hub/sockets.ts";
import type { StreamRow } from "../../../src/hub/stream.ts";
import { expressText, frameText, liveText, pumpWriter } from "../../../src/hub/wire.ts";
import { type CloseName, closeCodes } from "../../../src/protocol/close-codes.ts";
import type { ServerFrame } from "../../../src/protocol/frames.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import { frameInvariants } from "./frame-invariants.ts";
import type { ModelHub } from "./hub.ts";
import type { Ledger } from "./ledger.ts";
import type { Stored } from "./stored.ts";
import type { Wire } from "./wire.ts";
import type { World } from "./world.ts";

export type PlainFrame = Exclude<ServerFrame, { type: "messages" | "express" | "live" }>;

export class ModelConnections {
  /** As in the sockets' attachments: hibernation keeps it, a crash does not. */
  readonly open = new Map<Wire, Connection>();
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #hub: ModelHub;

  constructor(world: World, ledger: Ledger, hub: ModelHub) {
    this.#world = world;
    this.#ledger = ledger;
    this.#hub = hub;
  }

  /** @returns when the first of those that are stalled must be looked at */
  offer(stored: Stored, fresh: readonly StreamRow[], now: number, only?: Wire): number {
    const { rules, scale } = this.#world;
    const write = pumpWriter(() => stored.readState(now).unread);
    const urgent = fresh.filter((row) => row.priority === "critical" && row.gone === null);
    const firstFresh = fresh[0]?.seq ?? stored.head + 1;
    let stalledUntil = Number.POSITIVE_INFINITY;
    for (const [wire, connection] of [...this.open]) {
      if (only !== undefined && wire !== only) continue;
      if (connection.closesAt <= now) {
        this.close(wire, "token_expired", now);
        continue;
      }
      const spare = scale.window.maxExpress - wire.record.express.length;
      for (const { seq } of urgent.slice(0, Math.max(0, spare))) wire.record.awaited.add(seq);
      let { cursor } = connection;
      for (const row of urgent) {
        const ahead = rules.express(cursor, row, scale.window);
        if (ahead === undefined) continue;
        cursor = ahead;
        this.#sendText(wire, expressText(row));
      }
      const rows = cursor.sent >= firstFresh - 1 ? fresh : stored.rows;
      const pumped = rules.pump(cursor, rows, stored.head, now, scale.window);
      for (const frame of pumped.frames) this.#sendText(wire, write(frame));
      if (pumped.cursor.stalledUntil !== null) this.#world.count("stall");
      this.open.set(wire, { ...connection, cursor: pumped.cursor });
      stalledUntil = Math.min(stalledUntil, pumped.cursor.stalledUntil ?? Number.POSITIVE_INFINITY);
    }
    return stalledUntil;
  }

  live(message: AcceptedMessage, now: number): void {
    for (const [wire, { cursor, closesAt }] of this.open) {
      if (cursor.stalledUntil === null && closesAt > now) this.#sendText(wire, liveText(message));
    }
  }

  /** Closes or asks whoever a deadline has come for. */
  settleDue(now: number): void {
    for (const [wire, connection] of [...this.open]) {
      const todo = this.#world.rules.due(pulse(wire, connection), now);
      if (todo === undefined) continue;
      if ("close" in todo) {
        this.close(wire, todo.close, now);
      } else {
        this.send(wire, { type: "reauth", expires: connection.tokenExpires });
        this.open.set(wire, { ...connection, reauthAsked: true });
      }
    }
  }

  broadcast(frame: PlainFrame, now: number): void {
    for (const [wire, { closesAt }] of this.open) if (closesAt > now) this.send(wire, frame);
  }

  pulses(): readonly Pulse[] {
    return [...this.open].map(([wire, connection]) => pulse(wire, connection));
  }

  close(wire: Wire, name: CloseName, now: number): void {
    this.#world.count(`closed ${name}`);
    this.send(wire, bye(name));
    this.end(wire, now);
    wire.closeByHub(closeCodes[name], name);
  }

  closeAll(name: CloseName, now: number): void {
    for (const wire of [...this.open.keys()]) this.close(wire, name, now);
  }

  end(wire: Wire, now: number): void {
    const connection = this.open.get(wire);
    if (connection === undefined) return;
    this.open.delete(wire);
    this.#hub.stored?.devices.set(connection.device, { acked: connection.cursor.acked, seen: now });
  }

  send(wire: Wire, frame: PlainFrame): void {
    this.#sendText(wire, frameText(frame));
  }

  #sendText(wire: Wire, text: string): void {
    const frame = parseFrame(text);
    if (frame === undefined) throw new Error(`the client would not understand ${text}`);
    this.#world.note(this.#hub.user, `sends ${wire.device}`, text);
    this.#world.count(frame.type === "gap" ? `gap ${frame.reason}` : `frame ${frame.type}`);
    const connection = this.open.get(wire);
    const context = {
      hub: this.#hub,
      wire,
      connection,
      frame,
      ledger: this.#ledger,
      scale: this.#world.scale,
    };
    this.#world.check(frameInvariants, context);
    wire.record.saw(frame, this.#hub.now());
    this.#ledger.sent(this.#hub.user, wire.device, frame);
    wire.toDevice(text);
  }
}

export function bye(name: CloseName): PlainFrame {
  return { type: "bye", code: closeCodes[name], reason: name };
}

export function pulse(
  wire: Wire,
  { connected, heard, tokenExpires, closesAt: end, reauthAsked, cursor }: Connection,
): Pulse {
  const { stalledUntil } = cursor;
  return { connected, heard, pinged: wire.pinged, tokenExpires, closesAt: end, reauthAsked, stalledUntil };
}
