import { describe, expect, test } from "vitest";
import type { Crowds, Opened } from "../../../src/lanes/crowds.ts";
import { encode } from "../../../src/lanes/envelope.ts";
import { takeStep } from "../../../src/lanes/fan-out.ts";
import { beginning, encodeJob, type Job, paging, type Share } from "../../../src/lanes/job.ts";
import { replacedWord } from "../../../src/lanes/replaced.ts";
import { fanoutLimits } from "../../../src/limits.ts";
import { topic, userId } from "../../../src/protocol/ids.ts";
import { aMessage, to, users } from "../../support/lanes.ts";

const now = 5_000;
/** Of the jobs that are taken, and of those that they make. */
const [old, chain] = [0.125, 0.25];
const taking = { now, chain };
const news: Share = { topic: topic.parse("news") };
const bob = userId.parse("bob");
const everyone = { everyone: "all" } as const;

/** Crowds in which the members are always the same, and what they were asked. */
function crowds(opened: Opened | "withdrawn" | "expired" = { share: news }, taken = false) {
  const asked: unknown[] = [];
  const these: Crowds = {
    begin: async (message, crowd) => {
      asked.push({ begin: message.id, crowd });
      return opened;
    },
    page: async (message, share, { page, after, chain }, limit) => {
      asked.push({ page: message.id, share, place: page, after, chain, limit });
      return { users: users("carol", "dave"), next: userId.parse("dave") };
    },
    claim: async (claim) => {
      asked.push(claim);
      return !taken;
    },
  };
  return { asked, these };
}

const texts = (...jobs: Job[]) => jobs.map(encodeJob);
const pageOf = (page: number, message = aMessage(1)) => [
  encode({ attempt: 0, items: [to(message, "carol", "dave")] }),
  ...texts(paging(message, news, chain, { page: page + 1, after: userId.parse("dave") })),
];

describe("a step", () => {
  test("of a message to a topic begins, and sends the first page at once", async () => {
    const { asked, these } = crowds();
    const job = beginning(aMessage(1), { topic: topic.parse("news") }, old);
    const stepped = await takeStep(job, these, taking);
    expect(stepped).toEqual({
      do: "send",
      sending: { texts: pageOf(0, job.message), users: 2, delaySeconds: 0 },
    });
    expect(asked).toEqual([
      { begin: "message-1", crowd: { topic: "news" } },
      {
        ...{ page: "message-1", share: news, place: 0, after: undefined },
        ...{ chain: old, limit: fanoutLimits.pageUsers },
      },
    ]);
  });

  test("of a message to everyone begins, and starts the shards", async () => {
    const { asked, these } = crowds({ counts: [2], log: 7 });
    const stepped = await takeStep(beginning(aMessage(1), everyone, old), these, taking);
    const jobs = [0, 1].map((shard) => paging(aMessage(1), { shard, of: 2, log: 7 }, chain));
    expect(stepped).toEqual({ do: "send", sending: { texts: texts(...jobs), users: 0, delaySeconds: 0 } });
    expect(asked).toHaveLength(1);
  });

  test("starts the shards that are left", async () => {
    const step = { do: "spread", counts: [2, 4], log: 7, from: 5 } as const;
    const stepped = await takeStep({ step, chain: old, message: aMessage(1) }, crowds().these, taking);
    const last = paging(aMessage(1), { shard: 3, of: 4, log: 7 }, chain);
    expect(stepped).toMatchObject({ sending: { texts: texts(last) } });
  });

  test("that another one has is not taken again", async () => {
    const step = { do: "spread", counts: [2], log: 7, from: 1 } as const;
    const { asked, these } = crowds({ share: news }, true);
    expect(await takeStep({ step, chain: old, message: aMessage(1) }, these, taking)).toEqual({
      do: "taken",
    });
    expect(asked).toEqual([{ id: "message-1", accepted: 1_000, place: 1, chain: old }]);
    const busy: Crowds = { ...these, page: async () => "taken" };
    expect(await takeStep(paging(aMessage(1), news, old), busy, taking)).toEqual({ do: "taken" });
  });

  test("goes on after the last user who was sent it, without beginning again", async () => {
    const { asked, these } = crowds();
    const stepped = await takeStep(paging(aMessage(1), news, old, { page: 4, after: bob }), these, taking);
    expect(stepped).toMatchObject({ sending: { texts: pageOf(4) } });
    expect(asked).toEqual([
      {
        ...{ page: "message-1", share: news, place: 4, after: "bob" },
        ...{ chain: old, limit: fanoutLimits.pageUsers },
      },
    ]);
  });

  test("of a message that replaces another one also starts the word that the other is withdrawn", async () => {
    const message = aMessage(2, { replaces: aMessage(1).id, topic: topic.parse("news") });
    const replacing = beginning(message, { topic: topic.parse("news") }, old);
    const word = replacedWord(replacing.message, { topic: topic.parse("news") }, chain);
    if (word === undefined) throw new Error("there is no word");
    expect(word.message).toMatchObject({ retracts: "message-1", topic: "news", priority: "normal" });
    expect(await takeStep(replacing, crowds().these, taking)).toMatchObject({
      sending: { texts: texts(paging(message, news, chain), word) },
    });
    // Everyone who may have it, of whom some are offline.
    const online = beginning(aMessage(2, { replaces: aMessage(1).id }), { everyone: "online" }, old);
    const { these } = crowds({ counts: [2], log: 7 });
    const stepped = await takeStep(online, these, taking);
    const sent = stepped.do === "send" ? stepped.sending.texts.map((text) => JSON.parse(text).step) : [];
    expect(sent).toMatchObject([
      { do: "spread", from: 0 },
      { do: "begin", crowd: { everyone: "all" } },
    ]);
    // Its time is over, that of the one that it replaces is not.
    const late = beginning(aMessage(2, { replaces: aMessage(1).id, expires: now }), everyone, old);
    const gone = await takeStep(late, crowds().these, taking);
    expect(gone).toEqual(await takeStep(late, crowds("expired").these, { ...taking, now: now - 1 }));
    expect(gone).toMatchObject({ do: "send", sending: { texts: [expect.stringContaining("retracts")] } });
    // It is withdrawn itself, but came too late to be called off: what it replaces goes all the same.
    expect(await takeStep(replacing, crowds("withdrawn").these, taking)).toMatchObject({
      sending: { texts: texts(word) },
    });
  });

  test("of what was retracted, or is over in its log, does nothing", async () => {
    const job = beginning(aMessage(1), everyone, old);
    expect(await takeStep(job, crowds("withdrawn").these, taking)).toEqual({ do: "withdrawn" });
    expect(await takeStep(job, crowds("expired").these, taking)).toEqual({ do: "expired" });
    const withdrawn: Crowds = { ...crowds().these, page: async () => "withdrawn" };
    expect(await takeStep(paging(aMessage(1), news, old), withdrawn, taking)).toEqual({ do: "withdrawn" });
  });

  test("of a message whose time is over asks nobody", async () => {
    const { asked, these } = crowds();
    const message = aMessage(1, { expires: now });
    for (const job of [beginning(message, everyone, old), paging(message, news, old)]) {
      expect(await takeStep(job, these, taking)).toEqual({ do: "expired" });
    }
    expect(asked).toEqual([]);
  });
});

describe("a message for later", () => {
  const job = (deliverAt: number, of = old, round = 0) =>
    beginning(aMessage(1, { deliverAt }), everyone, of, round);

  test("goes round until it is due, with one job, and is not begun before", async () => {
    const { asked, these } = crowds();
    for (const [ahead, delaySeconds] of [
      [1, 1],
      [60_000, 60],
      [fanoutLimits.maxDelaySeconds * 5_000, fanoutLimits.maxDelaySeconds],
    ] as const) {
      const stepped = await takeStep(job(now + ahead, old, 6), these, taking);
      expect(stepped).toEqual({
        do: "send",
        sending: { texts: texts(job(now + ahead, chain, 7)), users: 0, delaySeconds },
      });
      // Before every page, and after the round before.
      expect(asked.pop()).toEqual({
        id: "message-1",
        accepted: 1_000,
        place: 6 - fanoutLimits.maxRounds,
        chain: old,
      });
    }
    expect(asked).toEqual([]);
    const busy = crowds({ share: news }, true).these;
    expect(await takeStep(job(now + 1), busy, taking)).toEqual({ do: "taken" });
  });

  test("begins when it is due", async () => {
    const { asked, these } = crowds();
    await takeStep(job(now), these, taking);
    expect(asked).toHaveLength(2);
  });

  test("that has begun is not held back by a clock that is behind", async () => {
    const { asked, these } = crowds();
    await takeStep(paging(aMessage(1, { deliverAt: now + 1 }), news, old), these, taking);
    expect(asked).toHaveLength(1);
  });
});
