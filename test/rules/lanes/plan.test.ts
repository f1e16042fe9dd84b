import { expect, test } from "vitest";
import type { Addressed } from "../../../src/lanes/envelope.ts";
import { plan } from "../../../src/lanes/plan.ts";
import { aMessage, to } from "../../support/lanes.ts";

const envelope = (enqueued: number, ...items: Addressed[]) => ({ envelope: { attempt: 0, items }, enqueued });

test("a user gets one call with everything that the batch holds for it", () => {
  const [one, two, three] = [
    to(aMessage(1), "alice", "bob"),
    to(aMessage(2), "bob"),
    to(aMessage(3), "alice"),
  ];
  expect(plan([envelope(1, one, two), envelope(2, three)])).toEqual([
    { user: "alice", items: [one, three] },
    { user: "bob", items: [one, two] },
  ]);
});

test("the urgent goes first, then what waited longest, then what came first", () => {
  const low = to(aMessage(1, { priority: "low" }), "alice");
  const late = to(aMessage(2, { priority: "high" }), "alice");
  const early = to(aMessage(3, { priority: "high" }), "alice");
  const sameTime = to(aMessage(4, { priority: "high" }), "alice");
  const critical = to(aMessage(5, { priority: "critical" }), "alice");
  const [call] = plan([
    envelope(1, low),
    envelope(9, late),
    envelope(5, early, sameTime),
    envelope(10, critical),
  ]);
  expect(call?.items).toEqual([critical, early, sameTime, late, low]);
});

test("the user of the most urgent message is called first", () => {
  const low = to(aMessage(1, { priority: "low" }), "alice");
  const critical = to(aMessage(2, { priority: "critical" }), "bob", "alice");
  expect(plan([envelope(1, low), envelope(2, critical)]).map(({ user }) => user)).toEqual(["bob", "alice"]);
});

test("an empty batch needs no call", () => {
  expect(plan([])).toEqual([]);
});
