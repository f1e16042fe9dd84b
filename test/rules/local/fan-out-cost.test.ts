import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { page, pageLimit } from "../../../src/lanes/steps.ts";
import { laneLimits } from "../../../src/limits.ts";
import { cases, ceilings, consumers, costOf, costTable, fullStep } from "../../../src/local/fan-out-cost.ts";
import { topic } from "../../../src/protocol/ids.ts";
import { aMessage, manyUsers } from "../../support/lanes.ts";

const doc = readFileSync("docs/scale.md", "utf8");
/** Without the blanks by which tables and lines are laid out. */
const plain = (text: string) => text.replace(/\s+/g, " ").replace(/-{2,}/g, "--");

describe("docs/scale.md", () => {
  test("has the table that the code computes", () => {
    const [, table = ""] = /<!-- cost -->\n([\s\S]*?)<!-- \/cost -->/.exec(doc) ?? [];
    expect(plain(table).trim()).toBe(plain(costTable()).trim());
  });

  test("says where it breaks with the numbers that the code computes", () => {
    const count = (value: number) => value.toLocaleString("en-US");
    const at = ceilings();
    const [ofTopic] = cases;
    const steps = ofTopic === undefined ? 0 : costOf(ofTopic).steps;
    const tenfold = ofTopic === undefined ? 0 : costOf({ ...ofTopic, users: 10_000_000 }).stepSeconds / 60;
    for (const sentence of [
      `${laneLimits.concurrentDeliveries} calls at once in each of ${consumers} consumers are ${count(at.deliveriesPerSecond)} deliveries a second`,
      `which would be ${count(at.mostDeliveriesPerSecond)} a second`,
      `${count(at.usersInLane)} users are in the lane at once, so another message in it waits up to ${at.secondsBehind} seconds`,
      `16 shards take ${count(at.connectsPerSecond)} first connects a second; a million users online want ${at.shardsForMillionOnline} shards`,
      `It is one object: ${count(at.logReadsPerSecond)} reads a second`,
      `The queue, with more than ${at.shardsOfOneSecond} shards`,
      `Each shard sends ${fullStep().messages} queue messages a step`,
      `Publishing asks it ${steps} times only`,
      `a page of up to ${count(fullStep().users)}`,
    ]) {
      expect(plain(doc)).toContain(sentence);
    }
    expect(Math.floor(tenfold)).toBe(8);
  });
});

describe("the arithmetic", () => {
  test("counts the steps and envelopes that the hub sends", () => {
    const users = manyUsers(100_000);
    const share = { topic: topic.parse("news") };
    let [steps, texts, taken] = [0, 0, 0];
    while (taken < users.length) {
      const some = users.slice(taken, taken + pageLimit(aMessage(1)));
      const last = some.at(-1);
      const more = last !== undefined && taken + some.length < users.length;
      const sending = page(aMessage(1), share, steps, more ? { users: some, next: last } : { users: some }, {
        now: 0,
        chain: 0.5,
      });
      steps += 1;
      texts += sending.texts.length;
      taken += sending.users;
    }
    const cost = costOf({ name: "", shares: 1, users: users.length, online: 0 });
    expect(cost.steps).toBe(steps);
    // The job that begins is among them; the last page has none after it.
    expect(cost.queueMessages).toBe(texts + 1);
  });

  test("has as many consumers as the lanes may have", () => {
    const concurrency = [...readFileSync("wrangler.toml", "utf8").matchAll(/^max_concurrency = (\d+)$/gm)];
    expect(Math.max(...concurrency.map(([, most]) => Number(most)))).toBe(consumers);
  });
});
