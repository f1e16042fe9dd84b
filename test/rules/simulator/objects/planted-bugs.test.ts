/** Bugs that look harmless, planted one at a time in the real code: the simulation of the objects must find each. */
import "./mocks.ts";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Ahead } from "../../../../src/hub/scheduled.ts";
import { standInForPlatform } from "./globals.ts";
import { type Plants, plant, uproot } from "./plants.ts";
import { simulateObjects } from "./simulation.ts";

standInForPlatform();

// As they are, without a plant in their place.
const { takePage } = await vi.importActual<typeof import("../../../../src/hub/catch-up.ts")>(
  "../../../../src/hub/catch-up.ts",
);
const { commit } = await vi.importActual<typeof import("../../../../src/hub/commit.ts")>(
  "../../../../src/hub/commit.ts",
);

/** A bug that is there must show within so many seeds. */
const seeds = 150;

const bugs: readonly { readonly bug: string; readonly rules: Partial<Plants> }[] = [
  {
    bug: "a page of the log of everyone is taken for the whole of it",
    rules: {
      takePage: async (page, user) => {
        await takePage(page, user);
        user.saw(page.head);
      },
    },
  },
  {
    bug: "what was taken back before it came is not barred",
    rules: {
      commit: (...facts) => {
        const { bars: _, ...decided } = commit(...facts);
        return decided;
      },
    },
  },
  { bug: "what is to wait is delivered at once", rules: { isAhead: (_): _ is Ahead => false } },
];

afterEach(uproot);

describe("is found by the simulation of the objects", () => {
  it.each(bugs)("$bug", { timeout: 120_000 }, async ({ rules }) => {
    plant(rules);
    let found = false;
    for (let seed = 1; seed <= seeds && !found; seed += 1) {
      found = (await simulateObjects(seed)).violation !== undefined;
    }
    expect(found).toBe(true);
  });
});
