/** What the world does to the hub in a run: pushes, and faults. Each with its weight. */
import type { Simulation } from "./simulation.ts";

interface WorldEvent {
  readonly weight: number;
  readonly happen: (simulation: Simulation) => void;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** How much time passes between two events. */
export const pauses = [
  { weight: 45, from: 0, to: 30 },
  { weight: 30, from: 30, to: second },
  { weight: 18, from: second, to: 20 * second },
  { weight: 6, from: 20 * second, to: 3 * minute },
  { weight: 0.4, from: 3 * minute, to: 45 * minute },
] as const;

const noneTold = { device: false, hub: false };

export const events: readonly WorldEvent[] = [
  { weight: 30, happen: ({ publisher }) => publisher.publish(1) },
  { weight: 6, happen: ({ publisher, world }) => publisher.publish(world.random.between(3, 12)) },
  { weight: 3, happen: ({ publisher }) => publisher.publish(1, true) },
  { weight: 5, happen: ({ publisher }) => publisher.repeat() },
  { weight: 2, happen: ({ publisher }) => publisher.reuse() },
  { weight: 4, happen: ({ device }) => device.mark() },
  {
    weight: 6,
    happen: ({ device, world }) => {
      if (device.cut({ device: true, hub: true })) world.struck("connection cut", device.name);
    },
  },
  {
    weight: 3,
    happen: ({ device, world }) => {
      const told = world.random.pick([{ device: true, hub: false }, { device: false, hub: true }, noneTold]);
      if (device.cut(told)) {
        world.struck("connection half open", device.name);
      }
    },
  },
  {
    weight: 3,
    happen: ({ device, world }) => {
      world.struck("device frozen", device.name);
      device.freeze(world.random.pick([second, 20 * second, 2 * minute, 6 * minute]));
    },
  },
  {
    weight: 3,
    happen: ({ device, world }) => {
      world.struck("device crashed", device.name);
      device.crash();
    },
  },
  {
    weight: 4,
    happen: ({ devices, world }) => {
      const saving = devices.find(({ state }) => state?.job?.stage === "save");
      if (saving === undefined) return;
      world.struck("device crashed between handler and save", saving.name);
      saving.crash();
    },
  },
  {
    weight: 3,
    happen: ({ devices, world }) => {
      const owing = devices.find(
        ({ state }) => state?.link.phase === "live" && state.link.ackAt !== undefined,
      );
      if (owing === undefined) return;
      world.struck("device crashed between save and ack", owing.name);
      owing.crash();
    },
  },
  {
    weight: 1,
    happen: ({ device, world }) => {
      world.struck("device lost its storage", device.name);
      device.crash();
      device.loseStorage();
    },
  },
  {
    weight: 2,
    happen: ({ device, world }) => {
      world.struck("device was away", device.name);
      device.stop();
      world.schedule.after(world.random.between(minute, 2 * hour), () => device.start());
    },
  },
  { weight: 8, happen: ({ device }) => device.start() },
  { weight: 2, happen: ({ device }) => device.repeatAck() },
  {
    weight: 3,
    happen: ({ hub, world }) => {
      world.struck("hub crashed", hub.user);
      hub.crash();
    },
  },
  {
    weight: 3,
    happen: ({ hub, world }) => {
      world.struck("hub hibernated", hub.user);
      hub.hibernate();
    },
  },
  {
    weight: 1.5,
    happen: ({ hub, world }) => {
      world.struck("hub unreachable", hub.user);
      hub.downUntil = world.now + world.random.pick([5 * second, minute, 20 * minute]);
    },
  },
  {
    weight: 0.5,
    happen: ({ hub, world }) => {
      world.struck("storage lost", hub.user);
      hub.loseStorage();
    },
  },
  { weight: 3, happen: (simulation) => simulation.remember() },
  { weight: 1.5, happen: (simulation) => simulation.goBack() },
  {
    weight: 1,
    happen: ({ world }) => {
      if (world.skew === 0) world.struck("clock stepped back", "world");
      world.skew = world.skew === 0 ? world.random.pick([50, 5 * second, 4 * minute]) : 0;
    },
  },
  {
    weight: 0.7,
    happen: ({ hub, world }) => {
      world.struck("user erased", hub.user);
      hub.erase();
    },
  },
  {
    weight: 0.7,
    happen: ({ hub, world }) => {
      world.struck("user revoked", hub.user);
      hub.disconnect(true);
    },
  },
  {
    weight: 0.7,
    happen: ({ hub, world }) => {
      world.struck("connections closed", hub.user);
      hub.disconnect(false);
    },
  },
  { weight: 3, happen: ({ lanes }) => lanes.copyOne() },
  { weight: 3, happen: ({ lanes }) => lanes.dead.redriveOne() },
  {
    weight: 0.3,
    happen: (simulation) =>
      simulation.sleep(simulation.world.random.pick([2 * hour, day, 8 * day, 33 * day])),
  },
];
