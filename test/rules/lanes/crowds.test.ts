import { describe, expect, test } from "vitest";
import type { Begun } from "../../../src/everyone/calls.ts";
import { crowdsOf } from "../../../src/lanes/crowds.ts";
import { messageId, topic, type UserId, userId } from "../../../src/protocol/ids.ts";
import { aMessage, users } from "../../support/lanes.ts";
import { namespaceOf, standIn } from "../../support/sqlite-state.ts";

const news = topic.parse("news");
const bob = userId.parse("bob");
const message = aMessage(1);

interface Answers {
  readonly retracted?: boolean;
  readonly begun?: Begun;
  readonly next?: readonly UserId[];
}

/** Crowds whose objects answer so, and what was asked of which. */
function crowds({ retracted = false, begun, next = [bob] }: Answers = {}) {
  const asked: unknown[] = [];
  const last = next.map((user) => ({ next: user }));
  const TOPIC = namespaceOf((name) => ({
    begin: async () => ({ retracted }),
    page: async (query: object) => {
      asked.push([name, query]);
      const members = users("alice", "bob").map((user) => ({ user, presence: false }));
      return Object.assign({ members }, ...last);
    },
  }));
  const EVERYONE = namespaceOf((name) => ({
    begin: async () => {
      asked.push(name);
      return begun;
    },
  }));
  const EVERYONE_SHARD = namespaceOf((name) => ({
    page: async (query: object) => {
      asked.push([name, query]);
      return { users: users("carol") };
    },
  }));
  return { asked, these: crowdsOf(standIn({ TOPIC, EVERYONE, EVERYONE_SHARD })) };
}

describe("a topic", () => {
  test("is one share, unless the message was retracted", async () => {
    expect(await crowds().these.begin(message, { topic: news })).toEqual({ share: { topic: "news" } });
    expect(await crowds({ retracted: true }).these.begin(message, { topic: news })).toBe("withdrawn");
  });

  test("is asked for its members, page by page", async () => {
    const { asked, these } = crowds();
    expect(await these.page(message, { topic: news }, bob, 7)).toEqual({
      users: ["alice", "bob"],
      next: "bob",
    });
    expect(await crowds({ next: [] }).these.page(message, { topic: news }, undefined, 7)).toEqual({
      users: ["alice", "bob"],
    });
    expect(asked).toEqual([["news", { after: "bob", limit: 7, presenceOnly: false, withLeft: false }]]);
  });

  test("is asked also for those who left, where a message is taken back", async () => {
    const { asked, these } = crowds();
    await these.page(aMessage(2, { retracts: messageId.parse("message-1") }), { topic: news }, undefined, 7);
    expect(asked).toMatchObject([["news", { withLeft: true }]]);
  });

  test("is asked only for those who take part in presence events, where it is one", async () => {
    const { asked, these } = crowds();
    await these.page(message, { topic: news, presenceOnly: true }, undefined, 7);
    expect(asked).toMatchObject([["news", { presenceOnly: true }]]);
  });
});

describe("everyone", () => {
  const all = { everyone: "all" } as const;

  test("is the shards of each number in use, as the log says", async () => {
    const { asked, these } = crowds({ begun: { kind: "begun", head: 7, shards: [16, 32] } });
    expect(await these.begin(message, all)).toEqual({ counts: [16, 32], log: 7 });
    expect(asked).toEqual(["everyone"]);
    const kept = crowds({ begun: { kind: "begun", head: 7, seq: 5, shards: [16] } });
    expect(await kept.these.begin(message, all)).toEqual({ counts: [16], log: 7, logSeq: 5 });
  });

  test("is nobody for what was retracted or is over", async () => {
    expect(await crowds({ begun: { kind: "retracted" } }).these.begin(message, all)).toBe("withdrawn");
    expect(await crowds({ begun: { kind: "expired" } }).these.begin(message, all)).toBe("expired");
  });

  test("is asked shard by shard, each told how far the log goes before it answers", async () => {
    const { asked, these } = crowds();
    const share = { shard: 3, of: 16, log: 7 };
    expect(await these.page(message, share, bob, 7)).toEqual({ users: ["carol"] });
    expect(asked).toEqual([["16:3", { head: 7, after: "bob", limit: 7 }]]);
  });
});
