import { describe, expect, test } from "vitest";
import { countOf, shardName, shardNames, shardOf } from "../../../src/everyone/shards.ts";
import { userId } from "../../../src/protocol/ids.ts";

const spreads: readonly [string, (index: number) => string][] = [
  ["counted", (index) => `user-${index}`],
  ["numbered", (index) => String(100_000 + index)],
  ["addresses", (index) => `somebody.${index}@example.com`],
  ["all but alike", (index) => "a".repeat((index % 120) + 1) + index.toString(36)],
];

describe("the shards of everyone", () => {
  test.each(spreads)(
    "get an even share of users whose ids are %s, however many shards there are",
    (_, idOf) => {
      const users = Array.from({ length: 20_000 }, (_, index) => userId.parse(idOf(index)));
      for (const shards of [1, 2, 7, 16, 64]) {
        const shares = new Map(shardNames([shards]).map((name) => [name, 0]));
        for (const user of users) {
          const name = shardOf(user, shards);
          shares.set(name, (shares.get(name) ?? Number.NaN) + 1);
        }
        const even = users.length / shards;
        // Six standard deviations of a fair draw.
        const off = 6 * Math.sqrt(even);
        for (const share of shares.values()) expect(Math.abs(share - even), `of ${shards}`).toBeLessThan(off);
      }
    },
  );

  test("of a user are the same in every version of the hub", () => {
    const names = ["alice", "bob", "user-1", "~"].map((user) => shardOf(userId.parse(user), 1_000));
    // Computed by another program.
    expect(names).toEqual(["1000:78", "1000:430", "1000:916", "1000:916"]);
  });

  test("know by their name of how many they are one", () => {
    expect(countOf(shardName(16, 0))).toBe(16);
    expect(countOf("1024:1023")).toBe(1_024);
    for (const name of [undefined, "", "16", "0:0", "16:", "sixteen:1"]) {
      expect(() => countOf(name)).toThrow("must be named by shardName");
    }
  });

  test("of several counts are all of each", () => {
    expect(shardNames([1, 3])).toEqual(["1:0", "3:0", "3:1", "3:2"]);
    expect(shardNames([])).toEqual([]);
  });
});
