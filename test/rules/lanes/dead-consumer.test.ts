import { describe, expect, test } from "vitest";
import { consumeDead, recordsOf } from "../../../src/lanes/dead-consumer.ts";
import { type DeadRecord, encodeDead } from "../../../src/lanes/dead-record.ts";
import { encode } from "../../../src/lanes/envelope.ts";
import { encodeJob, paging } from "../../../src/lanes/job.ts";
import { laneLimits } from "../../../src/limits.ts";
import { topic } from "../../../src/protocol/ids.ts";
import { aMessage, handed, recordedLanes, to, users } from "../../support/lanes.ts";

const ours: DeadRecord = {
  message: aMessage(1),
  users: users("alice"),
  reason: "inbox_full",
  attempts: 1,
  error: "",
  at: 5_000,
};

/** A store that keeps what it is given, or throws. */
function store({ broken = false } = {}) {
  const kept: DeadRecord[] = [];
  return {
    kept,
    store: async (records: readonly DeadRecord[]) => {
      if (broken) throw new Error("no storage");
      kept.push(...records);
    },
    random: () => 0.5,
  };
}

describe("a batch of dead messages", () => {
  test("is acknowledged once it is stored", async () => {
    const dead = store();
    const batch = [
      handed(encodeDead(ours)),
      handed(encode({ attempt: 0, items: [to(aMessage(2), "bob")] }), { at: 7 }),
    ];
    await consumeDead(batch, { ...dead, lanes: recordedLanes() });
    expect(dead.kept.map(({ reason, at }) => [reason, at])).toEqual([
      ["inbox_full", 5_000],
      ["abandoned", 7],
    ]);
    expect(batch.map(({ fate }) => fate)).toEqual(["ack", "ack"]);
  });

  test("that can't be stored comes again later", async () => {
    const batch = [handed(encodeDead(ours), { attempts: 3 })];
    await consumeDead(batch, { ...store({ broken: true }), lanes: recordedLanes() });
    expect(batch[0]?.fate).toEqual({ delaySeconds: 4 });
  });

  test("goes round again before the platform would delete it", async () => {
    const lanes = recordedLanes();
    const batch = [handed(encodeDead(ours), { attempts: laneLimits.resendDeadFrom })];
    await consumeDead(batch, { ...store({ broken: true }), lanes });
    expect(lanes.sent).toEqual([{ lane: "dead", texts: [encodeDead(ours)], delaySeconds: 300 }]);
    expect(batch[0]?.fate).toBe("ack");
  });

  test("that can't go round either is still not let go", async () => {
    const batch = [handed(encodeDead(ours), { attempts: laneLimits.resendDeadFrom })];
    await consumeDead(batch, { ...store({ broken: true }), lanes: recordedLanes(() => true) });
    expect(batch[0]?.fate).toEqual({ delaySeconds: 300 });
  });
});

describe("what the platform moved by itself", () => {
  test("is one record a message, with the attempts that were made", () => {
    const items = [to(aMessage(1), "alice", "bob"), to(aMessage(2), "bob")];
    const attempts = 3 + laneLimits.maxHandouts;
    expect(recordsOf(encode({ attempt: 3, items }), 7)).toEqual(
      items.map((item) => ({ ...item, reason: "abandoned", attempts, error: "", at: 7 })),
    );
  });

  test("is kept as it is where it can't be read", () => {
    expect(recordsOf("{", 7)).toEqual([
      {
        reason: "poison",
        attempts: laneLimits.maxHandouts,
        error: "is not a JSON object",
        at: 7,
        lane: "normal",
        raw: "{",
      },
    ]);
    expect(recordsOf('{"v":3}', 7)).toMatchObject([{ reason: "unknown_version", raw: '{"v":3}' }]);
  });

  test("is kept as it is where it was a job, for the lane of its message", () => {
    const raw = encodeJob(paging(aMessage(1, { priority: "low" }), { topic: topic.parse("news") }, 1));
    const attempts = laneLimits.maxHandouts;
    expect(recordsOf(raw, 7)).toEqual([
      { reason: "abandoned", attempts, error: "", at: 7, lane: "low", raw },
    ]);
  });
});
