/**
 * A user: the object as its devices and its applications reach it, and what an onlooker saw of it, who looks at
 * its storage after every event and at every frame that leaves.
 */
import { z } from "zod";
import { parseFrame } from "../../../../src/client/parse-frame.ts";
import { toObject } from "../../../../src/hub/connect-request.ts";
import type { UserHub } from "../../../../src/hub/user-hub.ts";
import { messageId, type Topic, type UserId } from "../../../../src/protocol/ids.ts";
import type { Seq } from "../../../../src/protocol/seq.ts";
import { standIn } from "../../../support/sqlite-state.ts";
import type { Reached } from "../device.ts";
import { frameInvariants, type Sender, type Sending } from "../frame-invariants.ts";
import type { Ledger } from "../ledger.ts";
import type { Marked, Row } from "../stored.ts";
import { StreamRecord } from "../stream-record.ts";
import type { Token } from "../token.ts";
import type { Wire } from "../wire.ts";
import type { World } from "../world.ts";
import type { Book } from "./book.ts";
import type { Host } from "./host.ts";
import type { ServerSocket } from "./server-socket.ts";
import { lasting, type Spell, spell } from "./spell.ts";
import { allGranted } from "./token-facts.ts";
import { userInvariants } from "./user-invariants.ts";
import { clockOf, metaOf, readUser, rowOf, type UserStorage } from "./user-storage.ts";

const attached = z.object({ lease: z.object({ shards: z.number(), at: z.number() }).optional() }).nullable();
const acked = z.object({ type: z.literal("ack"), epoch: z.string(), seq: z.number() });

export class User implements Reached, Sender {
  readonly user: UserId;
  readonly host: Host<UserHub>;
  readonly record = new StreamRecord();
  readonly betrayed = undefined;
  /** As of the last look; `undefined` while there is nothing. */
  stored: UserStorage | undefined;
  /** Every message that was ever committed in this storage. */
  readonly taken = new Set<string>();
  /** Since the storage was last lost or erased, and since the user was last erased. */
  storageSpell = spell();
  accountSpell = spell();
  /** While a connection is open and the user is registered for it, under the same number of shards. */
  onlineSpell: Spell | undefined;
  #shards: number | undefined;
  /** While the user is a member, from when the topic knew that. */
  readonly memberSpells = new Map<Topic, Spell | undefined>();
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #book: Book;
  readonly #sockets = new Map<Wire, ServerSocket>();

  constructor(
    world: World,
    { ledger, book }: { ledger: Ledger; book: Book },
    host: Host<UserHub>,
    user: UserId,
  ) {
    this.#world = world;
    this.#ledger = ledger;
    this.#book = book;
    this.host = host;
    this.user = user;
  }

  now(): number {
    return Math.max(this.#world.wall(), clockOf(this.host.storage));
  }

  row(seq: Seq): Row | undefined {
    return rowOf(this.host.storage, seq);
  }

  get revokedBefore(): number {
    return metaOf(this.host.storage)?.revokedBefore ?? 0;
  }

  connect(wire: Wire, { issued, expires }: Token): void {
    const { resume } = wire.record;
    const request = toObject({
      device: wire.device,
      ...(resume === undefined ? {} : { resume }),
      token: { issued, expires, id: "any", singleUse: false },
      grants: allGranted,
      subprotocol: false,
    });
    this.ask(async (object) => standIn(await object.fetch(request))).then(
      ({ peer }: { peer: ServerSocket }) => {
        this.#sockets.set(wire, peer);
        peer.join({ wire, sends: (text) => this.#sends(wire, peer, text) });
      },
      () => wire.cut({ device: true, hub: false }),
    );
  }

  frame(wire: Wire, text: string): void {
    const socket = this.#sockets.get(wire);
    if (socket?.readyState !== WebSocket.OPEN) return;
    this.#world.note(this.user, "hears", text);
    const ack = acked.safeParse(JSON.parse(text)).data;
    if (ack !== undefined && ack.epoch === this.record.epoch) wire.record.acknowledged(ack.seq);
    this.#tell((object) => object.webSocketMessage(asWebSocket(socket), text));
  }

  lost(wire: Wire): void {
    const socket = this.#sockets.get(wire);
    this.#sockets.delete(wire);
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.readyState = WebSocket.CLOSING;
    this.#tell((object) => object.webSocketClose(asWebSocket(socket), 1006, ""));
  }

  read(marked: Marked): void {
    const request = "ids" in marked ? { ids: marked.ids.map((id) => messageId.parse(id)) } : marked;
    this.#tell((object) => object.read(request));
  }

  /** A call of an application, without faults on the way. */
  async ask<Answer>(call: (object: UserHub) => Promise<Answer>): Promise<Answer> {
    if (this.host.downUntil > this.#world.now) throw new Error("unreachable");
    return this.host.call(call);
  }

  /** After an event. */
  look(): void {
    const { storage } = this.host;
    this.#lookAtConnections();
    if (!storage.changed) return;
    storage.changed = false;
    const before = this.stored;
    const stored = readUser(storage);
    this.stored = stored;
    const anew = before !== undefined && before.epoch !== stored?.epoch;
    if (anew) this.#beginAnew();
    if (anew && (stored?.erasedAt ?? 0) > before.erasedAt) {
      this.accountSpell.endedAt = this.#world.now;
      this.accountSpell = spell();
    }
    if (stored !== undefined && stored.epoch !== this.record.epoch) this.record.restart(stored);
    this.#world.check(userInvariants, { user: this, before: anew ? undefined : before, book: this.#book });
    for (const { id } of stored?.rows ?? []) this.taken.add(id);
    const topics = new Map(stored?.topics.map((one) => [one.topic, one]));
    for (const topic of new Set([...topics.keys(), ...this.memberSpells.keys()])) {
      const known = this.memberSpells.get(topic);
      const { member, pending } = topics.get(topic) ?? { member: 0, pending: 0 };
      const holds = member === 1 && (known !== undefined || pending === 0);
      this.memberSpells.set(topic, lasting(known, holds, this.#world.now));
    }
  }

  #beginAnew(): void {
    this.storageSpell.endedAt = this.#world.now;
    this.storageSpell = spell();
    this.taken.clear();
  }

  #lookAtConnections(): void {
    const open = this.host.openSockets().filter(({ readyState }) => readyState === WebSocket.OPEN);
    const leases = open.flatMap((socket) => attached.parse(socket.attached)?.lease ?? []);
    const shards = leases.toSorted((a, b) => b.at - a.at)[0]?.shards;
    // Who is moved to other shards while a message goes round may be missed by it, if that is only for who is online.
    if (shards !== undefined && shards !== this.#shards) {
      this.onlineSpell = lasting(this.onlineSpell, false, this.#world.now);
      this.#shards = shards;
    }
    const holds = open.length > 0 && (this.onlineSpell !== undefined || shards !== undefined);
    this.onlineSpell = lasting(this.onlineSpell, holds, this.#world.now);
  }

  #tell(call: (object: UserHub) => Promise<unknown>): void {
    this.ask(call).catch(() => {});
  }

  #sends(wire: Wire, socket: ServerSocket, text: string): void {
    const frame = parseFrame(text);
    // Answers to what the client machine has no part in.
    if (frame === undefined) return;
    this.#world.note(this.user, `sends ${wire.device}`, text);
    this.#world.count(frame.type === "gap" ? `gap ${frame.reason}` : `frame ${frame.type}`);
    const connection: Sending["connection"] = standIn({ value: socket.attached }).value ?? undefined;
    const { scale } = this.#world;
    const sending = { hub: this, wire, connection, frame, ledger: this.#ledger, scale };
    // In the midst of the object's work, which contains what is thrown.
    this.#world.hold(() => this.#world.check(frameInvariants, sending));
    wire.record.saw(frame, this.now());
    this.#ledger.sent(this.user, wire.device, frame);
    wire.toDevice(text);
  }
}

function asWebSocket(socket: ServerSocket): WebSocket {
  return standIn({ socket }).socket;
}
