/**
 * One connection between a device and the object of its user: texts in order, each way with its delay,
 * until either side closes it or the network cuts it. What was under way at a cut is lost from some frame on.
 */

import type { Resume } from "../../../src/hub/stream.ts";
import { pingText, pongText } from "../../../src/protocol/frames.ts";
import type { DeviceId } from "../../../src/protocol/ids.ts";
import { WireRecord } from "./wire-record.ts";
import type { World } from "./world.ts";

export interface Ends {
  readonly toDevice: (text: string) => void;
  readonly deviceLost: (code: number, reason: string) => void;
  readonly toHub: (text: string) => void;
  readonly hubLost: () => void;
}

/** One way of a connection: what is under way, in order. */
class Way {
  readonly #world: World;
  #underWay: (() => void)[] = [];
  #lastAt = 0;
  open = true;

  constructor(world: World) {
    this.#world = world;
  }

  push(arrive: () => void): void {
    if (!this.open) return;
    this.#underWay.push(arrive);
    this.#lastAt = Math.max(this.#lastAt, this.#world.now + this.#world.random.int(30));
    this.#world.schedule.at(this.#lastAt, () => this.#underWay.shift()?.());
  }

  /** Loses what is under way, from a random frame on, and everything after it. */
  cut(afterwards: (() => void) | undefined): void {
    this.#underWay = this.#underWay.slice(0, this.#world.random.int(this.#underWay.length + 1));
    if (afterwards !== undefined) this.push(afterwards);
    this.open = false;
  }
}

export class Wire {
  readonly device: DeviceId;
  readonly record: WireRecord;
  /** When the runtime last answered a ping. Its clock is not the object's, and keeps going right. */
  pinged: number | null = null;
  readonly #world: World;
  readonly #ends: Ends;
  readonly #down: Way;
  readonly #up: Way;

  constructor(world: World, device: DeviceId, resume: Resume | undefined, ends: Ends) {
    this.#world = world;
    this.device = device;
    this.record = new WireRecord(resume);
    this.#ends = ends;
    this.#down = new Way(world);
    this.#up = new Way(world);
  }

  toDevice(text: string): void {
    this.#down.push(() => this.#ends.toDevice(text));
  }

  toHub(text: string): void {
    this.#up.push(() => {
      // The runtime answers without waking the object.
      if (text === pingText) {
        this.pinged = Math.floor(this.#world.now);
        this.toDevice(pongText);
      } else {
        this.#ends.toHub(text);
      }
    });
  }

  closeByHub(code: number, reason: string): void {
    this.#down.push(() => this.#ends.deviceLost(code, reason));
    this.#down.open = false;
    this.#up.cut(undefined);
  }

  closeByDevice(): void {
    this.#up.push(() => this.#ends.hubLost());
    this.#up.open = false;
    this.#down.cut(undefined);
  }

  /** @param tell which ends learn of it; a half-open connection looks alive to the other one */
  cut(tell: { readonly device: boolean; readonly hub: boolean }): void {
    this.#down.cut(tell.device ? () => this.#ends.deviceLost(1006, "") : undefined);
    this.#up.cut(tell.hub ? () => this.#ends.hubLost() : undefined);
  }
}
