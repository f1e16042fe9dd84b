import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { consume, type Surroundings } from "../../../src/lanes/consume.ts";
import { parseDead } from "../../../src/lanes/dead-record.ts";
import { encode, pack } from "../../../src/lanes/envelope.ts";
import { beginning, encodeJob, paging, type Share } from "../../../src/lanes/job.ts";
import { laneLimits } from "../../../src/limits.ts";
import { topic } from "../../../src/protocol/ids.ts";
import { aMessage, handed, manyUsers, recordedLanes, to } from "../../support/lanes.ts";

const news: Share = { topic: topic.parse("news") };
const crowd = { topic: topic.parse("news") };
const text = encodeJob(paging(aMessage(1), news, 1));

beforeEach(() => {
  for (const level of ["info", "warn", "error"] as const) vi.spyOn(console, level).mockReturnValue();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Surroundings with a topic of so many members, all on one page; every message is committed. */
function surroundings(changes: Partial<Surroundings> = {}, members = 150) {
  const lanes = recordedLanes();
  const world: Surroundings = {
    lanes,
    crowds: {
      begin: async () => ({ share: news }),
      page: async () => ({ users: manyUsers(members) }),
      claim: async () => true,
    },
    now: () => 5_000,
    random: () => 0.5,
    deliver: async (_, messages) => ({
      verdicts: messages.map((_, index) => ({ verdict: "committed", seq: index + 1 })),
      devices: [],
    }),
    ...changes,
  };
  return { lanes, world };
}

const never = () => new Promise<never>(() => {});
const network = () => Promise.reject(new Error("network"));

describe("a job in a batch", () => {
  test("turns into envelopes in its own lane, and is acknowledged when they are there", async () => {
    const { world, lanes } = surroundings();
    const batch = [handed(text)];
    const { recipients } = await consume("high", batch, world);
    expect(lanes.sent).toEqual([
      { lane: "high", texts: pack([{ message: aMessage(1), users: manyUsers(150) }]), delaySeconds: 0 },
    ]);
    expect(batch[0]?.fate).toBe("ack");
    // From here on the hub answers for them.
    expect(recipients).toEqual({ accepted: 150 });
  });

  test("is worked off beside envelopes and texts that nobody can read", async () => {
    const { world, lanes } = surroundings();
    const batch = [
      handed(encode({ attempt: 0, items: [to(aMessage(2), "alice")] })),
      handed(text),
      handed("{"),
      handed('{"v":3}'),
    ];
    const { recipients } = await consume("normal", batch, world);
    expect(batch.map(({ fate }) => fate)).toEqual(["ack", "ack", "ack", { delaySeconds: 1 }]);
    expect(lanes.sent.map(({ lane }) => lane).sort()).toEqual(["dead", "normal"]);
    expect(recipients).toEqual({ accepted: 150, committed: 1, dead: 1, retried: 1 });
  });

  test("does not wait for deliveries, nor they for it", async () => {
    vi.useFakeTimers();
    const { world, lanes } = surroundings({ deliver: never });
    const job = handed(text);
    const slow = handed(encode({ attempt: 0, items: [to(aMessage(2), "slow")] }));
    const done = consume("normal", [slow, job], world);
    await vi.advanceTimersByTimeAsync(0);
    expect([job.fate, slow.fate, lanes.sent.length]).toEqual(["ack", undefined, 1]);
    await vi.advanceTimersByTimeAsync(laneLimits.deliveryTimeoutMs);
    await done;

    const stuck = surroundings({ crowds: { begin: never, page: never, claim: never } });
    const [waiting, quick] = [handed(text), handed(encode({ attempt: 0, items: [to(aMessage(2), "bob")] }))];
    const both = consume("normal", [waiting, quick], stuck.world);
    await vi.advanceTimersByTimeAsync(0);
    expect([waiting.fate, quick.fate]).toEqual([undefined, "ack"]);
    await vi.advanceTimersByTimeAsync(laneLimits.deliveryTimeoutMs);
    await both;
    expect(waiting.fate).toEqual({ delaySeconds: 1 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("whose crowd fails comes again, and sends nothing until then", async () => {
    const { world, lanes } = surroundings({ crowds: { begin: network, page: network, claim: network } });
    const batch = [handed(text, { attempts: 3 }), handed(encodeJob(beginning(aMessage(2), crowd, 1)))];
    const { recipients } = await consume("normal", batch, world);
    expect(batch.map(({ fate }) => fate)).toEqual([{ delaySeconds: 4 }, { delaySeconds: 1 }]);
    expect(lanes.sent).toEqual([]);
    expect(recipients).toEqual({ retried: 2 });
  });

  test("that fails for the last time is a dead letter as it is", async () => {
    const { world, lanes } = surroundings({ crowds: { begin: network, page: network, claim: network } });
    const batch = [handed(text, { attempts: laneLimits.maxAttempts })];
    const { recipients } = await consume("low", batch, world);
    expect(batch[0]?.fate).toBe("ack");
    expect(lanes.sent.map(({ lane, texts }) => [lane, texts.map(parseDead)])).toEqual([
      [
        "dead",
        [
          {
            ...{ reason: "attempts_exhausted", attempts: laneLimits.maxAttempts, error: "Error: network" },
            ...{ at: 5_000, lane: "low", raw: text },
          },
        ],
      ],
    ]);
    expect(recipients).toEqual({ dead: 1 });
  });

  test("that the lane refuses, or does not answer, comes again, and counts nobody", async () => {
    const { world } = surroundings({ lanes: recordedLanes(() => true) });
    const refused = handed(text, { attempts: 2 });
    expect((await consume("normal", [refused], world)).recipients).toEqual({ retried: 1 });
    expect(refused.fate).toEqual({ delaySeconds: 2 });

    vi.useFakeTimers();
    const silent = handed(text);
    const done = consume("normal", [silent], surroundings({ lanes: { send: never } }).world);
    await vi.advanceTimersByTimeAsync(laneLimits.sendTimeoutMs);
    expect((await done).recipients).toEqual({ retried: 1 });
    expect(silent.fate).toEqual({ delaySeconds: 1 });
  });

  test.each([
    [
      "of what is left of an envelope",
      encode({ attempt: 0, items: [to(aMessage(2), "alice", "bob")] }),
      1,
      2,
    ],
    ["of a dead job", text, laneLimits.maxAttempts, 1],
  ])("does not wait for ever for a send %s", async (_, body, attempts, recipients) => {
    vi.useFakeTimers();
    const half: Surroundings["deliver"] = (user) =>
      user === "alice" ? network() : Promise.resolve({ verdicts: [{ verdict: "left" }], devices: [] });
    const { world } = surroundings({
      lanes: { send: never },
      deliver: half,
      crowds: { begin: network, page: network, claim: network },
    });
    const message = handed(body, { attempts });
    const done = consume("normal", [message], world);
    await vi.advanceTimersByTimeAsync(laneLimits.sendTimeoutMs);
    expect(message.fate).toEqual({ delaySeconds: expect.any(Number) });
    expect((await done).recipients).toMatchObject({ retried: recipients });
  });

  test("of a message that is over is acknowledged and counts as one", async () => {
    const { world, lanes } = surroundings({
      crowds: { begin: async () => "withdrawn", page: network, claim: network },
    });
    const over = encodeJob(paging(aMessage(1, { expires: 5_000 }), news, 1));
    const batch = [handed(over), handed(encodeJob(beginning(aMessage(2), crowd, 1)))];
    expect((await consume("normal", batch, world)).recipients).toEqual({ expired: 1, withdrawn: 1 });
    expect(batch.map(({ fate }) => fate)).toEqual(["ack", "ack"]);
    expect(lanes.sent).toEqual([]);
  });

  test("whose place another one has is acknowledged, sends nothing and counts as a copy", async () => {
    const { world, lanes } = surroundings({
      crowds: { begin: network, page: async () => "taken", claim: async () => false },
    });
    const spread = { step: { do: "spread", counts: [2], log: 0, from: 0 }, chain: 1 } as const;
    const batch = [handed(text), handed(encodeJob({ ...spread, message: aMessage(2) }))];
    expect((await consume("normal", batch, world)).recipients).toEqual({ duplicate: 2 });
    expect(batch.map(({ fate }) => fate)).toEqual(["ack", "ack"]);
    expect(lanes.sent).toEqual([]);
  });

  test("is one of at most ten at once", async () => {
    let running = 0;
    let most = 0;
    const { world } = surroundings({
      crowds: {
        begin: network,
        claim: network,
        page: async () => {
          running += 1;
          most = Math.max(most, running);
          for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
          running -= 1;
          return { users: [] };
        },
      },
    });
    const batch = Array.from({ length: laneLimits.maxBatch }, (_, number) =>
      handed(encodeJob(paging(aMessage(number), news, 1))),
    );
    await consume("normal", batch, world);
    expect(most).toBe(laneLimits.concurrentDeliveries);
    expect(new Set(batch.map(({ fate }) => fate))).toEqual(new Set(["ack"]));
  });
});
