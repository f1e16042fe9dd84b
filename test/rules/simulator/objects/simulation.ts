/**
 * A run of the real objects: users with devices, topics and everyone, pushes and faults in an order that the
 * seed decides, and then peace. What is a model here is the platform around them.
 */

import { inboxLimits, socketLimits } from "../../../../src/limits.ts";
import { deviceId, type Topic, topic, userId } from "../../../../src/protocol/ids.ts";
import { Device } from "../device.ts";
import { Ledger } from "../ledger.ts";
import { realRules } from "../rules.ts";
import type { Outcome } from "../simulation.ts";
import { Violation } from "../violation.ts";
import { World } from "../world.ts";
import { Book } from "./book.ts";
import { events, pauses } from "./events.ts";
import { finalInvariants } from "./final-invariants.ts";
import { inWorld, pass } from "./globals.ts";
import type { Host } from "./host.ts";
import { Platform } from "./platform.ts";
import { Publisher } from "./publisher.ts";
import { User } from "./user.ts";

const second = 1_000;
/** How long the slowest call may be under way. */
const slowestMs = 30 * second;
/** How long peace may take to bring everything to its end: longer than all attempts of a lane. */
const drainMs = 90 * 60 * second;

export class ObjectsSimulation {
  readonly world: World;
  readonly platform: Platform;
  readonly users: readonly User[];
  readonly devices: readonly Device<User>[];
  readonly topics: readonly Topic[] = [topic.parse("news"), topic.parse("team.7")];
  readonly publisher: Publisher;
  readonly book = new Book();

  constructor(seed: number) {
    const scale = { window: socketLimits, maxStored: inboxLimits.maxStored };
    this.world = new World(seed, realRules, scale);
    const { random } = this.world;
    this.platform = new Platform(this.world);
    const ledger = new Ledger();
    this.users = Array.from({ length: random.between(2, 4) }, (_, index) => {
      const name = userId.parse(`user-${index + 1}`);
      return new User(this.world, { ledger, book: this.book }, this.platform.user(name), name);
    });
    this.devices = this.users.flatMap((user) =>
      Array.from(
        { length: random.between(1, 2) },
        (_, index) => new Device(this.world, user, deviceId.parse(`${user.user}:device-${index + 1}`)),
      ),
    );
    const { platform, book, users, topics } = this;
    this.publisher = new Publisher(this.world, { platform, ledger, book, users, topics });
  }

  /** One of each. */
  get device(): Device<User> {
    return this.world.random.pick(this.devices);
  }

  get user(): User {
    return this.world.random.pick(this.users);
  }

  get topic(): Topic {
    return this.world.random.pick(this.topics);
  }

  get host(): Host {
    return this.world.random.pick(this.platform.hosts);
  }

  async run(steps: number): Promise<void> {
    const { world } = this;
    for (const device of this.devices) if (world.random.chance(0.7)) device.start();
    for (let step = 0; step < steps; step += 1) {
      world.random.weighted(events).happen(this);
      const { from, to } = world.random.weighted(pauses);
      await this.#pass(world.random.between(from, to));
    }
    await this.#drain();
    world.check(finalInvariants, this);
  }

  async #pass(ms: number): Promise<void> {
    await pass(this.world, ms, () => {
      this.world.failIfHeld();
      for (const user of this.users) user.look();
    });
  }

  /** No more faults, everybody online, until nothing moves any more. */
  async #drain(): Promise<void> {
    const { world, platform, publisher } = this;
    world.faulty = false;
    world.skew = 0;
    world.note("world", "PEACE");
    for (const host of platform.hosts) host.downUntil = 0;
    // What was under way when the faults stopped arrives first.
    await this.#pass(slowestMs);
    // So that each topic is told by who is no member any more, and does not know it.
    for (const topic of this.topics) publisher.publishPlainly({ topic });
    publisher.publishPlainly({ everyone: "all" });
    const end = world.now + drainMs;
    do {
      platform.queues.redrive();
      for (const device of this.devices) device.start();
      await this.#pass(5 * second);
    } while (world.now < end && !this.#isQuiet());
  }

  #isQuiet(): boolean {
    return (
      this.publisher.waiting === 0 && finalInvariants.every((invariant) => invariant(this) === undefined)
    );
  }
}

/** The same seed gives the same run. */
export async function simulateObjects(seed: number, steps = 64): Promise<Outcome> {
  const simulation = new ObjectsSimulation(seed);
  const { world } = simulation;
  let violation: Violation | undefined;
  try {
    await inWorld(world, () => simulation.run(steps));
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    violation = error instanceof Violation ? error : new Violation("noRuleThrows", detail);
  }
  return { seed, counts: world.counts, violation, trace: violation === undefined ? "" : world.trace.text() };
}
