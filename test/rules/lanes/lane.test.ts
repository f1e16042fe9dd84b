import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { laneNames, laneOfQueue, lanes } from "../../../src/lanes/lane.ts";
import { laneLimits, receiptLimits } from "../../../src/limits.ts";
import { receiptsQueue } from "../../../src/receipts/send.ts";

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

test("each lane is a queue of its own, bound and consumed under the names of the table; so are the receipts", () => {
  const bound = tables("producers").map(({ binding, queue }) => ({ binding, queue }));
  const queues = [
    ...laneNames.map((lane) => lanes[lane]),
    { binding: "RECEIPTS" satisfies keyof Env, queue: receiptsQueue },
  ];
  expect(bound).toEqual(queues);
  expect(tables("consumers").map(({ queue }) => queue)).toEqual(queues.map(({ queue }) => queue));
});

/** What is said of a queue, where lanes are alike. */
const ofQueue = (queue: string | undefined, ofLane: number, ofDead: number, ofReceipts: number) =>
  queue === receiptsQueue ? ofReceipts : queue === lanes.dead.queue ? ofDead : ofLane;

test("the platform hands a message out as often as the limits say", () => {
  for (const { queue, max_retries } of tables("consumers")) {
    const { maxHandouts, maxDeadHandouts } = laneLimits;
    expect(Number(max_retries) + 1).toBe(
      ofQueue(queue, maxHandouts, maxDeadHandouts, receiptLimits.maxHandouts),
    );
  }
});

test("the platform hands over no more at once than one invocation may deliver", () => {
  for (const { queue, max_batch_size } of tables("consumers")) {
    const most = Number(max_batch_size);
    expect(most).toBe(ofQueue(queue, laneLimits.maxBatch, most, receiptLimits.maxBatch));
  }
});

test("what a lane's consumer never finishes with goes to the dead lane, which leads nowhere else; receipts are no messages", () => {
  const ways = tables("consumers").map(({ dead_letter_queue }) => dead_letter_queue);
  expect(ways).toEqual([...Array(4).fill(lanes.dead.queue), undefined, undefined]);
});

test("a lane is found by the name of its queue", () => {
  for (const lane of laneNames) expect(laneOfQueue(lanes[lane].queue)).toBe(lane);
  expect(laneOfQueue("somebody-else")).toBeUndefined();
});
