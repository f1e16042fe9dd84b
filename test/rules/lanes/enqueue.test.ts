import { describe, expect, test } from "vitest";
import type { DeadRecord } from "../../../src/lanes/dead-record.ts";
import { enqueue, enqueueDead, enqueueOrStore } from "../../../src/lanes/enqueue.ts";
import { type Addressed, parse } from "../../../src/lanes/envelope.ts";
import { beginning } from "../../../src/lanes/job.ts";
import { batches, textOf } from "../../../src/lanes/send.ts";
import { laneLimits } from "../../../src/limits.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import type { Priority } from "../../../src/protocol/priority.ts";
import { aMessage, manyUsers, recordedLanes, to, users } from "../../support/lanes.ts";

const of = (priority: Priority, number = 1) => to(aMessage(number, { priority }), "alice");
const large = (number: number) => to(aMessage(number, { body: JSON.stringify("x".repeat(60_000)) }), "alice");

/** How many recipients the texts have together. */
function recipients(texts: readonly string[]): number {
  const items = texts.flatMap((text): readonly Addressed[] => {
    const parsed = parse(text);
    return parsed.kind === "envelope" ? parsed.envelope.items : [];
  });
  return items.flatMap(({ users }) => users).length;
}

describe("a request", () => {
  test("for one lane is one send, and in it before the answer", async () => {
    const lanes = recordedLanes();
    expect(await enqueue(lanes, [of("high", 1), of("high", 2)])).toBe("accepted");
    expect(lanes.sent).toEqual([{ lane: "high", texts: [expect.any(String)], delaySeconds: 0 }]);
    expect(lanes.stored).toEqual([]);
  });

  test("for 10,000 users with short names is still one send", async () => {
    const lanes = recordedLanes();
    await enqueue(lanes, [{ message: aMessage(1), users: manyUsers(10_000) }]);
    expect(lanes.sent).toHaveLength(1);
    expect(recipients(lanes.sent[0]?.texts ?? [])).toBe(10_000);
  });

  test("for several lanes is one transaction, the urgent first", async () => {
    const lanes = recordedLanes();
    expect(await enqueue(lanes, [of("low", 1), of("critical", 2), of("normal", 3)])).toBe("accepted");
    expect(lanes.sent).toEqual([]);
    expect(lanes.stored.map((parcels) => parcels.map(({ lane }) => lane))).toEqual([
      ["critical", "normal", "low"],
    ]);
  });

  test("larger than one send is one transaction, with nothing left out", async () => {
    const lanes = recordedLanes();
    expect(await enqueue(lanes, [1, 2, 3, 4, 5, 6].map(large))).toBe("accepted");
    expect(lanes.sent).toEqual([]);
    expect(lanes.stored).toHaveLength(1);
    expect(recipients(lanes.stored.flat().map(({ text }) => text))).toBe(6);
  });

  test("with messages for crowds commits their jobs at the same point", async () => {
    const lanes = recordedLanes();
    const job = (priority: Priority) => beginning(aMessage(2, { priority }), { everyone: "all" }, 1);
    expect(await enqueue(lanes, [], [job("high")])).toBe("accepted");
    expect(await enqueue(lanes, [of("high")], [job("high")])).toBe("accepted");
    const kinds = lanes.sent.map(({ lane, texts }) => [lane, texts.map((text) => parse(text).kind)]);
    expect(kinds).toEqual([
      ["high", ["job"]],
      ["high", ["envelope", "job"]],
    ]);
    expect(await enqueue(lanes, [of("low")], [job("high")])).toBe("accepted");
    const stored = lanes.stored.flat().map(({ lane, text }) => [lane, parse(text).kind]);
    expect(stored).toEqual([
      ["high", "job"],
      ["low", "envelope"],
    ]);
  });

  test("is refused whole when its commit point refuses", async () => {
    const lanes = recordedLanes(() => true);
    expect(await enqueue(lanes, [of("high")])).toBe("refused");
    expect(await enqueue(lanes, [of("high"), of("low")])).toBe("refused");
  });

  test("of nothing is accepted without a send", async () => {
    const lanes = recordedLanes();
    expect(await enqueue(lanes, [])).toBe("accepted");
    expect([...lanes.sent, ...lanes.stored]).toEqual([]);
  });
});

describe("what a part of its users already has", () => {
  test("goes to its lane", async () => {
    const lanes = recordedLanes();
    expect(await enqueueOrStore(lanes, [of("critical")])).toBe("accepted");
    expect(lanes.sent).toHaveLength(1);
    expect(lanes.stored).toEqual([]);
  });

  test("waits in an outbox when the lane refuses, and only then may be refused", async () => {
    const lanes = recordedLanes((what) => what === "critical");
    expect(await enqueueOrStore(lanes, [of("critical")])).toBe("accepted");
    expect(lanes.stored).toEqual([[{ lane: "critical", text: expect.any(String) }]]);
    expect(
      await enqueueOrStore(
        recordedLanes(() => true),
        [of("critical")],
      ),
    ).toBe("refused");
  });
});

describe("a batch of texts", () => {
  test("holds what one send takes, in messages and in bytes", () => {
    expect(batches(Array(250).fill("x")).map(({ length }) => length)).toEqual([100, 100, 50]);
    const texts = Array.from({ length: 7 }, () => "é".repeat(50_000));
    for (const batch of batches(texts)) {
      expect(batch.reduce((sum, text) => sum + utf8Length(text), 0)).toBeLessThanOrEqual(
        laneLimits.maxSendBytes,
      );
    }
    expect(batches(texts).flat()).toEqual(texts);
    expect(batches([])).toEqual([]);
  });
});

test("dead records go to the dead lane in as many sends as they need", async () => {
  const lanes = recordedLanes();
  const record = (number: number): DeadRecord => ({
    message: aMessage(number),
    users: users("alice"),
    reason: "inbox_full",
    attempts: 1,
    error: "",
    at: 5_000,
  });
  await enqueueDead(
    lanes,
    Array.from({ length: 150 }, (_, number) => record(number)),
  );
  expect(lanes.sent.map(({ lane, texts }) => [lane, texts.length])).toEqual([
    ["dead", 100],
    ["dead", 50],
  ]);
});

test("the body of a queue message is text, or JSON from the dashboard", () => {
  expect(textOf('{"v":1}')).toBe('{"v":1}');
  expect(textOf({ v: 1 })).toBe('{"v":1}');
  expect(textOf(undefined)).toBe("");
});
