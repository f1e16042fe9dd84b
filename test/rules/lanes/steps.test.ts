import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "../../../src/lanes/envelope.ts";
import type { Job, Share } from "../../../src/lanes/job.ts";
import { batches } from "../../../src/lanes/send.ts";
import { page, pageLimit, type Sending, spread, wait } from "../../../src/lanes/steps.ts";
import { fanoutLimits, laneLimits, messageLimits } from "../../../src/limits.ts";
import { topic, type UserId, userId } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import { aMessage, manyUsers } from "../../support/lanes.ts";

const chain = 0.25;
const taking = { now: 5_000, chain };
const news: Share = { topic: topic.parse("news") };
const sized = (bytes: number) => aMessage(1, { body: JSON.stringify("x".repeat(bytes - 2)) });
const largest = sized(messageLimits.maxDataBytes);
const longNames = (count: number) =>
  Array.from({ length: count }, (_, n) => userId.parse(`${"long".repeat(30)}-${String(n).padStart(7, "0")}`));

/** The users that the texts are for, and the jobs that go on. */
function read({ texts }: Sending): { readonly users: UserId[]; readonly jobs: Job[] } {
  const users: UserId[] = [];
  const jobs: Job[] = [];
  for (const text of texts) {
    const parsed = parse(text);
    if (parsed.kind === "job") jobs.push(parsed.job);
    if (parsed.kind === "envelope") users.push(...parsed.envelope.items.flatMap((item) => item.users));
  }
  return { users, jobs };
}

/** Takes all pages of a share that has these users, and answers whom each step sent to. */
function paged(message: AcceptedMessage, users: readonly UserId[]): UserId[][] {
  const steps: UserId[][] = [];
  let after: UserId | undefined;
  let n = 0;
  do {
    const from = after === undefined ? 0 : users.indexOf(after) + 1;
    const some = users.slice(from, from + pageLimit(message));
    const last = some.at(-1);
    const more = last !== undefined && from + some.length < users.length;
    const sending = page(message, news, n, more ? { users: some, next: last } : { users: some }, taking);
    n += 1;
    expect(batches(sending.texts).length).toBeLessThanOrEqual(1);
    const step = read(sending);
    expect(sending.users).toBe(step.users.length);
    steps.push(step.users);
    const [job] = step.jobs;
    after = job?.step.do === "page" ? job.step.after : undefined;
  } while (after !== undefined);
  return steps;
}

describe("a page of a share", () => {
  test("goes out in one send, with the job for who comes after it", () => {
    const users = manyUsers(250);
    const sending = page(aMessage(1), news, 4, { users, next: userId.parse("user-00249") }, taking);
    expect(sending).toMatchObject({ users: 250, delaySeconds: 0 });
    expect(sending.texts).toHaveLength(4);
    expect(read(sending)).toEqual({
      users,
      jobs: [
        { step: { do: "page", share: news, page: 5, after: "user-00249" }, chain, message: aMessage(1) },
      ],
    });
  });

  test("that is the last one has no job after it", () => {
    expect(read(page(aMessage(1), news, 0, { users: manyUsers(3) }, taking))).toEqual({
      users: manyUsers(3),
      jobs: [],
    });
    expect(page(aMessage(1), news, 0, { users: [] }, taking).texts).toEqual([]);
  });

  test("without users still goes on where there are more pages", () => {
    const sending = page(aMessage(1), news, 0, { users: [], next: userId.parse("bob") }, taking);
    expect(read(sending)).toMatchObject({ users: [], jobs: [{ step: { after: "bob" } }] });
  });

  test("of the largest message is cut to what fits, and the job goes on after the last who was taken", () => {
    const sending = page(largest, news, 0, { users: longNames(500) }, taking);
    const { users, jobs } = read(sending);
    expect(users).toEqual(longNames(200));
    expect(jobs).toMatchObject([{ step: { after: users.at(-1) } }]);
    expect(batches(sending.texts)).toHaveLength(1);
  });

  test("whatever the message and the names, brings everyone in order, once, in sends that a queue takes", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(messageLimits.maxDataBytes), fc.integer({ min: 2, max: 70_000 })),
        fc.integer({ min: 0, max: 6_000 }),
        fc.boolean(),
        (bytes, count, long) => {
          const users = long ? longNames(count) : manyUsers(count);
          expect(paged(sized(Math.min(bytes, messageLimits.maxDataBytes)), users).flat()).toEqual(users);
        },
      ),
      { numRuns: 30 },
    );
  });
});

test("a page of a message for who is connected gives each its time from then on", () => {
  const live = aMessage(1, { live: true, expires: 600_000 });
  const { texts } = page(live, news, 0, { users: manyUsers(1), next: userId.parse("bob") }, taking);
  const [envelope, job] = texts.map((text) => parse(text));
  expect(envelope).toMatchObject({
    envelope: { items: [{ message: { expires: taking.now + messageLimits.liveMs } }] },
  });
  expect(job).toMatchObject({ job: { message: { expires: 600_000 } } });
});

describe("the number of users to ask for", () => {
  test("is some thousands for a small message, and no more than could be sent of a large one", () => {
    expect(pageLimit(sized(500))).toBe(fanoutLimits.pageUsers);
    expect(pageLimit(largest)).toBe(300);
  });

  test("is what one send takes of half a kilobyte to names like UUIDs", () => {
    const uuids = Array.from({ length: fanoutLimits.pageUsers }, (_, n) =>
      userId.parse(`00000000-0000-7000-8000-${String(n).padStart(12, "0")}`),
    );
    expect(
      page(sized(500), news, 0, { users: uuids, next: uuids.at(-1) ?? userId.parse("none") }, taking).users,
    ).toBe(fanoutLimits.pageUsers);
  });
});

describe("everyone", () => {
  const shares = ({ texts }: Sending) =>
    read({ texts, users: 0, delaySeconds: 0 }).jobs.flatMap(({ step }) =>
      step.do === "page" ? [step.share] : [],
    );

  test("is a job for each shard, of each number of shards in use", () => {
    const sending = spread(aMessage(1), { counts: [2, 3], log: 7 }, 0, chain);
    expect(shares(sending)).toEqual([
      { shard: 0, of: 2, log: 7 },
      { shard: 1, of: 2, log: 7 },
      { shard: 0, of: 3, log: 7 },
      { shard: 1, of: 3, log: 7 },
      { shard: 2, of: 3, log: 7 },
    ]);
    expect(sending.texts).toHaveLength(5);
  });

  test.each([
    ["more shards than a send has messages", aMessage(1), [256, 512]],
    ["a message so large that a send takes few jobs", largest, [16, 32]],
  ])("with %s is started by several steps, each shard by one", (_, message, counts) => {
    const started: Share[] = [];
    let from: number | undefined = 0;
    while (from !== undefined) {
      const sending = spread(message, { counts, log: 7 }, from, chain);
      expect(batches(sending.texts)).toHaveLength(1);
      started.push(...shares(sending));
      const [rest] = read(sending).jobs.filter(({ step }) => step.do === "spread");
      from = rest?.step.do === "spread" ? rest.step.from : undefined;
    }
    expect(started).toEqual(
      counts.flatMap((of) => Array.from({ length: of }, (_, shard) => ({ shard, of, log: 7 }))),
    );
  });

  test("of whom nobody is online is nothing to do", () => {
    expect(spread(aMessage(1), { counts: [], log: 7 }, 0, chain).texts).toEqual([]);
  });

  test("has fewer shards left when they were counted anew, and then ends", () => {
    expect(spread(aMessage(1), { counts: [2], log: 7 }, 5, chain).texts).toEqual([]);
  });
});

test("a message that is not due goes round with the longest delay that a queue takes, or what is left of it, rounded up", () => {
  const crowd = { everyone: "all" } as const;
  expect(wait(aMessage(1), { crowd, round: 0, ms: 1_001 }, chain)).toMatchObject({
    delaySeconds: 2,
    users: 0,
  });
  const far = wait(aMessage(1), { crowd, round: 4, ms: 30 * 24 * 3_600_000 }, chain);
  expect(far.delaySeconds).toBe(fanoutLimits.maxDelaySeconds);
  expect(read(far).jobs).toEqual([{ step: { do: "begin", crowd, round: 5 }, chain, message: aMessage(1) }]);
  expect(laneLimits.queueRetentionMs).toBeGreaterThan(fanoutLimits.maxDelaySeconds * 1_000);
});
