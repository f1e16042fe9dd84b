import { afterEach, describe, expect, it } from "vitest";
import { assertLimits, inboxLimits, requestLimits, socketLimits } from "../../src/limits.ts";
import { publisherLimits } from "../../src/publisher/limits.ts";

const { dedupeHorizonMs } = inboxLimits;
const { heartbeatMs } = socketLimits;

describe("the limits", () => {
  afterEach(() => {
    Object.assign(inboxLimits, { dedupeHorizonMs });
    Object.assign(socketLimits, { heartbeatMs });
  });

  it("agree with each other", () => {
    expect(assertLimits).not.toThrow();
  });

  it("know how long the publisher waits for an answer", () => {
    expect(requestLimits.patienceMs).toBe(publisherLimits.timeoutMs);
  });

  it("are refused by name where they contradict each other", () => {
    Object.assign(inboxLimits, { dedupeHorizonMs: 1 });
    Object.assign(socketLimits, { heartbeatMs: 1e9 });
    expect(assertLimits).toThrow(/retention ends inside the dedupe horizon.*a client may miss a ping/);
  });
});
