import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { backlogOf } from "../../../src/lanes/backlog.ts";
import type { LaneBindings } from "../../../src/lanes/lane.ts";
import { laneLimits } from "../../../src/limits.ts";
import { recordedQueue } from "../../support/lanes.ts";

type Metrics = Awaited<ReturnType<Queue["metrics"]>>;

function bindings(low: () => Promise<Metrics>): LaneBindings {
  const queue = recordedQueue();
  return {
    LANE_CRITICAL: queue,
    LANE_HIGH: queue,
    LANE_NORMAL: queue,
    LANE_DEAD: queue,
    LANE_LOW: { ...queue, metrics: low },
  };
}

let lines: string[] = [];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, "warn").mockImplementation((line: string) => void lines.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("the backlog of a lane is what its queue says", async () => {
  const oldestMessageTimestamp = new Date(1_796_000_000_000);
  const env = bindings(async () => ({ backlogCount: 3, backlogBytes: 4_000, oldestMessageTimestamp }));
  expect(await backlogOf(env, "low")).toEqual({ envelopes: 3, bytes: 4_000, oldest: 1_796_000_000_000 });
  expect(await backlogOf(env, "high")).toEqual({ envelopes: 0, bytes: 0 });
});

test("an oldest of 0 is none", async () => {
  const env = bindings(async () => ({
    backlogCount: 3,
    backlogBytes: 4_000,
    oldestMessageTimestamp: new Date(0),
  }));
  expect(await backlogOf(env, "low")).toEqual({ envelopes: 3, bytes: 4_000 });
});

test("of a queue that fails it is not known, and the log says why", async () => {
  const env = bindings(async () => {
    throw new Error("Too Many Requests");
  });
  expect(await backlogOf(env, "low")).toBeNull();
  expect(lines).toEqual([expect.stringContaining('"lane":"low","error":"Error: Too Many Requests"')]);
});

test("a queue that does not answer is not waited for", async () => {
  vi.useFakeTimers();
  const answer = backlogOf(
    bindings(() => new Promise(() => {})),
    "low",
  );
  await vi.advanceTimersByTimeAsync(laneLimits.backlogTimeoutMs);
  expect(await answer).toBeNull();
});
