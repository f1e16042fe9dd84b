/**
 * The rules of the hub and of the client, run against 2,000 seeded schedules of faults. A seed that fails
 * is replayed alone, with its last events, by `HUBBUB_SEED=<seed> npx vitest run --project rules simulator.test`.
 */
import { describe, expect, it } from "vitest";
import { type Outcome, simulate } from "./simulation.ts";
import { faultNames } from "./world.ts";

const seeds = 2_000;
const seedsPerTest = 200;
const timeout = 120_000;
const { HUBBUB_SEED: only } = process.env;

/** Every verdict, gap, start and end that a run can have, each to be seen at least this often over all seeds. */
const reached: Readonly<Record<string, number>> = {
  "verdict committed": 1_000,
  "verdict duplicate": 1_000,
  "verdict live": 1_000,
  "verdict expired": 100,
  "verdict gone": 100,
  "verdict inbox_full": 100,
  "verdict id_conflict": 100,
  "gap expired": 1_000,
  "gap evicted": 1_000,
  "gap collapsed": 1_000,
  "frame express": 1_000,
  "frame live": 1_000,
  "frame reauth": 1_000,
  "frame state": 1_000,
  stall: 1_000,
  resumed: 1_000,
  "reset new": 1_000,
  "reset epoch": 100,
  "reset storage": 100,
  "closed slow_consumer": 100,
  "closed token_expired": 100,
  "closed heartbeat_timeout": 20,
  "closed replaced": 100,
  "closed revoked": 100,
  "settled ack": 1_000,
  "settled retry": 1_000,
  "settled requeue": 100,
  "dead attempts_exhausted": 100,
  "dead inbox_full": 100,
  "dead id_conflict": 100,
  redriven: 100,
  "storage deleted": 20,
};
/** Each fault strikes at least this often. */
const strikes = 20;

function expectNoViolation({ seed, violation, trace }: Outcome): void {
  if (violation !== undefined)
    expect.fail(`seed ${seed} broke ${violation.message}\nthe last events:\n${trace}`);
}

if (only !== undefined) {
  it(`seed ${only} breaks no invariant`, { timeout }, () => {
    expectNoViolation(simulate(Number(only)));
  });
} else
  describe("under any schedule of faults the invariants hold", () => {
    const counts = new Map<string, number>();

    for (let first = 1; first <= seeds; first += seedsPerTest) {
      const last = first + seedsPerTest - 1;
      it(`seeds ${first} to ${last}`, { timeout }, () => {
        for (let seed = first; seed <= last; seed += 1) {
          const outcome = simulate(seed);
          expectNoViolation(outcome);
          for (const [what, times] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + times);
        }
      });
    }

    it("and every fault struck, every verdict was given, every state was reached", () => {
      const wanted = { ...Object.fromEntries(faultNames.map((name) => [name, strikes])), ...reached };
      const missed = Object.entries(wanted).filter(([what, times]) => (counts.get(what) ?? 0) < times);
      expect(missed.map(([what, times]) => `${what}: ${counts.get(what) ?? 0} of ${times}`)).toEqual([]);
    });

    it("and a seed replays exactly", () => {
      expect(simulate(7).counts).toEqual(simulate(7).counts);
      expect(simulate(7).counts).not.toEqual(simulate(8).counts);
    });
  });
