import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { laneNames, laneOfQueue, lanes } from "../../../src/lanes/lane.ts";
import { laneLimits } from "../../../src/limits.ts";

/** The tables of one kind in wrangler.toml, each with its keys. */
function tables(kind: string): Record<string, string>[] {
  const text = readFileSync(join(import.meta.dirname, "../../../wrangler.toml"), "utf8");
  return text
    .split(/^(?=\[)/m)
    .filter((table) => table.startsWith(`[[queues.${kind}]]`))
    .map((table) =>
      Object.fromEntries(
        [...table.matchAll(/^(\w+) = "?([^"\n]*)"?$/gm)].map(([, key, value]) => [key, value]),
      ),
    );
}

test("each lane is a queue of its own, bound and consumed under the names of the table", () => {
  const bound = tables("producers").map(({ binding, queue }) => ({ binding, queue }));
  expect(bound).toEqual(laneNames.map((lane) => lanes[lane]));
  expect(tables("consumers").map(({ queue }) => queue)).toEqual(laneNames.map((lane) => lanes[lane].queue));
});

test("the platform hands a message out as often as the limits say", () => {
  for (const { queue, max_retries } of tables("consumers")) {
    const handouts = queue === lanes.dead.queue ? laneLimits.maxDeadHandouts : laneLimits.maxHandouts;
    expect(Number(max_retries) + 1).toBe(handouts);
  }
});

test("the platform hands over no more at once than one invocation may deliver", () => {
  for (const { queue, max_batch_size } of tables("consumers")) {
    if (queue !== lanes.dead.queue) expect(Number(max_batch_size)).toBe(laneLimits.maxBatch);
  }
});

test("what a lane's consumer never finishes with goes to the dead lane, which leads nowhere else", () => {
  const ways = tables("consumers").map(({ dead_letter_queue }) => dead_letter_queue);
  expect(ways).toEqual([...Array(4).fill(lanes.dead.queue), undefined]);
});

test("a lane is found by the name of its queue", () => {
  for (const lane of laneNames) expect(laneOfQueue(lanes[lane].queue)).toBe(lane);
  expect(laneOfQueue("somebody-else")).toBeUndefined();
});
