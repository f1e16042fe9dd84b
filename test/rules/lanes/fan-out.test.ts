import { describe, expect, test } from "vitest";
import type { Crowds, Opened } from "../../../src/lanes/crowds.ts";
import { encode } from "../../../src/lanes/envelope.ts";
import { takeStep } from "../../../src/lanes/fan-out.ts";
import { beginning, encodeJob, type Job, paging, type Share } from "../../../src/lanes/job.ts";
import { fanoutLimits } from "../../../src/limits.ts";
import { topic, userId } from "../../../src/protocol/ids.ts";
import { aMessage, to, users } from "../../support/lanes.ts";

const now = 5_000;
const news: Share = { topic: topic.parse("news") };
const bob = userId.parse("bob");
const everyone = { everyone: "all" } as const;

/** Crowds in which the members are always the same, and what they were asked. */
function crowds(opened: Opened | "withdrawn" | "expired" = { share: news }) {
  const asked: unknown[] = [];
  const these: Crowds = {
    begin: async (message, crowd) => {
      asked.push({ begin: message.id, crowd });
      return opened;
    },
    page: async (message, share, after, limit) => {
      asked.push({ page: message.id, share, after, limit });
      return { users: users("carol", "dave"), next: userId.parse("dave") };
    },
  };
  return { asked, these };
}

const texts = (...jobs: Job[]) => jobs.map(encodeJob);
const firstPage = (message = aMessage(1)) => [
  encode({ attempt: 0, items: [to(message, "carol", "dave")] }),
  ...texts(paging(message, news, userId.parse("dave"))),
];

describe("a step", () => {
  test("of a message to a topic begins, and sends the first page at once", async () => {
    const { asked, these } = crowds();
    const job = beginning(aMessage(1), { topic: topic.parse("news") });
    const stepped = await takeStep(job, these, now);
    expect(stepped).toEqual({
      do: "send",
      sending: { texts: firstPage(job.message), users: 2, delaySeconds: 0 },
    });
    expect(asked).toEqual([
      { begin: "message-1", crowd: { topic: "news" } },
      { page: "message-1", share: news, after: undefined, limit: fanoutLimits.pageUsers },
    ]);
  });

  test("of a message to everyone begins, and starts the shards", async () => {
    const { asked, these } = crowds({ counts: [2], log: 7 });
    const stepped = await takeStep(beginning(aMessage(1), everyone), these, now);
    const jobs = [0, 1].map((shard) => paging(aMessage(1), { shard, of: 2, log: 7 }));
    expect(stepped).toEqual({ do: "send", sending: { texts: texts(...jobs), users: 0, delaySeconds: 0 } });
    expect(asked).toHaveLength(1);
  });

  test("starts the shards that are left", async () => {
    const step = { do: "spread", counts: [2, 4], log: 7, from: 5 } as const;
    const stepped = await takeStep({ step, message: aMessage(1) }, crowds().these, now);
    const last = paging(aMessage(1), { shard: 3, of: 4, log: 7 });
    expect(stepped).toMatchObject({ sending: { texts: texts(last) } });
  });

  test("goes on after the last user who was sent it, without beginning again", async () => {
    const { asked, these } = crowds();
    const stepped = await takeStep(paging(aMessage(1), news, bob), these, now);
    expect(stepped).toMatchObject({ sending: { texts: firstPage() } });
    expect(asked).toEqual([{ page: "message-1", share: news, after: "bob", limit: fanoutLimits.pageUsers }]);
  });

  test("of what was retracted, or is over in its log, does nothing", async () => {
    const job = beginning(aMessage(1), everyone);
    expect(await takeStep(job, crowds("withdrawn").these, now)).toEqual({ do: "withdrawn" });
    expect(await takeStep(job, crowds("expired").these, now)).toEqual({ do: "expired" });
  });

  test("of a message whose time is over asks nobody", async () => {
    const { asked, these } = crowds();
    const message = aMessage(1, { expires: now });
    for (const job of [beginning(message, everyone), paging(message, news)]) {
      expect(await takeStep(job, these, now)).toEqual({ do: "expired" });
    }
    expect(asked).toEqual([]);
  });
});

describe("a message for later", () => {
  const job = (deliverAt: number) => beginning(aMessage(1, { deliverAt }), everyone);

  test("goes round until it is due, and nobody hears of it before", async () => {
    const { asked, these } = crowds();
    for (const [ahead, delaySeconds] of [
      [1, 1],
      [60_000, 60],
      [fanoutLimits.maxDelaySeconds * 5_000, fanoutLimits.maxDelaySeconds],
    ] as const) {
      const stepped = await takeStep(job(now + ahead), these, now);
      expect(stepped).toEqual({
        do: "send",
        sending: { texts: texts(job(now + ahead)), users: 0, delaySeconds },
      });
    }
    expect(asked).toEqual([]);
  });

  test("begins when it is due", async () => {
    const { asked, these } = crowds();
    await takeStep(job(now), these, now);
    expect(asked).toHaveLength(2);
  });

  test("that has begun is not held back by a clock that is behind", async () => {
    const { asked, these } = crowds();
    await takeStep(paging(aMessage(1, { deliverAt: now + 1 }), news), these, now);
    expect(asked).toHaveLength(1);
  });
});
