import { describe, expect, test } from "vitest";
import type { Begun } from "../../../src/everyone/calls.ts";
import { crowdsOf } from "../../../src/lanes/crowds.ts";
import { messageId, topic, type UserId, userId } from "../../../src/protocol/ids.ts";
import { aMessage, users } from "../../support/lanes.ts";
import { namespaceOf, standIn } from "../../support/sqlite-state.ts";

const news = topic.parse("news");
const bob = userId.parse("bob");
const message = aMessage(1);
const first = { page: 0, chain: 0.5 };
const afterBob = { page: 3, after: bob, chain: 0.5 };
const claim = { id: "message-1", accepted: 1_000, place: 3, chain: 0.5 };

interface Answers {
  readonly retracted?: boolean;
  readonly taken?: boolean;
  readonly begun?: Begun;
  readonly next?: readonly UserId[];
}

/** Crowds whose objects answer so, and what was asked of which. */
function crowds({ retracted = false, taken = false, begun, next = [bob] }: Answers = {}) {
  const asked: unknown[] = [];
  const last = next.map((user) => ({ next: user }));
  const TOPIC = namespaceOf((name) => ({
    claim: async (claim: object) => {
      asked.push([name, claim]);
      return !taken;
    },
    begin: async () => ({ retracted }),
    pageFor: async (claim: object, query: object) => {
      asked.push([name, claim, query]);
      if (taken) return "taken";
      if (retracted) return "retracted";
      const members = users("alice", "bob").map((user) => ({ user, presence: false }));
      return Object.assign({ members }, ...last);
    },
  }));
  const EVERYONE = namespaceOf((name) => ({
    claim: async (claim: object) => {
      asked.push([name, claim]);
      return !taken;
    },
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
    expect(await these.page(message, { topic: news }, afterBob, 7)).toEqual({
      users: ["alice", "bob"],
      next: "bob",
    });
    expect(await crowds({ next: [] }).these.page(message, { topic: news }, first, 7)).toEqual({
      users: ["alice", "bob"],
    });
    expect(asked).toEqual([
      ["news", claim, { after: "bob", limit: 7, presenceOnly: false, withLeft: false }],
    ]);
  });

  test("has no page for a message that was retracted meanwhile", async () => {
    const { these } = crowds({ retracted: true });
    expect(await these.page(message, { topic: news }, first, 7)).toBe("withdrawn");
  });

  test("is told which job goes round with a message that waits for its time", async () => {
    const { asked, these } = crowds();
    const asking = { id: message.id, accepted: message.at, place: -8, chain: 0.5 };
    expect(await these.claim(asking, { topic: news })).toBe(true);
    expect(asked).toEqual([["news", asking]]);
    expect(await crowds({ taken: true }).these.claim(asking, { topic: news })).toBe(false);
  });

  test("has pages for one job only", async () => {
    expect(await crowds({ taken: true }).these.page(message, { topic: news }, afterBob, 7)).toBe("taken");
  });

  test("is asked also for those who left, where a message is taken back", async () => {
    const { asked, these } = crowds();
    await these.page(aMessage(2, { retracts: messageId.parse("message-1") }), { topic: news }, first, 7);
    expect(asked).toMatchObject([["news", { place: 0 }, { withLeft: true }]]);
  });

  test("is asked only for those who take part in presence events, where it is one", async () => {
    const { asked, these } = crowds();
    await these.page(message, { topic: news, presenceOnly: true }, first, 7);
    expect(asked).toMatchObject([["news", { place: 0 }, { presenceOnly: true }]]);
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

  test("has shards that one job starts", async () => {
    const { asked, these } = crowds();
    const asking = { id: message.id, accepted: message.at, place: 8, chain: 0.5 };
    expect(await these.claim(asking, all)).toBe(true);
    expect(asked).toEqual([["everyone", asking]]);
    expect(await crowds({ taken: true }).these.claim(asking, all)).toBe(false);
  });

  test("is nobody for what was retracted or is over", async () => {
    expect(await crowds({ begun: { kind: "retracted" } }).these.begin(message, all)).toBe("withdrawn");
    expect(await crowds({ begun: { kind: "expired" } }).these.begin(message, all)).toBe("expired");
  });

  test("is asked shard by shard, each told how far the log goes before it answers", async () => {
    const { asked, these } = crowds();
    const share = { shard: 3, of: 16, log: 7 };
    expect(await these.page(message, share, afterBob, 7)).toEqual({ users: ["carol"] });
    expect(asked).toEqual([["16:3", { head: 7, after: "bob", limit: 7, claim }]]);
  });
});
