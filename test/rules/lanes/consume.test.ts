import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { consume, type Surroundings } from "../../../src/lanes/consume.ts";
import { parseDead } from "../../../src/lanes/dead-record.ts";
import { type Addressed, encode, pack, parse } from "../../../src/lanes/envelope.ts";
import { laneLimits } from "../../../src/limits.ts";
import { histogramOf } from "../../../src/observe/histogram.ts";
import type { Verdict } from "../../../src/protocol/delivery.ts";
import type { MessageId, UserId } from "../../../src/protocol/ids.ts";
import { type Priority, priorities } from "../../../src/protocol/priority.ts";
import {
  aMessage,
  type Handed,
  handed,
  manyUsers,
  noCrowds,
  recordedLanes,
  to,
} from "../../support/lanes.ts";

type DeliverCall = Parameters<Surroundings["deliver"]>;

/** Surroundings in which every message is committed, unless `deliver` says otherwise. */
function surroundings(changes: Partial<Surroundings> = {}) {
  const calls: { user: UserId; ids: MessageId[] }[] = [];
  const lanes = recordedLanes();
  return {
    calls,
    lanes,
    world: {
      lanes,
      crowds: noCrowds,
      now: () => 5_000,
      random: () => 0.5,
      ...changes,
      deliver: async (...[user, messages]: DeliverCall) => {
        calls.push({ user, ids: messages.map(({ id }) => id) });
        return changes.deliver?.(user, messages) ?? committed(messages.length);
      },
    },
  };
}

const committed = (count: number) => ({
  verdicts: Array.from({ length: count }, (_, index): Verdict => ({ verdict: "committed", seq: index + 1 })),
  devices: [],
});

const text = (...items: Addressed[]) => encode({ attempt: 0, items });
const fates = (batch: readonly Handed[]) => batch.map(({ fate }) => fate);
const failing = async () => {
  throw new Error("network");
};

let lines: string[] = [];
beforeEach(() => {
  lines = [];
  for (const level of ["info", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line));
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a batch", () => {
  test("is one call a user, with its messages in order, and is acknowledged", async () => {
    const { world, calls } = surroundings();
    const batch = [
      handed(text(to(aMessage(1), "alice", "bob")), { at: 2 }),
      handed(text(to(aMessage(2), "bob"), to(aMessage(3), "alice")), { at: 1 }),
    ];
    await consume("normal", batch, world);
    expect(calls).toEqual([
      { user: "bob", ids: ["message-2", "message-1"] },
      { user: "alice", ids: ["message-3", "message-1"] },
    ]);
    expect(fates(batch)).toEqual(["ack", "ack"]);
  });

  test("makes at most ten calls at once, and all of them", async () => {
    let running = 0;
    let most = 0;
    const reached: UserId[] = [];
    const { world } = surroundings({
      deliver: async (user, messages) => {
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
        running -= 1;
        reached.push(user);
        return committed(messages.length);
      },
    });
    const everyone = manyUsers(300);
    const batch = pack([{ message: aMessage(1), users: everyone }]).map((body) => handed(body));
    await consume("normal", batch, world);
    expect(most).toBe(laneLimits.concurrentDeliveries);
    expect([...reached].sort()).toEqual(everyone);
    expect(new Set(fates(batch))).toEqual(new Set(["ack"]));
  });

  test("gives up on an object that does not answer in time, without holding up the others", async () => {
    vi.useFakeTimers();
    const { world, lanes } = surroundings({
      deliver: (user, messages) =>
        user === "slow" ? new Promise(() => {}) : Promise.resolve(committed(messages.length)),
    });
    const batch = [handed(text(to(aMessage(1), "slow", "alice")))];
    const done = consume("high", batch, world);
    await vi.advanceTimersByTimeAsync(laneLimits.deliveryTimeoutMs);
    await done;
    expect(lanes.sent).toEqual([
      { lane: "high", texts: [encode({ attempt: 1, items: [to(aMessage(1), "slow")] })], delaySeconds: 1 },
    ]);
    expect(fates(batch)).toEqual(["ack"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("starts no call when the invocation's time is over, and tries those again", async () => {
    let now = 0;
    const { world, calls, lanes } = surroundings({
      now: () => now,
      deliver: async (_, messages) => {
        now += laneLimits.invocationBudgetMs / 10;
        return committed(messages.length);
      },
    });
    const batch = [handed(text({ message: aMessage(1), users: manyUsers(25) }))];
    await consume("low", batch, world);
    expect(calls.length).toBeLessThan(25);
    expect(lanes.sent[0]?.texts[0]).toBe(
      encode({ attempt: 1, items: [{ message: aMessage(1), users: manyUsers(25).slice(calls.length) }] }),
    );
    expect(fates(batch)).toEqual(["ack"]);
  });

  test("counts the attempts of earlier queue messages and of this one", async () => {
    const { world, lanes } = surroundings({ deliver: failing });
    const body = encode({ attempt: laneLimits.maxAttempts - 2, items: [to(aMessage(1), "alice")] });
    const batch = [handed(body, { attempts: 1 }), handed(body, { attempts: 2 })];
    await consume("normal", batch, world);
    expect(batch[0]?.fate).toEqual({ delaySeconds: 64 });
    expect(batch[1]?.fate).toBe("ack");
    expect(lanes.sent.flatMap(({ texts }) => texts.map(parseDead))).toEqual([
      {
        message: aMessage(1),
        users: ["alice"],
        reason: "attempts_exhausted",
        attempts: laneLimits.maxAttempts,
        error: "Error: network",
        at: 5_000,
      },
    ]);
  });

  test("treats a verdict that is missing as none", async () => {
    const { world } = surroundings({ deliver: async () => ({ verdicts: [], devices: [] }) });
    const batch = [handed(text(to(aMessage(1), "alice")))];
    await consume("normal", batch, world);
    expect(batch[0]?.fate).toEqual({ delaySeconds: 1 });
  });

  test("comes again when its rest or its dead can't be sent, and only that part of it", async () => {
    const refusing = recordedLanes(() => true);
    const { world } = surroundings({
      lanes: refusing,
      deliver: async (user, messages) => {
        if (user === "broken") throw new Error("network");
        if (user === "full")
          return { verdicts: messages.map(() => ({ verdict: "inbox_full" })), devices: [] };
        return committed(messages.length);
      },
    });
    const batch = [
      handed(text(to(aMessage(1), "alice", "broken")), { attempts: 2 }),
      handed(text(to(aMessage(2), "full"))),
      handed("{"),
      handed(text(to(aMessage(3), "alice"))),
    ];
    await consume("normal", batch, world);
    expect(fates(batch)).toEqual([{ delaySeconds: 2 }, { delaySeconds: 1 }, { delaySeconds: 1 }, "ack"]);
  });

  test("of poison leaves the others alone", async () => {
    const { world, lanes, calls } = surroundings();
    const batch = [handed("{"), handed(text(to(aMessage(1), "alice"))), handed({ v: 1 }), handed(undefined)];
    await consume("critical", batch, world);
    expect(fates(batch)).toEqual(["ack", "ack", "ack", "ack"]);
    expect(calls).toHaveLength(1);
    expect(lanes.sent.flatMap(({ lane, texts }) => texts.map((one) => [lane, parseDead(one)]))).toMatchObject(
      [
        ["dead", { reason: "poison", lane: "critical", raw: "{" }],
        ["dead", { reason: "poison", lane: "critical", raw: '{"v":1}' }],
        ["dead", { reason: "poison", lane: "critical", raw: "" }],
      ],
    );
  });

  test("answers what became of its recipients, and how soon each message reached a device", async () => {
    let now = 5_000;
    const { world } = surroundings({
      now: () => now,
      deliver: async (user, messages) => {
        now += 100;
        if (user === "broken") throw new Error("network");
        return { ...committed(messages.length), devices: messages.map((_, index) => (index === 0 ? 3 : 0)) };
      },
    });
    const batch = [
      handed(text(to(aMessage(1, { at: 4_990 }), "alice"), to(aMessage(2), "alice"))),
      handed(text(to(aMessage(3, { at: 5_000 }), "broken", "bob"))),
    ];
    const { recipients, latencies } = await consume("normal", batch, world);
    expect(recipients).toEqual({ committed: 3, retried: 1 });
    // All calls begin at once, and each takes 100 ms more than the one before it.
    expect(latencies).toEqual(histogramOf([310, 300]));
  });

  test("is one line in the log, with counts and without anything of the messages", async () => {
    const verdicts: Record<string, Verdict> = {
      alice: { verdict: "committed", seq: 1 },
      bob: { verdict: "duplicate", seq: 1 },
      carol: { verdict: "expired" },
      dave: { verdict: "gone" },
      erin: { verdict: "live" },
      frank: { verdict: "inbox_full" },
    };
    const { world } = surroundings({
      deliver: async (user, messages) => {
        const verdict = verdicts[user];
        if (!verdict) throw new Error("network");
        return { verdicts: messages.map(() => verdict), devices: [] };
      },
    });
    const message = aMessage(1, { body: '"canary-5417"' });
    const batch = [
      handed(text(to(message, ...Object.keys(verdicts), "grace"))),
      handed("canary-5417"),
      handed('{"v":3}'),
      handed(text(to(message, "heidi", "ivan"))),
    ];
    await consume("high", batch, world);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        ...{ level: "warn", event: "batch_consumed", lane: "high", count: 4 },
        ...{ committed: 1, duplicate: 1, live: 1, expired: 1, gone: 1, dead: 2, retried: 4 },
      },
    ]);
    expect(lines.join()).not.toContain("canary");
  });
});

describe("lanes", () => {
  test("do not starve each other: while a flood of critical messages hangs, the others are delivered", async () => {
    const stuck = surroundings({ deliver: () => new Promise(() => {}) });
    const flood = pack(
      Array.from({ length: 1_000 }, (_, number) => to(aMessage(number, { priority: "critical" }), "alice")),
    ).map((body) => handed(body));
    vi.useFakeTimers();
    const critical = consume("critical", flood, stuck.world);

    for (const lane of priorities.filter((priority) => priority !== "critical")) {
      const { world } = surroundings();
      const batch = [handed(text(to(aMessage(1, { priority: lane }), "alice")))];
      await consume(lane, batch, world);
      expect(fates(batch)).toEqual(["ack"]);
    }
    expect(new Set(fates(flood))).toEqual(new Set([undefined]));
    await vi.advanceTimersByTimeAsync(laneLimits.deliveryTimeoutMs);
    await critical;
    expect(fates(flood)).not.toContain(undefined);
  });
});

describe("whatever fails", () => {
  /** What can happen at each step, decided by the numbers of a run one after the other. */
  const chances = fc.infiniteStream(fc.nat(99));

  test("every message of every user ends committed or dead, and is in a lane until then", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ users: fc.integer({ min: 1, max: 6 }), first: fc.nat(4) }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.constantFrom<Priority>(...priorities),
        chances,
        async (shape, lane, stream) => {
          const draw = () => stream.next().value ?? 0;
          const items = shape.map(({ users, first }, number) => ({
            message: aMessage(number, { priority: lane }),
            users: manyUsers(first + users).slice(first),
          }));
          const all = pairs(items);
          const done = new Set<string>();
          const dead = new Set<string>();
          let queued = pack(items).map((body) => ({ body, attempts: 0 }));

          for (let round = 0; queued.length > 0; round += 1) {
            expect(round).toBeLessThan(200);
            // Faults end after a while; what is left must then get through.
            const fault = (percent: number) => round < 30 && draw() < percent;
            const sent: string[] = [];
            const world: Surroundings = {
              crowds: noCrowds,
              now: () => 5_000 + round,
              random: () => draw() / 100,
              lanes: {
                send: async (to, texts) => {
                  if (fault(20)) throw new Error("Too Many Requests");
                  if (to === "dead") for (const pair of texts.flatMap(pairsOfDead)) dead.add(pair);
                  else sent.push(...texts);
                },
              },
              deliver: async (user, messages) => {
                if (fault(30)) throw Object.assign(new Error("busy"), { overloaded: fault(50) });
                const verdicts = messages.map(({ id }): Verdict => {
                  if (fault(5)) return { verdict: "inbox_full" };
                  const seen = done.has(`${id} ${user}`);
                  done.add(`${id} ${user}`);
                  return { verdict: seen ? "duplicate" : "committed", seq: 1 };
                });
                // The answer may be lost after the commit.
                if (fault(10)) throw new Error("connection lost");
                return { verdicts, devices: [] };
              },
            };
            const batch = queued.map(({ body, attempts }) => handed(body, { attempts: attempts + 1 }));
            await consume(lane, batch, world);
            // The consumer may die before its acknowledgements arrive, and a queue may hand out twice.
            const lost = fault(10);
            queued = [
              ...batch
                .filter(({ fate }) => lost || fate !== "ack")
                .map(({ body, attempts }) => ({ body: `${body}`, attempts })),
              ...sent.map((body) => ({ body, attempts: 0 })),
            ];
            const waiting = queued.flatMap(({ body }) => pairsOf(body));
            expect(
              all.filter((pair) => !done.has(pair) && !dead.has(pair) && !waiting.includes(pair)),
            ).toEqual([]);
          }
          expect(all.filter((pair) => !done.has(pair) && !dead.has(pair))).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });
});

function pairs(items: readonly Addressed[]): string[] {
  return items.flatMap(({ message, users }) => users.map((user) => `${message.id} ${user}`));
}

function pairsOf(body: string): string[] {
  const parsed = parse(body);
  return parsed.kind === "envelope" ? pairs(parsed.envelope.items) : [];
}

function pairsOfDead(body: string): string[] {
  const record = parseDead(body);
  return record && "users" in record ? pairs([record]) : [];
}
