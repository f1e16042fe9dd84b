/**
 * The real objects of users, topics and everyone, with the real consumer and client, against seeded schedules of
 * faults. A seed that fails is replayed alone, with its last events, by
 * `HUBBUB_SEED=<seed> npx vitest run --project rules objects.test`.
 */
import "./mocks.ts";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../simulation.ts";
import { standInForPlatform } from "./globals.ts";
import { simulateObjects } from "./simulation.ts";

standInForPlatform();

const seeds = 160;
const seedsPerTest = 40;
const timeout = 120_000;
const { HUBBUB_SEED: only } = process.env;

/** What must have happened over all seeds, each of it at least so often. */
const reached: Readonly<Record<string, number>> = {
  "object crashed": 100,
  "object crashed before it called another": 20,
  "object was down": 100,
  "hub hibernated": 50,
  "storage lost": 20,
  "user erased": 20,
  "user unreachable": 10,
  "user crashed after the call": 10,
  "topic unreachable": 10,
  "topic answer lost": 10,
  "topic crashed before the call": 10,
  "topic crashed after the call": 5,
  "everyone unreachable": 10,
  "everyone answer lost": 5,
  "shard unreachable": 10,
  "shard answer lost": 10,
  "shard crashed after the call": 5,
  "shards changed": 20,
  "consumer crashed before it sent a step": 20,
  "consumer crashed after it sent a step": 20,
  "consumer crashed before the ack": 100,
  "lane refused": 50,
  "lane copied a message": 50,
  "clock stepped back": 30,
  "alarm late": 100,
  "connection cut": 100,
  "device crashed": 50,
  "gap retracted": 30,
  "gap replaced": 10,
  "gap handled": 10,
  "dead attempts_exhausted": 50,
  redriven: 30,
};

function expectNoViolation({ seed, violation, trace }: Outcome): void {
  if (violation !== undefined)
    expect.fail(`seed ${seed} broke ${violation.message}\nthe last events:\n${trace}`);
}

if (only !== undefined) {
  it(`seed ${only} breaks no invariant`, { timeout }, async () => {
    expectNoViolation(await simulateObjects(Number(only)));
  });
} else
  describe("while members join and leave, and messages to them fan out, under any faults the invariants hold", () => {
    const counts = new Map<string, number>();

    for (let first = 1; first <= seeds; first += seedsPerTest) {
      const last = first + seedsPerTest - 1;
      it(`seeds ${first} to ${last}`, { timeout }, async () => {
        for (let seed = first; seed <= last; seed += 1) {
          const outcome = await simulateObjects(seed);
          expectNoViolation(outcome);
          for (const [what, times] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + times);
        }
      });
    }

    it("and every fault struck, and every end was reached", () => {
      const missed = Object.entries(reached).filter(([what, times]) => (counts.get(what) ?? 0) < times);
      expect(missed.map(([what, times]) => `${what}: ${counts.get(what) ?? 0} of ${times}`)).toEqual([]);
    });

    it("and a seed replays exactly", async () => {
      const once = await simulateObjects(7);
      expect((await simulateObjects(7)).counts).toEqual(once.counts);
    });
  });
