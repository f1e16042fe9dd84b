/** How far a key reaches that is for some topics only: it takes no message away that came by another topic. */
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { mintApiKey } from "../../src/auth/api-key.ts";
import { withdrawal } from "../../src/lanes/withdrawal.ts";
import { type Topic, topic, type UserId } from "../../src/protocol/ids.ts";
import { type AcceptedMessage, acceptedMessage } from "../../src/protocol/message.ts";
import { type TopicPattern, topicPattern } from "../../src/protocol/topic-pattern.ts";
import { accepted, api, inboxOf, problem, publish } from "../support/api.ts";
import { apiKeys } from "../support/credentials.ts";
import { aUser, caughtUp, connect, hubOf } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { message } from "../support/messages.ts";
import { aTopic, join } from "../support/topics.ts";

const within = [topicPattern.parse("team.*")];

function aTeam(): Topic {
  return topic.parse(`team.${crypto.randomUUID()}`);
}

/** The word of a retraction, by a key for these topics. */
function retraction(
  of: AcceptedMessage,
  patterns: readonly TopicPattern[] | undefined = within,
): AcceptedMessage {
  return withdrawal(of.id, "retracted", { now: Date.now(), audience: "", within: patterns });
}

/** A user who is in a topic of the team, and in another one. */
async function aMember(): Promise<{ user: UserId; team: Topic; other: Topic }> {
  const [user, team, other] = [aUser(), aTeam(), aTopic()];
  await join(user, team);
  await join(user, other);
  return { user, team, other };
}

async function verdicts(user: UserId, ...messages: readonly AcceptedMessage[]): Promise<string[]> {
  return (await hubOf(user).deliver(messages)).verdicts.map(({ verdict }) => verdict);
}

describe("a key for some topics", () => {
  test("takes back what came by these, and by none, and nothing of others", async () => {
    const { user, team, other } = await aMember();
    const sent = [message({ topic: team }), message({ topic: other }), message()];
    await verdicts(user, ...sent);
    expect(await verdicts(user, ...sent.map((one) => retraction(one)))).toEqual([
      "committed",
      "withdrawn",
      "committed",
    ]);
    expect((await inboxOf(user)).map(({ id }) => id)).toEqual([sent[1]?.id]);
    // Nothing is left of the attempt: who may do so takes it back after all.
    const unbounded = sent
      .slice(1, 2)
      .map((one) => withdrawal(one.id, "retracted", { now: Date.now(), audience: "" }));
    expect(await verdicts(user, ...unbounded)).toEqual(["committed"]);
    expect(await inboxOf(user)).toEqual([]);
  });

  test("puts its messages in the place of what came by these, and devices are told so of no other", async () => {
    const { user, team, other } = await aMember();
    const device = await connect(user);
    const [own, foreign] = [message({ topic: team }), message({ topic: other })];
    await verdicts(user, own, foreign);
    const [right, wrong] = [own, foreign].map(({ id }) => message({ replaces: id, within }));
    if (right === undefined || wrong === undefined) throw new Error("no messages");
    expect(await verdicts(user, right, wrong, message({ replaces: message().id, within }))).toEqual([
      "committed",
      "committed",
      "committed",
    ]);
    await caughtUp(device, 5);
    const shown = device.all("messages").flatMap((frame) => frame.messages);
    expect(shown.map(({ replaces }) => replaces)).toEqual([
      undefined,
      undefined,
      own.id,
      undefined,
      undefined,
    ]);
    expect(JSON.stringify(device.frames)).not.toContain("within");
    expect((await inboxOf(user)).map(({ id }) => id)).toContain(foreign.id);
    expect((await inboxOf(user)).map(({ id }) => id)).not.toContain(own.id);
  });

  test("bars what has not come yet, if that comes by these topics or by none, through sleep", async () => {
    const { user, team, other } = await aMember();
    const late = [
      message({ topic: team }),
      message({ topic: other }),
      message(),
      message({ topic: team, live: true }),
      message({ topic: other, live: true }),
    ];
    await verdicts(user, ...late.map((one) => retraction(one)));
    await evictDurableObject(hubOf(user));
    expect(await verdicts(user, ...late)).toEqual([
      "withdrawn",
      "committed",
      "withdrawn",
      "withdrawn",
      "live",
    ]);
  });

  test("bars as much together with others as each of them alone, in whatever order", async () => {
    const { user, team, other } = await aMember();
    const board = [topicPattern.parse("board")];
    const topics = [team, other, topic.parse("board")];
    await join(user, topic.parse("board"));
    const cases: readonly [patterns: (readonly TopicPattern[] | undefined)[], expected: string[]][] = [
      [
        [within, board],
        ["withdrawn", "committed", "withdrawn"],
      ],
      [
        [board, board, within],
        ["withdrawn", "committed", "withdrawn"],
      ],
    ];
    for (const [patterns, expected] of cases) {
      const late = topics.map((name) => message({ topic: name }));
      for (const each of patterns) await verdicts(user, ...late.map((one) => retraction(one, each)));
      expect(await verdicts(user, ...late)).toEqual(expected);
    }
    for (const narrowFirst of [true, false]) {
      const one = message({ topic: other });
      const all = withdrawal(one.id, "retracted", { now: Date.now(), audience: "" });
      await verdicts(user, ...(narrowFirst ? [retraction(one), all] : [all, retraction(one)]));
      expect(await verdicts(user, one)).toEqual(["withdrawn"]);
    }
  });

  test("calls off what waits for its time, unless that came by another topic", async () => {
    const { user, team, other } = await aMember();
    const deliverAt = Date.now() + 3_600_000;
    const waiting = [
      message({ topic: team, deliverAt }),
      message({ topic: other, deliverAt }),
      message({ deliverAt }),
    ];
    expect(await verdicts(user, ...waiting)).toEqual(["scheduled", "scheduled", "scheduled"]);
    await verdicts(user, ...waiting.map((one) => retraction(one)));
    const states = await Promise.all(waiting.map(({ id }) => hubOf(user).messageState(id)));
    expect(states.map((state) => state?.state)).toEqual(["retracted", "scheduled", "retracted"]);
  });

  test("is what its retractions and replacements carry, through every lane", async () => {
    const { user, team, other } = await aMember();
    const [own, foreign] = [
      await accepted(publish({ to: { topic: team }, type: "note", data: "own" })),
      await accepted(publish({ to: { topic: other }, type: "note", data: "foreign" })),
    ];
    await eventually(async () => (await inboxOf(user)).length === 2);
    const credential = apiKeys.team;
    const json = { to: { user } };
    for (const { id } of [own, foreign]) {
      await accepted(api("POST", `/v1/messages/${id}/retract`, { credential, json }));
    }
    expect((await inboxOf(user)).map(({ data }) => data)).toEqual(["foreign"]);
    const more = { to: { topic: team }, type: "note", data: "more", replaces: foreign.id };
    await accepted(publish(more, { credential }));
    await eventually(async () => (await inboxOf(user)).length === 2);
    expect(await inboxOf(user)).toMatchObject([{ data: "more" }, { data: "foreign" }]);
    expect((await inboxOf(user))[0]).not.toHaveProperty("replaces");
  });

  test("has no say where a crowd remembers what was retracted before it began", async () => {
    const foreign = message({ topic: aTopic() });
    const insufficient = { status: 403, code: "insufficient_scope" };
    const retracted = (to: object, credential: string, bindings = {}) =>
      api("POST", `/v1/messages/${foreign.id}/retract`, { credential, json: { to }, bindings });
    const crowds = [{ topic: foreign.topic }, { everyone: true }];
    for (const to of crowds) expect(await problem(retracted(to, apiKeys.team))).toMatchObject(insufficient);
    const replacing = { type: "note", replaces: foreign.id };
    for (const to of crowds) {
      expect(await problem(publish({ to, ...replacing }, { credential: apiKeys.team }))).toMatchObject(
        insufficient,
      );
    }
    // With the scope for everyone it has a say there, and still none in the topics.
    const { key, record } = mintApiKey(["publish", "broadcast"], within);
    const bindings = { API_KEYS: JSON.stringify([record]) };
    expect((await retracted({ everyone: true }, key, bindings)).status).toBe(202);
    expect(await problem(retracted({ topic: foreign.topic }, key, bindings))).toMatchObject(insufficient);
  });
});

test("the words of keys for different topics are different messages, and one of a key for all is as it ever was", () => {
  const of = message();
  const words = [
    retraction(of),
    retraction(of, [topicPattern.parse("board")]),
    retraction(of, [...within, topicPattern.parse("board")]),
    withdrawal(of.id, "retracted", { now: Date.now(), audience: "" }),
  ];
  expect(new Set(words.map(({ id }) => id)).size).toBe(4);
  expect(words.map((word) => acceptedMessage.parse(word).within?.length)).toEqual([1, 1, 2, undefined]);
});
