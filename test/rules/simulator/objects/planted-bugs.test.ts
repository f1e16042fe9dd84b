/** What the simulation of the objects is worth: each of these bugs, planted alone into the real code, is found within some seeds. */
import "./mocks.ts";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EveryoneShard } from "../../../../src/everyone/shard.ts";
import { Barred } from "../../../../src/hub/barred.ts";
import { Memberships } from "../../../../src/hub/memberships.ts";
import type { Ahead } from "../../../../src/hub/scheduled.ts";
import { Watched } from "../../../../src/hub/watched.ts";
import { Topic } from "../../../../src/topics/topic.ts";
import { standInForPlatform } from "./globals.ts";
import { plant, uproot } from "./plants.ts";
import { simulateObjects } from "./simulation.ts";

standInForPlatform();

// As they are, without a plant in their place.
const { takePage } = await vi.importActual<typeof import("../../../../src/hub/catch-up.ts")>(
  "../../../../src/hub/catch-up.ts",
);
const { commit } = await vi.importActual<typeof import("../../../../src/hub/commit.ts")>(
  "../../../../src/hub/commit.ts",
);
const { isAhead } = await vi.importActual<typeof import("../../../../src/hub/scheduled.ts")>(
  "../../../../src/hub/scheduled.ts",
);

interface Bug {
  readonly name: string;
  readonly plant: () => void;
  /** Those of the invariants that may see it first. */
  readonly caughtBy: readonly string[];
}

const maxSeeds = 150;

/** A while of the simulation's time, in which others go on. */
const aWhile = () => new Promise<void>((done) => setTimeout(done, 20_000));

const bugs: readonly Bug[] = [
  {
    name: "a change of topics whose topic could not be told stays pending",
    plant: () => {
      vi.spyOn(Memberships.prototype, "nextDue").mockReturnValue(undefined);
    },
    caughtBy: ["nothingIsPending", "topicsKnowTheirMembers"],
  },
  {
    name: "what came by a topic is taken without a look at the membership",
    plant: () => {
      vi.spyOn(Memberships.prototype, "refuses").mockReturnValue(false);
    },
    caughtBy: ["onlyMembersGetWhatIsForTheTopic", "topicsKnowTheirMembers"],
  },
  {
    name: "a retraction does not reach who has left the topic",
    plant: () => {
      const { pageFor } = Topic.prototype;
      vi.spyOn(Topic.prototype, "pageFor").mockImplementation(function (this: Topic, claim, query) {
        return pageFor.call(this, claim, { ...query, withLeft: false });
      });
    },
    caughtBy: ["nobodyShowsWhatWasRetracted"],
  },
  {
    name: "a user who comes learns the log's head before the shard knows of the user",
    plant: () => {
      const { came } = EveryoneShard.prototype;
      vi.spyOn(EveryoneShard.prototype, "came").mockImplementation(async function (
        this: EveryoneShard,
        ...arrival
      ) {
        const head = await this.head();
        await aWhile();
        await came.call(this, ...arrival);
        return head;
      });
    },
    caughtBy: ["whoWasThereAllAlongHasIt"],
  },
  {
    name: "how far the log is read moves before what was read is committed",
    plant: () => {
      plant({
        takePage: async (page, user) => {
          user.saw(page.upTo);
          await aWhile();
          await takePage(page, user);
        },
      });
    },
    caughtBy: ["whoWasThereAllAlongHasIt"],
  },
  {
    name: "a page of the log is taken for the whole of it",
    plant: () => {
      plant({
        takePage: async (page, user) => {
          await takePage(page, user);
          user.saw(page.head);
        },
      });
    },
    caughtBy: ["whoWasThereAllAlongHasIt"],
  },
  {
    name: "what is scheduled comes a minute early",
    plant: () => {
      plant({ isAhead: (message, now): message is Ahead => isAhead(message, now + 60_000) });
    },
    caughtBy: ["nothingComesBeforeItsTime"],
  },
  {
    name: "what is scheduled comes at once",
    plant: () => {
      plant({ isAhead: (_): _ is Ahead => false });
    },
    caughtBy: ["nothingComesBeforeItsTime"],
  },
  {
    name: "what was taken back before it came is not remembered",
    plant: () => {
      plant({
        commit: (...facts) => {
          const { bars: _, ...decided } = commit(...facts);
          return decided;
        },
      });
    },
    caughtBy: ["nobodyShowsWhatWasRetracted", "nobodyShowsWhatWasReplaced"],
  },
  {
    name: "what was taken back before it came is remembered, and not looked for",
    plant: () => {
      vi.spyOn(Barred.prototype, "stops").mockReturnValue(false);
    },
    caughtBy: ["whatIsBarredIsNeverCommitted"],
  },
  {
    name: "the word that a message is retracted is not known again",
    plant: () => {
      plant({
        commit: (message, facts, ...rest) => {
          const known = message.retracts === undefined ? facts.known : undefined;
          const target = facts.target && { ...facts.target, place: facts.known?.seq ?? facts.target.place };
          return commit(message, { ...facts, known, target }, ...rest);
        },
      });
    },
    // It can't be stored twice, so it never gets done.
    caughtBy: ["i16LanesAreEmpty"],
  },
  {
    name: "nobody else is told when one device has settled a message for all",
    plant: () => {
      vi.spyOn(Watched.prototype, "settledBy").mockReturnValue([]);
    },
    caughtBy: ["whatOneDeviceHasIsSettled"],
  },
];

afterEach(() => {
  uproot();
  vi.restoreAllMocks();
});

describe("the simulation of the objects finds a bug that is planted into them", () => {
  for (const { name, plant: planting, caughtBy } of bugs) {
    it(`${name}: caught by ${caughtBy.join(" or ")}`, { timeout: 120_000 }, async () => {
      planting();
      for (let seed = 1; seed <= maxSeeds; seed += 1) {
        const { violation, trace } = await simulateObjects(seed);
        if (violation === undefined) continue;
        expect(caughtBy, `seed ${seed}: ${violation.message}`).toContain(violation.invariant);
        expect(trace).not.toBe("");
        return;
      }
      expect.fail(`${maxSeeds} seeds did not find it`);
    });
  }
});
