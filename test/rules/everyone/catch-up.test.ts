import { describe, expect, test } from "vitest";
import { type CatchingUp, takePage } from "../../../src/hub/catch-up.ts";
import type { Verdict } from "../../../src/protocol/delivery.ts";
import { userId } from "../../../src/protocol/ids.ts";
import { messages } from "../../support/messages.ts";

/** A user whose stream answers with these verdicts, and what was done, in order. */
function user(verdicts: readonly Verdict[], bury: CatchingUp["bury"] = async () => {}) {
  const done: string[] = [];
  const reader: CatchingUp = {
    id: userId.parse("alice"),
    now: () => 7,
    deliver: async (list) => {
      done.push(`deliver ${list.length}`);
      return { verdicts, devices: verdicts.map(() => 0) };
    },
    bury: async (records) => {
      done.push(`bury ${records.map(({ reason, at }) => `${reason} ${at}`)}`);
      await bury(records);
    },
    saw: (upTo) => done.push(`saw ${upTo}`),
  };
  return { done, reader };
}

const page = {
  entries: messages(2).map((message, index) => ({ seq: index + 1, message })),
  upTo: 4,
  head: 9,
};

describe("a page of the log", () => {
  test("is delivered, and then counts as read", async () => {
    const { done, reader } = user([{ verdict: "committed", seq: 1 }, { verdict: "expired" }]);
    await takePage(page, reader);
    expect(done).toEqual(["deliver 2", "saw 4"]);
  });

  test("with nothing on it is only read", async () => {
    const { done, reader } = user([]);
    await takePage({ ...page, entries: [] }, reader);
    expect(done).toEqual(["saw 4"]);
  });

  test("makes dead letters of what the stream refuses, before it counts as read", async () => {
    const { done, reader } = user([{ verdict: "inbox_full" }, { verdict: "id_conflict" }]);
    await takePage(page, reader);
    expect(done).toEqual(["deliver 2", "bury inbox_full 7,id_conflict 7", "saw 4"]);
  });

  test("is not read while a dead letter can't be kept", async () => {
    const { done, reader } = user([{ verdict: "inbox_full" }], async () => {
      throw new Error("the lane refuses");
    });
    await expect(takePage(page, reader)).rejects.toThrow("the lane refuses");
    expect(done).not.toContain("saw 4");
  });
});
