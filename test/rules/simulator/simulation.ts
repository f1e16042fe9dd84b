/** A run: a few users with a few devices each, pushes and faults in an order that the seed decides, and then peace. */
import { deviceId, type UserId, userId } from "../../../src/protocol/ids.ts";
import { Device } from "./device.ts";
import { events, pauses } from "./events.ts";
import { ModelHub } from "./hub.ts";
import { finalInvariants, stepInvariants } from "./invariants.ts";
import { type Deliver, ModelLanes } from "./lanes.ts";
import { Ledger } from "./ledger.ts";
import { Publisher } from "./publisher.ts";
import { type Rules, realRules } from "./rules.ts";
import type { Stored } from "./stored.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

const second = 1_000;
const minute = 60 * second;
/** How long peace may take to bring everything to its end: longer than all attempts of a lane. */
const drainMs = 60 * minute;

export class Simulation {
  readonly world: World;
  readonly hubs: readonly ModelHub[];
  readonly devices: readonly Device[];
  readonly lanes: ModelLanes;
  readonly publisher: Publisher;
  readonly ledger = new Ledger();
  readonly #memories = new Map<ModelHub, Stored>();

  constructor(seed: number, rules: Rules) {
    this.world = new World(seed, rules);
    const { random } = this.world;
    const users = Array.from({ length: random.between(1, 2) }, (_, index) =>
      userId.parse(`user-${index + 1}`),
    );
    this.hubs = users.map((user) => new ModelHub(this.world, this.ledger, user));
    this.devices = this.hubs.flatMap((hub) =>
      Array.from(
        { length: random.between(1, 3) },
        (_, index) => new Device(this.world, hub, deviceId.parse(`${hub.user}:device-${index + 1}`)),
      ),
    );
    const hubOf = new Map<UserId, ModelHub>(this.hubs.map((hub) => [hub.user, hub]));
    const deliver: Deliver = (user, messages) => {
      const hub = hubOf.get(user);
      if (hub === undefined) throw new Error(`${user} is nobody`);
      return hub.deliver(messages);
    };
    this.lanes = new ModelLanes(this.world, this.ledger, deliver);
    this.publisher = new Publisher(this.world, this.ledger, this.lanes, deliver, users);
  }

  /** One of the devices, one of the hubs. */
  get device(): Device {
    return this.world.random.pick(this.devices);
  }

  get hub(): ModelHub {
    return this.world.random.pick(this.hubs);
  }

  run(steps: number): void {
    const { world } = this;
    // A device may come late, or only in the end.
    for (const device of this.devices) if (world.random.chance(0.7)) device.start();
    for (let step = 0; step < steps; step += 1) {
      world.random.weighted(events).happen(this);
      const { from, to } = world.random.weighted(pauses);
      this.#pass(world.random.between(from, to));
    }
    this.#drain();
    world.check(finalInvariants, this);
  }

  /** Keeps the storage of a hub as it is, for {@link goBack}. */
  remember(): void {
    const { hub } = this;
    if (hub.stored !== undefined) this.#memories.set(hub, hub.stored.copy());
  }

  /** Storage as it was, where some device can prove it: what no device noticed, nobody could. */
  goBack(): void {
    const { hub } = this;
    const memory = this.#memories.get(hub);
    if (memory === undefined || memory.epoch !== hub.stored?.epoch) return;
    if (!this.#hasWitness(hub, memory)) return;
    this.world.struck("storage went back", hub.user);
    hub.goBack(memory, { epoch: memory.epoch, seq: memory.head + 1 });
  }

  /** Everybody goes home for long. */
  sleep(ms: number): void {
    for (const device of this.devices) device.crash();
    this.world.note("world", `sleeps ${ms}`);
    this.#pass(ms);
    for (const device of this.devices) device.start();
  }

  #pass(ms: number): void {
    const { world } = this;
    world.schedule.runUntil(world.now + ms, () => world.check(stepInvariants, this));
    for (const hub of this.hubs) {
      // Nobody is left who knows of the lost numbers: whoever restored the storage has to say so.
      if (hub.betrayed !== undefined && hub.stored !== undefined && !this.#hasWitness(hub, hub.stored))
        hub.renewEpoch();
    }
  }

  #hasWitness(hub: ModelHub, { epoch, head }: Stored): boolean {
    return this.devices.some((device) => {
      const saved = device.state?.saved ?? device.durable;
      return device.hub === hub && saved?.epoch === epoch && saved.cursor > head;
    });
  }

  /** No more faults, everybody online, until nothing moves any more. */
  #drain(): void {
    const { world } = this;
    world.faulty = false;
    world.skew = 0;
    world.note("world", "PEACE");
    for (const hub of this.hubs) hub.downUntil = 0;
    const end = world.now + drainMs;
    do {
      for (const device of this.devices) device.start();
      this.#pass(5 * second);
    } while (world.now < end && !this.#isQuiet());
  }

  #isQuiet(): boolean {
    return (
      this.publisher.waiting === 0 && finalInvariants.every((invariant) => invariant(this) === undefined)
    );
  }
}

export interface Outcome {
  readonly seed: number;
  readonly counts: ReadonlyMap<string, number>;
  /** What went wrong first. */
  readonly violation: Violation | undefined;
  /** The last events. */
  readonly trace: string;
}

/** The same seed and rules give the same run. */
export function simulate(seed: number, rules: Rules = realRules, steps = 64): Outcome {
  const simulation = new Simulation(seed, rules);
  const { world } = simulation;
  let violation: Violation | undefined;
  try {
    simulation.run(steps);
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    violation = error instanceof Violation ? error : new Violation("noRuleThrows", detail);
  }
  return { seed, counts: world.counts, violation, trace: violation === undefined ? "" : world.trace.text() };
}
