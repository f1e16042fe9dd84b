import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import type { LaneView } from "../../../src/http/lanes.ts";
import { pack } from "../../../src/lanes/envelope.ts";
import { lanesOf } from "../../../src/lanes/send.ts";
import { observeLimits } from "../../../src/limits.ts";
import { outcomes } from "../../../src/observe/counts.ts";
import { meterName } from "../../../src/observe/meter.ts";
import { type Priority, priorities } from "../../../src/protocol/priority.ts";
import { accepted, api, broken, type Call, problem, publish, quietly, to } from "../../support/api.ts";
import { connect } from "../../support/connect.ts";
import { apiKeys } from "../../support/credentials.ts";
import { aUser } from "../../support/device.ts";
import { eventually } from "../../support/eventually.ts";
import { recordedQueue } from "../../support/lanes.ts";
import { message } from "../../support/messages.ts";

// The tests need not wait a second for each number.
Object.assign(observeLimits, { gatherMs: 20 });

interface LanesBody {
  readonly at: number;
  readonly since: number;
  readonly lanes: Readonly<Record<Priority, LaneView>>;
}

async function read(call: Call = {}): Promise<LanesBody> {
  const response = await api("GET", "/v1/lanes", call);
  expect(response.status).toBe(200);
  return response.json<LanesBody>();
}

/** Waits until the counts of this isolate have come to the meter and a total of a lane has risen by so much. */
async function risen(
  before: LanesBody,
  lane: Priority,
  rise: Partial<LaneView["total"]>,
): Promise<LanesBody["lanes"][Priority]> {
  const expected = { ...before.lanes[lane].total };
  for (const outcome of outcomes) expected[outcome] += rise[outcome] ?? 0;
  let last = before.lanes[lane];
  await eventually(
    async () => {
      last = (await read()).lanes[lane];
      return JSON.stringify(last.total) === JSON.stringify(expected);
    },
    { what: () => `${JSON.stringify(last.total)} is ${JSON.stringify(expected)}` },
  );
  return last;
}

const sum = (lane: LaneView, of: (interval: LaneView["recent"][number]) => number) =>
  lane.recent.reduce((total, interval) => total + of(interval), 0);

const nothing = {
  backlog: { envelopes: 0, bytes: 0 },
  total: Object.fromEntries(outcomes.map((outcome) => [outcome, 0])),
  recent: [],
};

test("the lanes of a hub that has done nothing are empty", async () => {
  const { at, since, lanes } = await read();
  expect(lanes).toEqual({ critical: nothing, high: nothing, normal: nothing, low: nothing });
  expect(since).toBe(at);
});

test("the lanes are shown to no key without the scope metrics", async () => {
  const refused = await problem(api("GET", "/v1/lanes", { credential: apiKeys.reader }));
  expect(refused).toMatchObject({ status: 403, code: "insufficient_scope" });
});

test("recipients are counted when they are accepted and when their objects have them, by lane", async () => {
  const [online, away] = [aUser(), aUser()];
  await connect(online);
  const before = await read();
  await accepted(publish(to(online, away)));
  await accepted(publish({ messages: [to(online), { ...to(away), priority: "low", ttl: 0 }] }));
  const normal = await risen(before, "normal", { accepted: 3, committed: 3 });
  expect(sum(normal, ({ accepted }) => accepted)).toBe(3);
  expect(sum(normal, ({ delivered }) => delivered)).toBe(3);
  const low = await risen(before, "low", { accepted: 1, live: 1 });
  expect(sum(low, ({ delivered }) => delivered)).toBe(1);
});

test("the time until a device has it is counted for who is online, through a lane and past it", async () => {
  const [online, away] = [aUser(), aUser()];
  await connect(online);
  const before = await read();
  for (const priority of ["critical", "high"] as const) {
    await accepted(publish({ ...to(online, away), priority }));
    const lane = await risen(before, priority, { accepted: 2, committed: 2 });
    const reached = lane.recent.filter(({ latency }) => latency.count > 0);
    expect(reached).toMatchObject([{ latency: { count: 1 } }]);
    for (const { latency } of reached) {
      expect(latency.p50).toBeGreaterThanOrEqual(0);
      expect(latency.p95).toBeGreaterThanOrEqual(latency.p50);
      expect(latency.p99).toBeGreaterThanOrEqual(latency.p95);
    }
  }
});

test("who could not be reached at once is counted as retried, and then by what the lane brings about", async () => {
  const before = await read();
  await quietly(() =>
    accepted(
      publish(
        { ...to(aUser()), priority: "critical" },
        { bindings: { USER_HUB: broken(env.USER_HUB, new Error("network")) } },
      ),
    ),
  );
  await risen(before, "critical", { accepted: 1, retried: 1, committed: 1 });
});

test("the word of a retraction is counted in the lane of its priority, though it goes at once", async () => {
  const before = await read();
  const retract = (call: Call = {}) =>
    accepted(api("POST", "/v1/messages/never-came-1/retract", { json: { to: { user: aUser() } }, ...call }));
  await retract();
  await risen(before, "high", { accepted: 1, withdrawn: 1 });
  await quietly(() => retract({ bindings: { USER_HUB: broken(env.USER_HUB, new Error("network")) } }));
  // Its lane brings it then.
  await risen(before, "high", { accepted: 2, retried: 1, withdrawn: 2 });
});

test("an id of another content is counted as dead, at once and through a lane", async () => {
  const [user, before] = [aUser(), await read()];
  await accepted(publish({ ...to(user), id: "conflicting-1", data: 1, priority: "critical" }));
  await accepted(publish({ ...to(user), id: "conflicting-1", data: 2, priority: "critical" }));
  await accepted(publish({ ...to(user), id: "conflicting-1", data: 3 }));
  await risen(before, "critical", { accepted: 2, committed: 1, dead: 1 });
  await risen(before, "normal", { accepted: 1, dead: 1 });
});

test("what the platform gave up is counted as dead in its lane", async () => {
  const before = await read();
  const texts = pack([{ message: message({ priority: "low" }), users: [aUser(), aUser()] }]);
  await quietly(async () => {
    await lanesOf(env).send("dead", texts);
    const low = await risen(before, "low", { dead: 2 });
    expect(sum(low, ({ dead }) => dead)).toBe(2);
  });
});

test("a meter that fails neither refuses nor loses anything: it is told with the next counts", async () => {
  const before = await read();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  // Straight to the user, so that no consumer's count comes between.
  const push = (call: Call = {}) => accepted(publish({ ...to(aUser()), priority: "critical" }, call));
  await push({ bindings: { METER: broken(env.METER, new Error("the meter is gone")) } });
  await eventually(() => warn.mock.calls.some(([line]) => String(line).includes("counts_not_sent")));
  warn.mockRestore();
  await push();
  await risen(before, "critical", { accepted: 2, committed: 2 });
});

test("the backlog of a lane whose queue fails is null, and the others are there", async () => {
  const failing: Queue = {
    ...recordedQueue(),
    metrics: async () => {
      throw new Error("Too Many Requests");
    },
  };
  const { lanes } = await quietly(() => read({ bindings: { LANE_LOW: failing } }));
  expect(lanes.low).toMatchObject({ backlog: null, total: expect.any(Object) });
  for (const lane of priorities.filter((name) => name !== "low")) {
    expect(lanes[lane].backlog).toEqual({ envelopes: 0, bytes: 0 });
  }
});

test("counts hold nothing of users and messages", async () => {
  const before = await read();
  const canary = { to: { user: "canary-user" }, type: "canary-type", data: "canary-data", id: "canary-id" };
  await accepted(publish(canary));
  await risen(before, "normal", { accepted: 1, committed: 1 });
  const kept = await runInDurableObject(env.METER.getByName(meterName), (_, { storage }) =>
    JSON.stringify([...storage.kv.list()]),
  );
  expect(kept).toContain("committed");
  expect(kept).not.toContain("canary");
});
