import { describe, expect, test } from "vitest";
import { parse } from "../../../src/lanes/envelope.ts";
import { beginning, encodeJob, type Job, paging, type Share } from "../../../src/lanes/job.ts";
import { fanoutLimits } from "../../../src/limits.ts";
import { topic, userId } from "../../../src/protocol/ids.ts";
import { aMessage } from "../../support/lanes.ts";

const news = topic.parse("news");
const bob = userId.parse("bob");
const shard: Share = { shard: 3, of: 16, log: 7 };

describe("a job", () => {
  test.each<[string, Job]>([
    ["that begins", beginning(aMessage(1), { everyone: "all" }, 0.1)],
    ["that begins for a topic", beginning(aMessage(1), { topic: news }, 1 / 3)],
    [
      "that starts shards",
      { step: { do: "spread", counts: [16, 32], log: 7, from: 3 }, chain: 0.5, message: aMessage(1) },
    ],
    [
      "for a page of a topic",
      paging(aMessage(1), { topic: news, presenceOnly: true }, 0.5, { page: 7, after: bob }),
    ],
    ["for the first page of a shard", paging(aMessage(1), shard, 0.5)],
  ])("%s says after parsing exactly what was encoded", (_, job) => {
    expect(parse(encodeJob(job))).toEqual({ kind: "job", job });
  });

  test("carries data as JSON, and a version that older consumers don't know", () => {
    expect(JSON.parse(encodeJob(paging(aMessage(1), shard, 0.5)))).toMatchObject({
      v: 2,
      step: { do: "page", share: shard },
      message: { id: "message-1", data: { number: 1 } },
    });
  });

  test("is poison where it says nothing that can be done, and the error says where without a value", () => {
    const good: unknown = JSON.parse(encodeJob(paging(aMessage(1), shard, 0.5)));
    const broken = [
      { step: { do: "canary-5417" } },
      { step: { do: "page", page: 0, share: { shard: -1, of: 16, log: 0 } } },
      { step: { do: "page", page: 0, share: { topic: "a..b" } } },
      { step: { do: "page", page: 0, share: shard, after: "canary-5417/" } },
      { step: { do: "spread", counts: [], log: 0, from: 0 } },
      { chain: "canary-5417" },
      { message: {} },
    ].map((change) => parse(JSON.stringify({ ...Object(good), ...change })));
    expect(broken.map(({ kind }) => kind)).toEqual(Array(7).fill("poison"));
    expect(JSON.stringify(broken)).not.toContain("canary");
    expect(broken[3]).toMatchObject({ error: expect.stringContaining("step.after: ") });
  });
});

describe("a message for a crowd", () => {
  test("says which topic it was published to", () => {
    expect(beginning(aMessage(1), { topic: news }, 1).message).toEqual(aMessage(1, { topic: news }));
  });

  test("says that it is for who is online, and only then", () => {
    expect(beginning(aMessage(1), { everyone: "online" }, 1).message).toEqual(
      aMessage(1, { onlineOnly: true }),
    );
    expect(beginning(aMessage(1), { everyone: "all" }, 1).message).toEqual(aMessage(1));
  });

  test("that is only for who is connected may be on its way longer, since each page has its own time", () => {
    const live = aMessage(1, { live: true, expires: 2_000 });
    const { message } = beginning(live, { everyone: "online" }, 1);
    expect(message.expires).toBe(live.at + fanoutLimits.liveMs);
  });
});
