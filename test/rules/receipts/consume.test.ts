import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { laneLimits, receiptLimits } from "../../../src/limits.ts";
import { messageId, userId } from "../../../src/protocol/ids.ts";
import { consumeReceipts, type ReceiptSurroundings } from "../../../src/receipts/consume.ts";
import {
  bundles,
  encodeBundle,
  parseBundle,
  type ReceiptEvent,
  receiptEvent,
} from "../../../src/receipts/event.ts";
import type { Posted } from "../../../src/receipts/webhook.ts";
import { type Handed, handed } from "../../support/lanes.ts";

/** The batches of these tests come into the queue at this time. */
const begun = 1_000_000;

const stored = (message: number, user = "alice"): ReceiptEvent =>
  receiptEvent({
    message: messageId.parse(`message-${message}`),
    user: userId.parse(user),
    state: "stored",
    at: begun,
  });

const bundleOf = (events: readonly ReceiptEvent[], about = {}): Handed => {
  const [text = ""] = bundles(events);
  return handed(text, { at: begun, ...about });
};

/** Everything around the consumer, and what it was asked for. */
function around(changes: Partial<ReceiptSurroundings> = {}) {
  const counted: (readonly ReceiptEvent[])[] = [];
  const posts: (readonly ReceiptEvent[])[] = [];
  const sent: { readonly texts: readonly string[]; readonly delaySeconds: number }[] = [];
  const { post = async (): Promise<Posted> => ({ answer: "taken", status: 200 }), ...rest } = changes;
  const surroundings: ReceiptSurroundings = {
    count: async (_, events) => {
      counted.push(events);
    },
    send: async (texts, delaySeconds) => {
      sent.push({ texts, delaySeconds });
    },
    now: () => begun,
    random: () => 0.5,
    ...rest,
    post: (events) => {
      posts.push(events);
      return post(events);
    },
  };
  return { surroundings, counted, posts, sent };
}

const refusing: Partial<ReceiptSurroundings> = { post: async () => ({ answer: "refused", status: 500 }) };
const fates = (batch: readonly Handed[]) => batch.map(({ fate }) => fate);

let logged: string[];
beforeEach(() => {
  logged = [];
  for (const level of ["info", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((line) => void logged.push(String(line)));
  }
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The counts in the log lines of an event. */
const logs = (event: string) => logged.map((line) => JSON.parse(line)).filter((line) => line.event === event);

describe("a batch of receipts", () => {
  test("is counted by message, posted in one call, and then acknowledged", async () => {
    const { surroundings, counted, posts, sent } = around();
    const batch = [bundleOf([stored(1), stored(2)]), bundleOf([stored(1, "bob")])];
    await consumeReceipts(batch, surroundings);
    expect(counted).toEqual([[stored(1), stored(1, "bob")], [stored(2)]]);
    expect(posts).toEqual([[stored(1), stored(2), stored(1, "bob")]]);
    expect(fates(batch)).toEqual(["ack", "ack"]);
    expect(sent).toEqual([]);
    expect(logs("receipts_told")).toMatchObject([{ count: 3, status: 200 }]);
  });

  test("is posted in as many calls as it needs, none with a part of a queue message", async () => {
    const { surroundings, posts } = around();
    const full = Array.from({ length: receiptLimits.maxBundle - 1 }, (_, number) => stored(number));
    const perCall = Math.floor(receiptLimits.maxPostEvents / full.length);
    const batch = Array.from({ length: perCall + 1 }, () => bundleOf(full));
    await consumeReceipts(batch, surroundings);
    expect(posts.map((events) => events.length)).toEqual([perCall * full.length, full.length]);
    expect(new Set(fates(batch))).toEqual(new Set(["ack"]));
  });

  test("makes no more calls at once than it may have connections", async () => {
    let running = 0;
    let most = 0;
    const { surroundings, posts } = around({
      post: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return { answer: "taken" };
      },
    });
    const full = Array.from({ length: receiptLimits.maxBundle }, (_, number) => stored(number));
    await consumeReceipts(
      Array.from({ length: receiptLimits.maxBatch }, () => bundleOf(full)),
      surroundings,
    );
    expect(posts).toHaveLength(10);
    expect(most).toBe(receiptLimits.concurrentPosts);
  });
});

describe("what the webhook does not take", () => {
  test("goes into the queue again as counted, and is not counted once more", async () => {
    const first = around(refusing);
    const batch = [bundleOf([stored(1)])];
    await consumeReceipts(batch, first.surroundings);
    expect(fates(batch)).toEqual(["ack"]);
    expect(first.sent).toEqual([
      { texts: [encodeBundle({ countedSince: begun, events: [stored(1)] })], delaySeconds: 1 },
    ]);
    expect(logs("receipts_refused")).toMatchObject([{ count: 1, status: 500 }]);

    const second = around();
    const again = [handed(first.sent[0]?.texts[0], { at: begun + 1_000 })];
    await consumeReceipts(again, second.surroundings);
    expect(second.counted).toEqual([]);
    expect(second.posts).toEqual([[stored(1)]]);
    expect(fates(again)).toEqual(["ack"]);
  });

  test("waits longer each time, never more than an hour", async () => {
    const delays: unknown[] = [];
    for (const attempts of [1, 2, 5, 50]) {
      const text = encodeBundle({ countedSince: begun, events: [stored(1)] });
      const batch = [handed(text, { attempts })];
      await consumeReceipts(batch, around(refusing).surroundings);
      delays.push(batch[0]?.fate);
    }
    expect(delays).toEqual([2, 4, 32, 1_800].map((delaySeconds) => ({ delaySeconds })));
  });

  test("comes again where the call failed or did not end", async () => {
    const { surroundings, sent } = around({ post: () => Promise.reject(new Error("no answer")) });
    const batch = [bundleOf([stored(1)])];
    await consumeReceipts(batch, surroundings);
    expect(sent).toHaveLength(1);
    expect(logs("receipts_refused")).toMatchObject([{ count: 1, error: "Error: no answer" }]);
  });

  test("comes again by itself where the queue does not take it back", async () => {
    const { surroundings } = around({
      ...refusing,
      send: () => Promise.reject(new Error("Too Many Requests")),
    });
    const batch = [bundleOf([stored(1)])];
    await consumeReceipts(batch, surroundings);
    expect(fates(batch)).toEqual([{ delaySeconds: 1 }]);
  });

  test("does not hold up what another call holds", async () => {
    const full = Array.from({ length: receiptLimits.maxBundle }, (_, number) => stored(number));
    const { surroundings } = around({
      post: async (events) => ({ answer: events.length === 1 ? "refused" : "taken" }),
    });
    const batch = [
      ...Array.from({ length: receiptLimits.maxPostEvents / full.length }, () => bundleOf(full)),
      handed(encodeBundle({ countedSince: begun, events: [stored(1_000)] })),
    ];
    await consumeReceipts(batch, surroundings);
    expect(fates(batch)).toEqual([...Array.from({ length: 10 }, () => "ack"), { delaySeconds: 2 }]);
  });

  test("is given up after a day, with an error that says how much", async () => {
    const text = encodeBundle({ countedSince: begun, events: [stored(1), stored(2)] });
    const last = [handed(text, { attempts: 60 })];
    const late = around({ ...refusing, now: () => begun + receiptLimits.giveUpMs - 1 });
    await consumeReceipts(last, late.surroundings);
    expect(fates(last)).toEqual([{ delaySeconds: 1_800 }]);
    expect(logs("receipts_abandoned")).toEqual([]);

    const over = [handed(text, { attempts: 61 })];
    await consumeReceipts(
      over,
      around({ ...refusing, now: () => begun + receiptLimits.giveUpMs }).surroundings,
    );
    expect(fates(over)).toEqual(["ack"]);
    expect(logs("receipts_abandoned")).toMatchObject([{ level: "error", count: 2 }]);
  });

  test("is given up before the platform would delete it in silence", async () => {
    const text = encodeBundle({ countedSince: begun, events: [stored(1)] });
    const batch = [handed(text, { attempts: receiptLimits.maxHandouts })];
    await consumeReceipts(batch, around(refusing).surroundings);
    expect(fates(batch)).toEqual(["ack"]);
    expect(logs("receipts_abandoned")).toHaveLength(1);
  });

  test("is not offered again to a receiver that says it is gone", async () => {
    const { surroundings, sent } = around({ post: async () => ({ answer: "gone", status: 410 }) });
    const batch = [bundleOf([stored(1)])];
    await consumeReceipts(batch, surroundings);
    expect(fates(batch)).toEqual(["ack"]);
    expect(sent).toEqual([]);
    expect(logs("receipts_abandoned")).toMatchObject([{ level: "error", count: 1, status: 410 }]);
  });
});

describe("what can't be counted", () => {
  test("comes again, and is not posted before; everything else is", async () => {
    const { surroundings, posts, sent } = around({
      count: async (message) => {
        if (message === "message-1") throw new Error("the object is overloaded");
      },
    });
    const batch = [bundleOf([stored(1), stored(2)], { attempts: 3 }), bundleOf([stored(2)])];
    await consumeReceipts(batch, surroundings);
    expect(posts).toEqual([[stored(2)]]);
    expect(fates(batch)).toEqual([{ delaySeconds: 4 }, "ack"]);
    expect(sent).toEqual([]);
  });

  test("in the time that an invocation has comes again", async () => {
    let time = begun;
    const { surroundings, counted } = around({
      now: () => {
        time += laneLimits.invocationBudgetMs;
        return time;
      },
    });
    const batch = [bundleOf([stored(1)])];
    await consumeReceipts(batch, surroundings);
    expect(counted).toEqual([]);
    expect(fates(batch)).toEqual([{ delaySeconds: 1 }]);
  });

  test("is given up after a day as well", async () => {
    const { surroundings } = around({
      count: () => Promise.reject(new Error("the object is overloaded")),
      now: () => begun + receiptLimits.giveUpMs,
    });
    const batch = [bundleOf([stored(1)], { attempts: 60 })];
    await consumeReceipts(batch, surroundings);
    expect(fates(batch)).toEqual(["ack"]);
    expect(logs("receipts_abandoned")).toMatchObject([{ count: 1 }]);
  });
});

test("what can't be read waits for a hub that can, and disturbs nothing else", async () => {
  const { surroundings, posts } = around();
  const batch = [handed('{"v":2}', { at: begun }), handed({ v: 1 }, { at: begun }), bundleOf([stored(1)])];
  await consumeReceipts(batch, surroundings);
  expect(fates(batch)).toEqual([{ delaySeconds: 1 }, { delaySeconds: 1 }, "ack"]);
  expect(posts).toEqual([[stored(1)]]);
});

test("through faults of every kind each event is counted and told at least once", async () => {
  const events = Array.from({ length: 40 }, (_, number) => stored(number));
  let seed = 7;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const fails = () => random() < 0.4;
  const told = new Set<string>();
  const counted = new Set<string>();
  let queue = events.map((event) => ({ text: bundles([event])[0] ?? "", attempts: 1 }));
  for (let round = 0; queue.length > 0; round += 1) {
    expect(round).toBeLessThan(100);
    const batch = queue.map(({ text, attempts }) => handed(text, { attempts, at: begun }));
    const next: typeof queue = [];
    await consumeReceipts(batch, {
      count: async (_, these) => {
        if (fails()) throw new Error("reset");
        for (const { id } of these) counted.add(id);
      },
      post: async (these) => {
        if (fails()) throw new Error("cut");
        for (const { id } of these) told.add(id);
        // The answer may be lost although the receiver has it.
        return { answer: fails() ? "refused" : "taken" };
      },
      send: async (texts) => {
        if (fails()) throw new Error("Too Many Requests");
        next.push(...texts.map((text) => ({ text, attempts: 1 })));
      },
      now: () => begun,
      random,
    });
    batch.forEach(({ fate }, index) => {
      const { text = "", attempts = 0 } = queue[index] ?? {};
      if (fate !== "ack") next.push({ text, attempts: attempts + 1 });
      expect(fate).toBeDefined();
    });
    queue = next;
  }
  expect(told).toEqual(new Set(events.map(({ id }) => id)));
  expect(counted).toEqual(told);
  expect(queue.map(({ text }) => parseBundle(text))).toEqual([]);
});
