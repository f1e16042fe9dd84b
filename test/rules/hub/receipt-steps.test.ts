import { describe, expect, test } from "vitest";
import { asked, isNews, verdictSteps, withStep } from "../../../src/hub/receipt-steps.ts";
import type { Verdict } from "../../../src/protocol/delivery.ts";
import { type ReceiptState, receiptStates } from "../../../src/receipts/event.ts";
import { aMessage } from "../../support/lanes.ts";

/** What is told of a message that comes to these states, one after the other. */
function told(...states: readonly ReceiptState[]): ReceiptState[] {
  let receipts = asked;
  return states.filter((state) => {
    const news = isNews(receipts, state);
    if (news) receipts = withStep(receipts, state);
    return news;
  });
}

describe("of a message with receipts is told", () => {
  test("that it was sent, once, and read, once", () => {
    expect(told("sent", "sent", "read", "sent", "read")).toEqual(["sent", "read"]);
  });

  test("that it was acknowledged, as often as there are devices", () => {
    expect(told("sent", "acknowledged", "acknowledged", "read", "acknowledged")).toEqual([
      ...["sent", "acknowledged", "acknowledged", "read", "acknowledged"],
    ]);
  });

  test.each(["expired", "evicted", "collapsed"] as const)("%s, unless somebody had it", (end) => {
    expect(told("sent", end)).toEqual(["sent", end]);
    expect(told("acknowledged", end)).toEqual(["acknowledged"]);
    expect(told("read", end)).toEqual(["read"]);
  });

  test.each(["retracted", "replaced", "handled"] as const)("%s, whoever had it", (end) => {
    expect(told("sent", "acknowledged", "read", end)).toContain(end);
  });
});

test("of a message without receipts nothing is told", () => {
  expect(receiptStates.filter((state) => isNews(0, state))).toEqual([]);
  expect(verdictSteps(aMessage(1), { verdict: "committed", seq: 1 }, 7)).toEqual([]);
});

test.each([
  [{ verdict: "committed", seq: 1 }, "stored"],
  [{ verdict: "scheduled" }, "scheduled"],
  [{ verdict: "expired" }, "expired"],
  [{ verdict: "withdrawn" }, "withdrawn"],
  [{ verdict: "left" }, "left"],
  [{ verdict: "gone" }, "gone"],
  [{ verdict: "duplicate", seq: 1 }, undefined],
  [{ verdict: "inbox_full" }, undefined],
  [{ verdict: "id_conflict" }, undefined],
] as const satisfies readonly (readonly [Verdict, ReceiptState | undefined])[])(
  "the verdict %j is told as %s",
  (verdict, state) => {
    const message = aMessage(1, { receipts: true });
    const steps = state === undefined ? [] : [{ message: message.id, state, at: 7 }];
    expect(verdictSteps(message, verdict, 7)).toEqual(steps);
  },
);
