/** A user's attendance, with every call arriving, answering or failing at any point between what else happens. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LogPage } from "../../../src/everyone/calls.ts";
import { Attendance, type Attended } from "../../../src/hub/attendance.ts";
import type { Lease } from "../../../src/hub/lease.ts";
import { everyoneLimits } from "../../../src/limits.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import { EveryoneModel, type Travel } from "../../support/everyone-model.ts";
import { idOf, message } from "../../support/messages.ts";

const user = "alice";

/** What may happen to the user, between any two steps of any call. */
const happenings = [
  "connects",
  "disconnects",
  "speaks",
  "reads",
  "is missed",
  "sleeps",
  "dies",
  "time passes",
  "the lease ends",
  "shards change",
  "a message begins",
] as const;
type Happening = (typeof happenings)[number];

/** The object of one user as its attendance sees it: connections, the leases with them, the stream, how far the log is read. */
class User {
  readonly model: EveryoneModel;
  readonly begun: AcceptedMessage[] = [];
  readonly stream: string[] = [];
  /** Calls of the attendance that were made. */
  readonly calls: string[] = [];
  shards = 1;
  now = 1_000_000;
  #leases: (Lease | undefined)[] = [];
  #logSeen = 0;
  #attendance: Attendance;
  /** An object that died must not go on writing. */
  #life = 0;

  constructor(travel: Travel) {
    this.model = new EveryoneModel(travel, () => this.now);
    this.#attendance = this.#wake();
  }

  get online(): boolean {
    return this.#leases.length > 0;
  }

  async happens(happening: Happening): Promise<void> {
    switch (happening) {
      case "connects":
        this.#leases.push(undefined);
        return this.#attendance.came();
      case "disconnects":
        if (this.online) this.#attendance.left(this.#leases.pop());
        return;
      case "speaks":
        if (this.online) this.#attendance.heard();
        return;
      case "reads":
        return this.#attendance.upToDate();
      case "is missed":
        return this.#attendance.left();
      case "sleeps":
        this.#attendance = this.#wake();
        return;
      case "dies":
        this.#leases = [];
        this.#attendance = this.#wake();
        return;
      case "time passes":
        this.now += everyoneLimits.renewAfterMs;
        return;
      case "the lease ends":
        this.now += everyoneLimits.leaseMs;
        return;
      case "shards change":
        this.shards = (this.shards % 3) + 1;
        return;
      case "a message begins": {
        const sent = message({ id: idOf(`message-${this.begun.length}`) });
        this.begun.push(sent);
        return this.model.fanOut(sent, async (_, { id }) => this.#commit([id]));
      }
    }
  }

  #commit(ids: readonly string[]): void {
    // The real object knows ids as well.
    for (const id of ids) if (!this.stream.includes(id)) this.stream.push(id);
  }

  #wake(): Attendance {
    this.#life += 1;
    const life = this.#life;
    const leases = this.#leases.flatMap((lease) => lease ?? []);
    const alive = (): this => {
      if (this.#life !== life) throw new Error("the object is no more");
      return this;
    };
    const attended: Attended = {
      now: () => this.now,
      shards: () => this.shards,
      shard: (shards) => {
        const shard = alive().model.shard(shards, user);
        const called = (name: string) => {
          this.calls.push(`${name} ${shards}`);
          return shard;
        };
        return {
          came: (since, at) => called("came").came(since, at),
          went: (at) => called("went").went(at),
          head: () => called("head").head(),
        };
      },
      log: () => ({ after: (seq) => alive().model.after(seq) }),
      online: () => this.#life === life && this.online,
      onlineSince: () => (this.online ? this.now : undefined),
      remember: (lease) => {
        alive().#leases = this.#leases.map(() => lease);
      },
      logSeen: () => this.#logSeen,
      take: async ({ entries, upTo }: LogPage) => {
        alive().#commit(entries.map(({ message: { id } }) => id));
        this.#logSeen = Math.max(this.#logSeen, upTo);
      },
      background: () => {},
    };
    return new Attendance(attended, leases);
  }
}

type Fate = "there" | "back" | "never";
const never = () => "never" as const;

/** Calls that fail as they are fated, on their way there or back; `pause` is how long each way takes. */
function travelling(pause: () => Promise<void>, fails: () => Fate = never): Travel {
  return async (effect) => {
    const failure = fails();
    await pause();
    if (failure === "there") throw new Error("lost on its way");
    const answer = await effect();
    await pause();
    if (failure === "back") throw new Error("its answer was lost");
    return answer;
  };
}

function scheduled(scheduler: fc.Scheduler, fails?: () => Fate): Travel {
  return travelling(() => scheduler.schedule(Promise.resolve()), fails);
}

/** Lets things happen, some steps of what is under way between each two, and then lets all of it end. */
async function run(
  scheduler: fc.Scheduler,
  subject: User,
  story: readonly (readonly [Happening, number])[],
): Promise<void> {
  const happening: Promise<void>[] = [];
  for (const [what, steps] of story) {
    happening.push(subject.happens(what));
    for (let step = 0; step < steps && scheduler.count() > 0; step += 1) await scheduler.waitOne();
  }
  await scheduler.waitIdle();
  await Promise.all(happening);
}

/** Lets things happen, each of them once nothing is under way. */
async function inTurn(subject: User, ...story: readonly Happening[]): Promise<void> {
  for (const what of story) {
    await subject.happens(what);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const steps = fc.nat({ max: 6 });
const storyOf = (...without: Happening[]) =>
  fc.array(fc.tuple(fc.constantFrom(...happenings.filter((what) => !without.includes(what))), steps), {
    maxLength: 25,
  });

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("attendance", () => {
  test("every message to all is in the stream once, when the user has connected again, whatever failed before", async () => {
    const faults = fc.infiniteStream(fc.constantFrom<Fate>("never", "never", "never", "there", "back"));
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), storyOf(), faults, async (scheduler, story, fates) => {
        let faulty = true;
        const fate = () => (faulty ? (fates.next().value ?? "never") : "never");
        const subject = new User(scheduled(scheduler, fate));
        await run(scheduler, subject, story);
        faulty = false;
        await run(scheduler, subject, [["connects", 0]]);
        expect(subject.stream.toSorted()).toEqual(subject.begun.map(({ id }) => id).toSorted());
      }),
      { numRuns: 300 },
    );
  });

  test("who is connected when nothing is under way gets what begins then, at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), storyOf(), async (scheduler, story) => {
        const subject = new User(scheduled(scheduler));
        await run(scheduler, subject, story);
        await run(scheduler, subject, [[subject.online ? "speaks" : "connects", 0]]);
        const calls = subject.calls.length;
        await run(scheduler, subject, [["a message begins", 0]]);
        expect(subject.stream).toContain(subject.begun.at(-1)?.id);
        expect(subject.calls.length).toBe(calls);
      }),
      { numRuns: 300 },
    );
  });

  test("who reads the inbox while away finds all that had begun", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), storyOf("connects"), async (scheduler, story) => {
        const subject = new User(scheduled(scheduler));
        await run(scheduler, subject, story);
        await run(scheduler, subject, [["reads", 0]]);
        expect(subject.stream.length).toBe(subject.begun.length);
      }),
      { numRuns: 100 },
    );
  });

  test("who has left is in no shard, as long as the object lived to say so", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        storyOf("dies", "sleeps", "shards change"),
        async (scheduler, story) => {
          const subject = new User(scheduled(scheduler));
          await run(scheduler, subject, story);
          while (subject.online) await run(scheduler, subject, [["disconnects", 0]]);
          expect(subject.model.listings(user)).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("costs one call when the first device comes and one when the last goes, however many come between", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.nat({ max: 5 }), async (scheduler, others) => {
        const subject = new User(scheduled(scheduler));
        const more = Array.from({ length: others }, () => ["connects", 0] as const);
        const less = Array.from({ length: others }, () => ["disconnects", 0] as const);
        await run(scheduler, subject, [["connects", 0], ...more, ...less]);
        await run(scheduler, subject, [
          ["speaks", 0],
          ["reads", 0],
          ["disconnects", 0],
        ]);
        expect(subject.calls).toEqual(["came 1", "went 1"]);
      }),
    );
  });

  test("is renewed by traffic, at most once in five minutes, also after a sleep; silence costs nothing", async () => {
    const subject = new User(travelling(async () => {}));
    await inTurn(subject, "connects", "speaks", "speaks", "sleeps", "speaks");
    expect(subject.calls).toEqual(["came 1"]);
    await inTurn(subject, "time passes", "sleeps");
    expect(subject.calls).toEqual(["came 1"]);
    await inTurn(subject, "speaks", "speaks", "speaks");
    expect(subject.calls).toEqual(["came 1", "came 1"]);
  });

  test("comes to the shard of another count, and stays in the old one for what is on its way there", async () => {
    const subject = new User(travelling(async () => {}));
    await inTurn(subject, "connects", "shards change", "speaks");
    expect(subject.calls).toEqual(["came 1", "came 2"]);
    expect(subject.model.listings(user)).toBe(2);
  });

  test("a call that failed is tried again by traffic a minute later, and at once by the next device", async () => {
    let fate: Fate = "there";
    const subject = new User(
      travelling(
        async () => {},
        () => fate,
      ),
    );
    await inTurn(subject, "connects", "speaks", "speaks");
    expect(subject.calls).toEqual(["came 1"]);
    await inTurn(subject, "connects");
    expect(subject.calls).toEqual(["came 1", "came 1"]);
    fate = "never";
    subject.now += everyoneLimits.retryAfterMs;
    await inTurn(subject, "speaks");
    expect(subject.calls).toEqual(["came 1", "came 1", "came 1"]);
    expect(subject.model.listings(user)).toBe(1);
  });

  test("a user who is wrongly listed is taken out when that shows", async () => {
    const subject = new User(travelling(async () => {}));
    await inTurn(subject, "connects", "dies");
    expect(subject.model.listings(user)).toBe(1);
    await inTurn(subject, "is missed");
    expect(subject.model.listings(user)).toBe(0);
  });

  test("a reader waits for nothing that fails", async () => {
    const subject = new User(
      travelling(
        async () => {},
        () => "there",
      ),
    );
    await inTurn(subject, "reads", "connects", "reads");
    expect(subject.stream).toEqual([]);
    expect(console.warn).toHaveBeenCalledWith(expect.stringContaining("everyone_unread"));
  });
});
