/** Steps that are taken more than once: one chain of jobs goes on, and nobody is skipped for it. */
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, test, vi } from "vitest";
import * as claims from "../../../src/lanes/claims.ts";
import { consume } from "../../../src/lanes/consume.ts";
import type { Crowds } from "../../../src/lanes/crowds.ts";
import { parse } from "../../../src/lanes/envelope.ts";
import { beginning, encodeJob } from "../../../src/lanes/job.ts";
import { fanoutLimits, messageLimits } from "../../../src/limits.ts";
import { topic, type UserId } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import { aMessage, handed, manyUsers } from "../../support/lanes.ts";
import { sqlOn, standIn } from "../../support/sqlite-state.ts";

const news = { topic: topic.parse("news") };

beforeEach(() => {
  for (const level of ["info", "warn", "error"] as const) vi.spyOn(console, level).mockReturnValue();
});

/** A topic of these members, the lane to it, and what has happened. */
class Fanning {
  readonly jobs: string[] = [];
  readonly reached: UserId[] = [];
  /** Jobs that were taken by the consumer, and those of them whose place another one had. */
  steps = 0;
  taken = 0;
  now = 1_000;
  /** Whether the next send is lost on its way. */
  losing = false;
  readonly #members: readonly UserId[];
  readonly #sql: SqlStorage = standIn(sqlOn(new DatabaseSync(":memory:")));
  #chain = 0;

  constructor(members: readonly UserId[]) {
    this.#members = members;
    claims.createTable(this.#sql);
  }

  begin(message: AcceptedMessage): void {
    this.jobs.push(encodeJob(beginning(message, news, 0.5)));
  }

  /** Hands out the job so many times, until none is left. */
  async workOff(times: number): Promise<void> {
    for (let text = this.jobs.shift(); text !== undefined; text = this.jobs.shift()) {
      for (let attempts = 1; attempts <= times; attempts += 1) await this.take(text, attempts);
    }
  }

  async take(text: string, attempts: number) {
    this.steps += 1;
    const message = handed(text, { attempts });
    const { recipients } = await consume("normal", [message], {
      crowds: this.#crowds(),
      lanes: { send: async (_lane, texts, delaySeconds = 0) => this.#send(texts, delaySeconds) },
      deliver: () => Promise.reject(new Error("this lane has jobs only")),
      now: () => this.now,
      random: () => {
        this.#chain += 1;
        return this.#chain / 1e6;
      },
    });
    this.taken += recipients.duplicate ?? 0;
    return message.fate;
  }

  #send(texts: readonly string[], delaySeconds: number): void {
    if (this.losing) throw new Error("network");
    this.now += delaySeconds * 1_000;
    for (const text of texts) {
      const parsed = parse(text);
      if (parsed.kind === "job") this.jobs.push(text);
      if (parsed.kind === "envelope")
        this.reached.push(...parsed.envelope.items.flatMap(({ users }) => users));
    }
  }

  #crowds(): Crowds {
    const claim = (one: claims.Claim) => claims.claim(this.#sql, one, this.now);
    return {
      begin: async () => ({ share: news }),
      claim: async (one) => claim(one),
      page: async ({ id, at: accepted }, _share, { page: place, after, chain }, limit) => {
        const from = after === undefined ? 0 : this.#members.indexOf(after) + 1;
        const users = this.#members.slice(from, from + limit);
        const last = users.at(-1);
        const page =
          last !== undefined && from + users.length < this.#members.length
            ? { users, next: last }
            : { users };
        if (page.next === undefined && place === 0) return page;
        return claim({ id, accepted, place, chain }) ? page : "taken";
      },
    };
  }
}

/** So long that a step holds a few hundred of them. */
const long = aMessage(1, { body: JSON.stringify("x".repeat(messageLimits.maxDataBytes - 2)) });

describe("a step that is handed out twice", () => {
  test.each([2_000, 4_000, 8_000])(
    "makes no second chain: of %i users each is on two sends",
    async (count) => {
      const fanning = new Fanning(manyUsers(count));
      fanning.begin(long);
      await fanning.workOff(2);
      expect(new Set(fanning.reached).size).toBe(count);
      expect(fanning.reached).toHaveLength(2 * count);
      // Each page is taken twice by its job; the copies of that job, twice, find it taken.
      expect(fanning.steps - fanning.taken).toBe(2 * (count / 200));
      expect(fanning.taken).toBe(2 * (count / 200 - 1));
    },
  );

  test("makes none either while the message waits for its time", async () => {
    const fanning = new Fanning(manyUsers(10));
    const rounds = 2 * 30;
    const deliverAt = fanning.now + rounds * fanoutLimits.maxDelaySeconds * 1_000;
    fanning.begin(aMessage(1, { deliverAt }));
    await fanning.workOff(2);
    expect(new Set(fanning.reached)).toEqual(new Set(manyUsers(10)));
    expect(fanning.steps).toBeLessThanOrEqual(4 * rounds + 4);
  });
});

describe("a step whose send is lost", () => {
  test("is repeated by the same job, whose claim stands", async () => {
    const fanning = new Fanning(manyUsers(500));
    fanning.begin(long);
    const [first = ""] = fanning.jobs.splice(0);
    fanning.losing = true;
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      expect(await fanning.take(first, attempts)).toEqual({ delaySeconds: expect.any(Number) });
    }
    expect(fanning.reached).toEqual([]);
    fanning.losing = false;
    expect(await fanning.take(first, 4)).toBe("ack");
    await fanning.workOff(1);
    expect(fanning.reached).toEqual(manyUsers(500));
    expect(fanning.taken).toBe(0);
  });

  test("is not repeated where its answer was lost and the next job has gone on", async () => {
    const fanning = new Fanning(manyUsers(1_000));
    fanning.begin(long);
    const [first = ""] = fanning.jobs.splice(0);
    await fanning.take(first, 1);
    const [second = ""] = fanning.jobs;
    await fanning.take(second, 1);
    fanning.jobs.shift();
    expect(await fanning.take(first, 2)).toBe("ack");
    expect(fanning.taken).toBe(1);
    await fanning.workOff(1);
    expect(fanning.reached).toEqual(manyUsers(1_000));
  });
});

describe("a claim", () => {
  const sql: SqlStorage = standIn(sqlOn(new DatabaseSync(":memory:")));
  claims.createTable(sql);
  const of = (place: number, chain: number) => ({ id: aMessage(2).id, accepted: 1, place, chain });

  test("is one job's, as often as it asks, until a later place is claimed", () => {
    expect(claims.isTaken(sql, of(-3, 0.1))).toBe(false);
    expect(claims.claim(sql, of(-3, 0.1), 1_000)).toBe(true);
    expect(claims.claim(sql, of(-3, 0.1), 2_000)).toBe(true);
    expect(claims.claim(sql, of(-3, 0.2), 2_000)).toBe(false);
    expect(claims.claim(sql, of(0, 0.3), 3_000)).toBe(true);
    expect(claims.isTaken(sql, of(-3, 0.1))).toBe(true);
    expect(claims.isTaken(sql, of(0, 0.3))).toBe(false);
    expect(claims.isTaken(sql, of(1, 0.4))).toBe(false);
    expect(claims.isTaken(sql, { ...of(0, 0.4), accepted: 2 })).toBe(false);
  });

  test("is forgotten when no copy of its step can come any more", () => {
    const end = 3_000 + fanoutLimits.claimKeptMs;
    expect(claims.earliestEnd(sql)).toBe(end);
    claims.sweep(sql, end - 1);
    expect(claims.isTaken(sql, of(0, 0.5))).toBe(true);
    claims.sweep(sql, end);
    expect(claims.isTaken(sql, of(0, 0.5))).toBe(false);
    expect(claims.earliestEnd(sql)).toBeUndefined();
  });
});
