/**
 * 20,000 users, the real consumer and the real objects of topics and of everyone, with faults wherever one
 * can strike: whoever was there all along gets the message, once, and nobody is skipped.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { consume } from "../../../src/lanes/consume.ts";
import type { Crowds } from "../../../src/lanes/crowds.ts";
import type { Job } from "../../../src/lanes/job.ts";
import type { UserId } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage, Crowd } from "../../../src/protocol/message.ts";
import { aMessage, manyUsers } from "../../support/lanes.ts";
import { advancesFirst, claimsAnew } from "./planted-consumer.ts";
import { type Consumer, FanOutWorld, type ModelUser, news } from "./world.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  },
}));

vi.setConfig({ testTimeout: 60_000 });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  for (const level of ["info", "warn", "error"] as const) vi.spyOn(console, level).mockReturnValue();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** So long that a step sends it to a thousand users: then there are many steps. */
const message = aMessage(1, { body: JSON.stringify("x".repeat(20_000)) });
const toAll: Crowd = { everyone: "all" };
const toOnline: Crowd = { everyone: "online" };
const toNews: Crowd = { topic: news };

/** How often each of the users got the message; empty where each got it as often as that. */
function otherThan(times: number, users: Iterable<ModelUser>, { id }: AcceptedMessage = message): UserId[] {
  const got = ({ stream }: ModelUser) => stream.filter((one) => one === id).length;
  return [...users].filter((user) => got(user) !== times).map((user) => user.id);
}

/** Users in three parts: there from the beginning to the end; coming or going meanwhile; away. */
function parts(world: FanOutWorld, steady: number, moving: number) {
  const all = [...world.users.values()];
  return {
    steady: all.slice(0, steady),
    moving: all.slice(steady, steady + moving),
    away: all.slice(steady + moving),
  };
}

/** Every fault that these have in common struck, so that what follows means something. */
function expectFaults({ chance }: FanOutWorld, ...more: string[]): void {
  expect([...chance.struck.keys()]).toEqual(
    expect.arrayContaining([
      "page: lost on the way",
      "page: answer lost",
      "send: lost on the way",
      "send: answer lost",
      "user's object: lost on the way",
      "user's object: answer lost",
      "user's object overloaded",
      "queue made a copy",
      "consumer died before its acks arrived",
      "object restarted",
      ...more,
    ]),
  );
}

describe.each([1, 2])("20,000 users online in 16 shards, with faults (seed %i)", (seed) => {
  test("each get what is for all exactly once, those who come meanwhile too, and who is away when they come", async () => {
    const world = new FanOutWorld(seed, manyUsers(21_500));
    const { steady, moving, away } = parts(world, 20_000, 1_000);
    for (const user of steady) await world.connect(user);

    await world.publish(message, toAll);
    const coming = moving.values();
    for (let rounds = 0; rounds < 60; rounds += 1) {
      await world.round(async () => {
        for (let count = 0; count < 20; count += 1) {
          const { value: user } = coming.next();
          if (user === undefined) return;
          await world.connect(user);
          // Some only look in; of these some die without a word.
          if (world.random.chance(0.3)) await world.disconnect(user, world.random.chance(0.5));
        }
      });
    }
    expectFaults(world);
    await world.settle();

    expect(otherThan(1, steady)).toEqual([]);
    expect(otherThan(0, away)).toEqual([]);
    for (const user of [...moving, ...away]) await world.connect(user);
    expect(otherThan(1, world.users.values())).toEqual([]);
  });

  test("each get what is for who is online exactly once, and nobody else does", async () => {
    const world = new FanOutWorld(seed, manyUsers(21_000));
    const { steady, moving, away } = parts(world, 20_000, 500);
    for (const user of [...steady, ...moving]) await world.connect(user);

    await world.publish(message, toOnline);
    const going = moving.values();
    for (let rounds = 0; rounds < 60; rounds += 1) {
      await world.round(async () => {
        for (let count = 0; count < 10; count += 1) {
          const { value: user } = going.next();
          if (user !== undefined) await world.disconnect(user, world.random.chance(0.5));
        }
      });
    }
    expectFaults(world);
    await world.settle();

    expect(otherThan(1, steady)).toEqual([]);
    for (const user of [...moving, ...away]) await world.connect(user);
    expect(otherThan(0, away)).toEqual([]);
    for (const { stream } of moving) expect(stream.length).toBeLessThanOrEqual(1);
  });

  test("each get it exactly once while their shards become 32", async () => {
    const world = new FanOutWorld(seed, manyUsers(20_000));
    const { steady } = parts(world, 20_000, 0);
    for (const user of steady) await world.connect(user);

    const both = [message, aMessage(2)];
    await world.publish(message, toAll);
    while (otherThan(1, steady).length > 15_000) await world.round();
    expect(otherThan(1, steady).length).toBeGreaterThan(5_000);
    world.shards = 32;
    // Those who connect anew come into the new shards, others are moved there when traffic renews their lease.
    const moving = steady.filter(() => world.random.chance(0.3)).values();
    for (let rounds = 0; rounds < 60; rounds += 1) {
      if (rounds === 20) await world.publish(aMessage(2), toAll);
      await world.round(async () => {
        for (let count = 0; count < 150; count += 1) {
          const { value: user } = moving.next();
          if (user === undefined) return;
          await world.disconnect(user, world.random.chance(0.5));
          await world.connect(user);
        }
      });
    }
    expectFaults(world);
    await world.settle();

    for (const each of both) expect(otherThan(1, steady, each)).toEqual([]);
  });
});

describe.each([1, 2])("a topic with 20,000 members, with faults (seed %i)", (seed) => {
  test("reaches who is a member all along exactly once, and who joins or leaves meanwhile at most once", async () => {
    const world = new FanOutWorld(seed, manyUsers(21_500));
    const { steady, moving, away } = parts(world, 20_000, 1_000);
    const joining = moving.slice(500);
    const leaving = moving.slice(0, 500);
    await world.setMembers([...steady, ...leaving], true);

    // Several, since the pages of one follow one another: so every fault finds a step to strike.
    const several = Array.from({ length: 8 }, (_, number) => ({ ...message, id: aMessage(number).id }));
    for (const one of several) await world.publish(one, toNews);
    for (let rounds = 0; rounds < 50; rounds += 1) {
      await world.round(async () => {
        await world.setMembers(leaving.slice(rounds * 10, (rounds + 1) * 10), false);
        await world.setMembers(joining.slice(rounds * 10, (rounds + 1) * 10), true);
      });
    }
    expectFaults(world);
    await world.settle();

    for (const one of several) {
      expect(otherThan(1, steady, one)).toEqual([]);
      expect(otherThan(0, away, one)).toEqual([]);
    }
    for (const { stream } of moving) expect(new Set(stream).size).toBe(stream.length);
  });

  test("takes no more steps than there are pages, though every step is handed out twice", async () => {
    const steps: Job["step"][] = [];
    const world = new FanOutWorld(seed, manyUsers(20_000), {
      consumer: async (messages, surroundings) => {
        const crowds: Crowds = {
          ...surroundings.crowds,
          page: async (of, share, asking, limit) => {
            const page = await surroundings.crowds.page(of, share, asking, limit);
            if (page !== "taken") steps.push({ do: "page", share, page: asking.page });
            return page;
          },
        };
        const again = messages.map(({ body, timestamp, attempts }) => {
          return { body, timestamp, attempts, ack: () => {}, retry: () => {} };
        });
        await consume("normal", again, { ...surroundings, crowds });
        await consume("normal", messages, { ...surroundings, crowds });
      },
    });
    world.chance.stop();
    await world.setMembers([...world.users.values()], true);
    await world.publish(message, toNews);
    await world.settle();
    expect(otherThan(1, world.users.values())).toEqual([]);
    const pages = new Set(steps.map((step) => step.do === "page" && step.page)).size;
    expect(pages).toBeGreaterThan(10);
    // Each page for its one job, as often as that is handed out.
    expect(steps.length).toBeLessThanOrEqual(2 * pages + 2);
  });
});

describe("a broadcast to 10,000 users", () => {
  test("D29 whose consumers die in the middle reaches every one of them exactly once", async () => {
    const world = new FanOutWorld(3, manyUsers(10_000));
    for (const user of world.users.values()) await world.connect(user);
    await world.publish(message, toOnline);
    const reached = () => 10_000 - otherThan(1, world.users.values()).length;
    while (reached() < 5_000) await world.round();
    await world.lane.handOut(async () => {});
    await world.settle();
    expect(otherThan(1, world.users.values())).toEqual([]);
  });
});

describe("over ten seeds", () => {
  /** How many members of a topic never get the message. */
  async function skipped(consumer?: Consumer): Promise<number> {
    let count = 0;
    for (let seed = 1; seed <= 10; seed += 1) {
      const world = new FanOutWorld(seed, manyUsers(5_000), { consumer });
      await world.setMembers([...world.users.values()], true);
      await world.publish(message, toNews);
      for (let rounds = 0; rounds < 20; rounds += 1) await world.round();
      await world.settle();
      count += otherThan(1, world.users.values()).length;
    }
    return count;
  }

  test("the consumer skips nobody", async () => {
    expect(await skipped()).toBe(0);
  });

  test("a consumer that advances the cursor before the send skips some, and is caught", async () => {
    expect(await skipped(advancesFirst)).toBeGreaterThan(0);
  });

  test("a consumer that tries a step again as another job than the one with the claim skips some, and is caught", async () => {
    expect(await skipped(claimsAnew)).toBeGreaterThan(0);
  });
});
