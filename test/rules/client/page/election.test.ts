/** Which tab leads, held against the letter of the Web Locks API. */
import { describe, expect, test } from "vitest";
import { Election, type Locks } from "../../../../src/client/page/election.ts";

/** Locks whose answers the test gives. */
function locks() {
  const asked: { options: Parameters<Locks["request"]>[1]; answer: Parameters<Locks["request"]>[2] }[] = [];
  const request: Locks["request"] = async (_, options, answer) => {
    // As the standard has it: together they are a NotSupportedError.
    expect(options.ifAvailable === true && options.signal !== undefined).toBe(false);
    asked.push({ options, answer });
  };
  return { asked, request };
}

function election() {
  const { asked, request } = locks();
  const told: string[] = [];
  const tab = new Election({ request }, "name", () => void told.push("won"));
  return { asked, told, tab };
}

describe("a tab", () => {
  test("leads at once when nobody else does, until it leaves", async () => {
    const { asked, told, tab } = election();
    const entered = tab.enter();
    const held = asked[0]?.answer({});
    await entered;
    expect(tab.leading).toBe(true);
    expect(told).toEqual([]);
    tab.leave();
    expect(tab.leading).toBe(false);
    await held;
  });

  test("waits for its turn, and is told of it", async () => {
    const { asked, told, tab } = election();
    const entered = tab.enter();
    expect(asked[0]?.answer(null)).toBeUndefined();
    await entered;
    expect(tab.leading).toBe(false);
    expect(asked[1]?.answer({})).toBeInstanceOf(Promise);
    expect(tab.leading).toBe(true);
    expect(told).toEqual(["won"]);
  });

  test("that leaves before its turn gives up its place", async () => {
    const { asked, told, tab } = election();
    const entered = tab.enter();
    asked[0]?.answer(null);
    await entered;
    tab.leave();
    expect(asked[1]?.options.signal?.aborted).toBe(true);
    // The lock was on its way already.
    expect(asked[1]?.answer({})).toBeUndefined();
    expect(tab.leading).toBe(false);
    expect(told).toEqual([]);
  });

  test("that leaves while it is asking does not lead, and may ask again", async () => {
    const { asked, tab } = election();
    const entered = tab.enter();
    tab.leave();
    expect(asked[0]?.answer({})).toBeUndefined();
    await entered;
    expect(tab.leading).toBe(false);
    const again = tab.enter();
    asked[1]?.answer({});
    await again;
    expect(tab.leading).toBe(true);
  });

  test("is told where the browser denies it", async () => {
    const request = () => Promise.reject(new DOMException("denied", "SecurityError"));
    await expect(new Election({ request }, "name", () => {}).enter()).rejects.toThrow("denied");
  });
});
