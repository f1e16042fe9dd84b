import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { observeLimits } from "../../../src/limits.ts";
import { type Counts, countsOf } from "../../../src/observe/counts.ts";
import { type Surroundings, Tally } from "../../../src/observe/tally.ts";

const { gatherMs, promiseMs } = observeLimits;

const accepted = (recipients = 1) => countsOf("accepted", [{ lane: "normal", recipients }]);
const retried = () => countsOf("retried", [{ lane: "low", recipients: 1 }]);

/** An isolate with a clock that only the test moves, and a meter that keeps what it is told. */
function isolate(send: Surroundings["send"] = async () => {}) {
  const sent: Counts[] = [];
  const kept: Promise<void>[] = [];
  const tally = new Tally();
  return {
    sent,
    kept,
    add: (counts: Counts) =>
      tally.add(counts, {
        now: Date.now,
        wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
        waitUntil: (work) => void kept.push(work),
        send: async (gathered) => {
          sent.push(gathered);
          await send(gathered);
        },
      }),
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("an isolate", () => {
  test("sends what hundreds of invocations count within a second as one sum, by the first of them", async () => {
    const { add, sent, kept } = isolate();
    for (let invocation = 0; invocation < 500; invocation += 1) {
      add(accepted());
      await vi.advanceTimersByTimeAsync(1);
    }
    add(retried());
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(gatherMs);
    expect(sent).toEqual([{ ...accepted(500), ...retried() }]);
    expect(kept).toHaveLength(1);
  });

  test("makes a call a second at most, and leaves nothing unsent, however long it is busy", async () => {
    const { add, sent } = isolate();
    for (let turn = 0; turn < 1_000; turn += 1) {
      add(accepted());
      await vi.advanceTimersByTimeAsync(10);
    }
    await vi.advanceTimersByTimeAsync(gatherMs);
    expect(sent.length).toBeLessThanOrEqual(10_000 / gatherMs + 1);
    expect(sent.reduce((sum, { normal }) => sum + (normal?.recipients.accepted ?? 0), 0)).toBe(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("sends by another invocation what is counted while a send is under way", async () => {
    let answer = () => {};
    const { add, sent, kept } = isolate(() => new Promise((resolve) => (answer = resolve)));
    add(accepted());
    await vi.advanceTimersByTimeAsync(gatherMs);
    add(accepted(2));
    answer();
    await vi.advanceTimersByTimeAsync(gatherMs);
    expect(sent).toEqual([accepted(1), accepted(2)]);
    expect(kept).toHaveLength(2);
  });

  test("makes no call for nothing", () => {
    const { add, kept } = isolate();
    add({});
    expect(kept).toEqual([]);
  });

  test("keeps what a meter did not take, and sends it with the next", async () => {
    let fails = true;
    const { add, sent, kept } = isolate(async () => {
      if (fails) throw new Error("the meter is gone");
    });
    add(accepted(1));
    await vi.advanceTimersByTimeAsync(gatherMs);
    await expect(kept[0]).resolves.toBeUndefined();
    fails = false;
    add(accepted(2));
    await vi.advanceTimersByTimeAsync(gatherMs);
    expect(sent).toEqual([accepted(1), accepted(3)]);
  });

  test("does not wait for ever for an invocation that was cut off before it sent", async () => {
    const { add, sent } = isolate();
    add(accepted(1));
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(promiseMs - 1);
    add(accepted(2));
    await vi.advanceTimersByTimeAsync(1);
    add(accepted(4));
    await vi.advanceTimersByTimeAsync(gatherMs);
    expect(sent).toEqual([accepted(7)]);
  });
});
