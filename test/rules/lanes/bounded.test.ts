import { expect, test, vi } from "vitest";
import { eachBounded, within } from "../../../src/lanes/bounded.ts";

test("work is started in order, at most so much at once, and all of it is done", async () => {
  const started: number[] = [];
  let running = 0;
  let most = 0;
  await eachBounded([...Array(50).keys()], 10, async (item) => {
    started.push(item);
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < 1 + (item % 5); turn += 1) await Promise.resolve();
    running -= 1;
  });
  expect(started).toEqual([...Array(50).keys()]);
  expect(most).toBe(10);
  expect(running).toBe(0);
});

test("less work than the bound is no problem, and none neither", async () => {
  const done: number[] = [];
  await eachBounded([1, 2], 10, async (item) => void done.push(item));
  await eachBounded<number>([], 10, async (item) => void done.push(item));
  expect(done).toEqual([1, 2]);
});

test("a promise in time gives what it gives, and leaves no timer behind", async () => {
  vi.useFakeTimers();
  try {
    await expect(within(1_000, Promise.resolve("value"))).resolves.toBe("value");
    await expect(within(1_000, Promise.reject(new Error("own")))).rejects.toThrow("own");
    expect(vi.getTimerCount()).toBe(0);
    const late = within(1_000, new Promise(() => {}));
    const outcome = expect(late).rejects.toThrow("no answer within 1000 ms");
    await vi.advanceTimersByTimeAsync(1_000);
    await outcome;
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
