/** What happens in a run: pushes, members who come and go, and faults. Each with its weight. */
import { topicLimits } from "../../../../src/limits.ts";
import type { ObjectsSimulation } from "./simulation.ts";

interface WorldEvent {
  readonly weight: number;
  readonly happen: (simulation: ObjectsSimulation) => void;
}

const second = 1_000;
const minute = 60 * second;

/** How much time passes between two events. */
export const pauses = [
  { weight: 50, from: 0, to: 60 },
  { weight: 30, from: 60, to: 2 * second },
  { weight: 18, from: 2 * second, to: 20 * second },
  { weight: 2, from: 20 * second, to: 3 * minute },
  { weight: 0.2, from: 3 * minute, to: 40 * minute },
] as const;

export const events: readonly WorldEvent[] = [
  { weight: 24, happen: ({ publisher }) => publisher.publish() },
  { weight: 4, happen: ({ publisher }) => publisher.repeat() },
  { weight: 6, happen: ({ publisher }) => publisher.retract() },
  {
    weight: 12,
    happen: ({ user, topic, world }) => {
      const change = { topic, member: world.random.chance(0.7), presence: world.random.chance(0.2) };
      user.ask((object) => object.changeTopics([change], topicLimits.maxByServer)).catch(() => {});
    },
  },
  {
    weight: 6,
    happen: ({ device, topic, world }) => {
      const ref = world.fresh("ref");
      device.say(
        world.random.chance(0.7)
          ? { type: "subscribe", topic, presence: world.random.chance(0.2), ref }
          : { type: "unsubscribe", topic, ref },
      );
    },
  },
  { weight: 4, happen: ({ device }) => device.mark() },
  {
    weight: 2,
    happen: ({ user }) =>
      void user.ask((object) => object.inbox({ limit: 5, unread: false })).catch(() => {}),
  },
  {
    weight: 5,
    happen: ({ device, world }) => {
      if (device.cut({ device: true, hub: true })) world.struck("connection cut", device.name);
    },
  },
  {
    weight: 2,
    happen: ({ device, world }) => {
      const told = world.random.pick([
        { device: true, hub: false },
        { device: false, hub: true },
        { device: false, hub: false },
      ]);
      if (device.cut(told)) world.struck("connection half open", device.name);
    },
  },
  {
    weight: 2,
    happen: ({ device, world }) => {
      world.struck("device frozen", device.name);
      device.freeze(world.random.pick([second, 20 * second, 2 * minute]));
    },
  },
  {
    weight: 2,
    happen: ({ device, world }) => {
      world.struck("device crashed", device.name);
      device.crash();
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
    weight: 4,
    happen: ({ device, world }) => {
      world.struck("device was away", device.name);
      device.stop();
      world.schedule.after(world.random.between(5 * second, 20 * minute), () => device.start());
    },
  },
  { weight: 6, happen: ({ device }) => device.start() },
  {
    weight: 6,
    happen: ({ host, world }) => {
      world.struck("object crashed", host.name);
      host.crash();
    },
  },
  {
    weight: 3,
    happen: ({ host, world }) => {
      if (host.sleep()) world.struck("hub hibernated", host.name);
    },
  },
  {
    weight: 3,
    happen: ({ host, world }) => {
      world.struck("object was down", host.name);
      host.downUntil = world.now + world.random.pick([5 * second, minute, 15 * minute]);
    },
  },
  {
    weight: 0.7,
    happen: ({ user, world }) => {
      world.struck("storage lost", user.user);
      user.host.loseStorage();
    },
  },
  {
    weight: 0.7,
    happen: ({ user, world }) => {
      world.struck("user erased", user.user);
      user.ask((object) => object.erase()).catch(() => {});
    },
  },
  {
    weight: 0.7,
    happen: ({ user, world }) => {
      world.struck("connections closed", user.user);
      user.ask((object) => object.disconnect(world.random.chance(0.5))).catch(() => {});
    },
  },
  {
    weight: 1,
    happen: ({ world }) => {
      if (world.skew === 0) world.struck("clock stepped back", "world");
      world.skew = world.skew === 0 ? world.random.pick([50, 5 * second, 4 * minute]) : 0;
    },
  },
  {
    weight: 1,
    happen: ({ platform, world }) => {
      world.struck("shards changed", "world");
      platform.shardCount = world.random.between(1, 3);
    },
  },
  { weight: 3, happen: ({ platform }) => platform.queues.copyOne() },
  { weight: 1, happen: ({ platform }) => platform.queues.redrive() },
];
