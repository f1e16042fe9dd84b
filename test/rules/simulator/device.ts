/**
 * A device: the real client machine in a shell whose network, handler and storage are simulated. It may
 * crash at any point, and then only what was saved is left.
 */

import {
  type ClientEvent,
  type ClientState,
  deadline,
  type Effect,
  initialState,
} from "../../../src/client/machine.ts";
import { parseFrame } from "../../../src/client/parse-frame.ts";
import type { Saved } from "../../../src/client/storage.ts";
import type { Resume } from "../../../src/hub/stream.ts";
import type { SentFrame } from "../../../src/protocol/client-frames.ts";
import { type LiveMessage, pongText } from "../../../src/protocol/frames.ts";
import type { DeviceId, UserId } from "../../../src/protocol/ids.ts";
import { DeviceRecord, isOwn } from "./device-record.ts";
import type { ModelHub } from "./hub.ts";
import { deviceInvariants, handlerInvariants } from "./invariants.ts";
import type { Marked } from "./stored.ts";
import type { StreamRecord } from "./stream-record.ts";
import { type Token, writeToken } from "./token.ts";
import { Unreachable } from "./unreachable.ts";
import { Wire } from "./wire.ts";
import type { World } from "./world.ts";

/** The object of the device's user, as the device can reach it. */
export interface Reached {
  readonly user: UserId;
  readonly record: Pick<StreamRecord, "idOf">;
  /** Storage went back, and this many numbers are known outside: the next to connect must be one who knows. */
  readonly betrayed: Resume | undefined;
  connect(wire: Wire, token: Token): void;
  frame(wire: Wire, text: string): void;
  /** The end of a connection that the hub did not close itself. */
  lost(wire: Wire): void;
  /** Over HTTP. */
  read(marked: Marked): void;
}

export class Device<Hub extends Reached = ModelHub> {
  readonly user: UserId;
  readonly name: DeviceId;
  readonly hub: Hub;
  readonly record = new DeviceRecord();
  /** Absent while the app is not running. */
  state: ClientState | undefined;
  durable: Saved | undefined;
  readonly #world: World;
  #wire: Wire | undefined;
  /** Rises with every run of the app and every connection: what belongs to an earlier one is not told any more. */
  #run = 0;
  #connection = 0;
  #frozenUntil = 0;
  #timerAt = Number.POSITIVE_INFINITY;
  /** What waits for the device to wake up. */
  #asleep: (() => void)[] = [];

  constructor(world: World, hub: Hub, name: DeviceId) {
    this.#world = world;
    this.hub = hub;
    this.user = hub.user;
    this.name = name;
  }

  get running(): boolean {
    return this.state !== undefined && this.state.link.phase !== "stopped";
  }

  start(): void {
    if (this.state === undefined) {
      this.#run += 1;
      this.state = initialState(this.durable);
    }
    if (!this.running) this.#tell({ type: "start" });
  }

  stop(): void {
    if (this.state !== undefined) this.#tell({ type: "stop" });
  }

  /** The app dies; the network finds out, or does not. */
  crash(): void {
    if (this.state === undefined) return;
    this.record.crashed(this.durable);
    this.state = undefined;
    this.#run += 1;
    this.#connection += 1;
    this.#wire?.cut({ device: false, hub: this.#world.random.chance(0.7) });
    this.#wire = undefined;
    this.#asleep = [];
    this.#frozenUntil = 0;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  loseStorage(): void {
    this.durable = undefined;
    this.record.forgot();
  }

  /** The app marks as read what it has shown, over HTTP: the last few, or everything up to a number. */
  mark(): void {
    const { random } = this.#world;
    const all = random.chance(0.5);
    const upTo = random.int((this.state?.saved.cursor ?? 0) + 1);
    const ids = [...this.record.times.keys()].slice(-random.between(1, 3));
    if (this.state === undefined) return;
    try {
      this.hub.read(all ? { upTo } : { ids });
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
  }

  /** Nothing happens on the device for a while: a sleeping laptop. */
  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#world.now + ms);
  }

  cut(tell: { readonly device: boolean; readonly hub: boolean }): boolean {
    this.#wire?.cut(tell);
    return this.#wire !== undefined;
  }

  /** Says something that the client machine has no part in. */
  say(frame: SentFrame): void {
    if (this.state?.link.phase === "live") this.#wire?.toHub(JSON.stringify(frame));
  }

  #later(ms: number, work: () => void): void {
    const run = this.#run;
    this.#world.schedule.after(ms, () => this.#awake(run, work));
  }

  /** Acknowledges once more what was acknowledged long ago. */
  repeatAck(): void {
    if (this.state?.link.phase !== "live") return;
    const { epoch, cursor } = this.state.saved;
    this.#wire?.toHub(JSON.stringify({ type: "ack", epoch, seq: this.#world.random.int(cursor + 1) }));
  }

  /** Does it as soon as the device is awake, in order, unless the app died meanwhile. */
  #awake(run: number, work: () => void): void {
    if (run !== this.#run) return;
    if (this.#frozenUntil <= this.#world.now && this.#asleep.length === 0) {
      work();
      return;
    }
    this.#asleep.push(work);
    if (this.#asleep.length === 1) this.#world.schedule.at(this.#frozenUntil, () => this.#wakeUp(run));
  }

  #wakeUp(run: number): void {
    if (run !== this.#run) return;
    if (this.#frozenUntil > this.#world.now) {
      this.#world.schedule.at(this.#frozenUntil, () => this.#wakeUp(run));
      return;
    }
    const waiting = this.#asleep;
    this.#asleep = [];
    for (const work of waiting) if (run === this.#run) work();
  }

  #tell(event: ClientEvent): void {
    if (this.state === undefined) return;
    const before = this.state;
    const { state, effects } = this.#world.rules.step(
      before,
      event,
      this.#world.now,
      this.#world.random.next(),
    );
    this.state = state;
    this.#world.check(deviceInvariants, { device: this, before, effects });
    for (const effect of effects) this.#perform(effect);
    this.#setTimer();
  }

  #setTimer(): void {
    const at = this.state === undefined ? Number.POSITIVE_INFINITY : deadline(this.state);
    if (at === this.#timerAt || at === Number.POSITIVE_INFINITY) return;
    this.#timerAt = at;
    const run = this.#run;
    this.#world.schedule.at(at, () => {
      if (run === this.#run && this.#timerAt === at) {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.#awake(run, () => this.#tell({ type: "tick" }));
      }
    });
  }

  #perform(effect: Effect): void {
    const world = this.#world;
    switch (effect.type) {
      case "open":
        this.#open(effect.resume);
        return;
      case "send":
        this.#wire?.toHub(typeof effect.frame === "string" ? effect.frame : JSON.stringify(effect.frame));
        return;
      case "close":
        this.#connection += 1;
        this.#wire?.closeByDevice();
        this.#wire = undefined;
        return;
      case "refresh":
        this.#later(world.random.int(100), () =>
          this.#tell({ type: "token", token: writeToken(this.#token()) }),
        );
        return;
      case "handle":
        this.#handle(effect.message);
        return;
      case "save":
        this.#save(effect.saved);
        return;
      case "gap":
        this.record.gap(this.state?.saved.epoch ?? "", effect.gap);
        return;
      case "fault":
        if (effect.fault.kind === "handler") this.record.passedOver.add(effect.fault.message.id);
        if (effect.fault.kind === "hub") throw new Error(`the hub complains: ${effect.fault.code}`);
        return;
      case "status":
      case "state":
      case "discontinuity":
        world.note(this.name, effect.type, effect);
    }
  }

  #token() {
    const issued = this.#world.wall() + 1;
    return {
      user: this.user,
      issued,
      expires: issued + this.#world.random.pick([45_000, 150_000, 3_600_000]),
    };
  }

  #open(resume: Resume | undefined): void {
    this.#connection += 1;
    const connection = this.#connection;
    const current = () => connection === this.#connection;
    const run = this.#run;
    const told = (work: () => void) => this.#awake(run, () => current() && work());
    this.#later(this.#world.random.int(60), () => {
      if (!current()) return;
      const { betrayed } = this.hub;
      const witness =
        betrayed === undefined || (resume?.epoch === betrayed.epoch && resume.seq >= betrayed.seq);
      if (!witness || this.#world.strikes("connect refused", this.name, 0.05)) {
        return this.#tell({ type: "closed", code: 1006, reason: "" });
      }
      const wire = new Wire(this.#world, this.name, resume, {
        toDevice: (text) =>
          told(() => {
            // As parseFrame would say, at the price of an exception for each of many thousand pongs.
            const frame = text === pongText ? undefined : parseFrame(text);
            this.#tell(frame === undefined ? { type: "heard" } : { type: "frame", frame });
          }),
        deviceLost: (code, reason) => told(() => this.#tell({ type: "closed", code, reason })),
        toHub: (text) => this.hub.frame(wire, text),
        hubLost: () => this.hub.lost(wire),
      });
      this.#wire = wire;
      this.hub.connect(wire, this.#token());
    });
  }

  #handle(message: LiveMessage): void {
    const world = this.#world;
    const slow = world.strikes("handler slow", this.name, 0.02);
    this.#later(slow ? world.random.between(1_000, 100_000) : world.random.int(5), () => {
      // What is the hub's own comes to no handler.
      const ok = isOwn(message) || !world.strikes("handler threw", this.name, 0.04);
      if (ok) {
        world.note(this.name, "handled", message.id);
        this.record.handled(message, this.name);
        world.check(handlerInvariants, { device: this, id: message.id });
      }
      this.#tell({ type: "handled", ok });
    });
  }

  #save(saved: Saved): void {
    this.#later(this.#world.random.int(5), () => {
      const ok = !this.#world.strikes("save failed", this.name, 0.02);
      if (ok) this.durable = saved;
      this.#tell({ type: "saved", ok });
    });
  }
}
