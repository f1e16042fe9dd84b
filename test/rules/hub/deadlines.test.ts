import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  closesAt,
  deletableAt,
  due,
  type Holdings,
  nextDeadline,
  nextLook,
  type Pulse,
  pulseDeadline,
  sweepAt,
} from "../../../src/hub/deadlines.ts";
import { inboxLimits, socketLimits, tokenLimits } from "../../../src/limits.ts";
import { now } from "./support.ts";

const { idleTimeoutMs, reauthBeforeMs, silentTimeoutMs } = socketLimits;
const hour = 3_600_000;
const pulse: Pulse = {
  connected: now,
  heard: now,
  pinged: null,
  tokenExpires: now + hour,
  closesAt: now + hour,
  reauthAsked: false,
  stalledUntil: null,
};
const nothing: Holdings = {
  earliestExpiry: undefined,
  oldestCommit: undefined,
  erasedAt: 0,
  revokedBefore: 0,
  lastSeen: now,
  kept: false,
};

describe("a connection", () => {
  it("ends with its token, or with the leeway that let it in", () => {
    expect(closesAt(now + 1, now)).toBe(now + 1);
    expect(closesAt(now, now)).toBe(now + tokenLimits.leewayMs);
  });

  it("has nothing due before the first of its deadlines", () => {
    expect(due(pulse, now)).toBeUndefined();
    expect(pulseDeadline(pulse)).toBe(now + idleTimeoutMs);
  });

  it("is closed for reconnect when it never pinged and nothing was heard for long", () => {
    const at = now + idleTimeoutMs;
    expect(due(pulse, at - 1)).toBeUndefined();
    expect(due(pulse, at)).toEqual({ close: "reconnect" });
    expect(due({ ...pulse, heard: now + 5 }, at)).toBeUndefined();
  });

  it("G4 is closed when it used to ping and went silent, found within five minutes", () => {
    const pinging = { ...pulse, pinged: now + 1_000 };
    const at = now + 1_000 + silentTimeoutMs;
    expect(pulseDeadline(pinging)).toBe(at);
    expect(due(pinging, at - 1)).toBeUndefined();
    expect(due(pinging, at)).toEqual({ close: "heartbeat_timeout" });
    expect(due({ ...pinging, heard: at }, at)).toBeUndefined();
    expect(silentTimeoutMs).toBeLessThanOrEqual(5 * 60_000);
  });

  it("is looked at early while no ping was seen, since the first one goes unnoticed", () => {
    expect(nextLook(pulse, now)).toBe(now + silentTimeoutMs);
    expect(nextLook({ ...pulse, stalledUntil: now + 5 }, now)).toBe(now + 5);
    expect(nextLook({ ...pulse, pinged: now }, now + 7)).toBe(now + silentTimeoutMs);
  });

  it("is asked for a fresh token once, in time, and closed when the old one ends", () => {
    const ending = { ...pulse, tokenExpires: now + 100_000, closesAt: now + 100_000 };
    const asked = { ...ending, reauthAsked: true };
    expect(pulseDeadline(ending)).toBe(now + 100_000 - reauthBeforeMs);
    expect(due(ending, now + 100_000 - reauthBeforeMs - 1)).toBeUndefined();
    expect(due(ending, now + 100_000 - reauthBeforeMs)).toEqual({ reauth: true });
    expect(due(asked, now + 100_000 - 1)).toBeUndefined();
    expect(pulseDeadline(asked)).toBe(now + 100_000);
    expect(due(asked, now + 100_000)).toEqual({ close: "token_expired" });
  });

  it("D19 is closed as slow when its window stays full", () => {
    const stalled = { ...pulse, stalledUntil: now + 10 };
    expect(pulseDeadline(stalled)).toBe(now + 10);
    expect(due(stalled, now + 9)).toBeUndefined();
    expect(due(stalled, now + 10)).toEqual({ close: "slow_consumer" });
  });

  it("is closed for the most final reason of several", () => {
    const everything = { ...pulse, closesAt: now, stalledUntil: now, heard: 0, connected: 0 };
    expect(due(everything, now)).toEqual({ close: "token_expired" });
    expect(due({ ...everything, closesAt: now + 1 }, now)).toEqual({ close: "slow_consumer" });
    expect(due({ ...everything, closesAt: now + 1, stalledUntil: null }, now)).toEqual({
      close: "reconnect",
    });
  });

  it("I15 has something due at its deadline and nothing before", () => {
    const time = fc.integer({ min: now, max: now + 2 * hour });
    const pulses = fc.record({
      connected: time,
      heard: time,
      pinged: fc.option(time),
      tokenExpires: time,
      closesAt: time,
      reauthAsked: fc.boolean(),
      stalledUntil: fc.option(time),
    });
    fc.assert(
      fc.property(pulses, (any) => {
        // A connection never outlives its token by more than the leeway, and never ends before.
        const one = { ...any, closesAt: Math.max(any.closesAt, any.tokenExpires) };
        const at = pulseDeadline(one);
        expect(due(one, at)).toBeDefined();
        expect(due(one, at - 1)).toBeUndefined();
        expect(nextLook(one, now)).toBeLessThanOrEqual(at);
      }),
    );
  });
});

describe("what is stored", () => {
  it("is swept never early, and at most a grain late", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * now }), (expires) => {
        const late = sweepAt(expires) - expires;
        expect(late).toBeGreaterThanOrEqual(0);
        expect(late).toBeLessThan(inboxLimits.sweepGrainMs);
      }),
    );
  });

  it("F4 is not deleted while a message or an id is kept", () => {
    expect(deletableAt({ ...nothing, earliestExpiry: now })).toBeUndefined();
    expect(deletableAt({ ...nothing, oldestCommit: now })).toBeUndefined();
  });

  it("outlives the last connection, an erasure and a revocation for as long as they matter", () => {
    expect(deletableAt(nothing)).toBe(now + inboxLimits.lingerMs);
    expect(deletableAt({ ...nothing, erasedAt: now })).toBe(now + inboxLimits.dedupeHorizonMs);
    const { leewayMs, maxLifetimeSeconds } = tokenLimits;
    expect(deletableAt({ ...nothing, lastSeen: 0, revokedBefore: now })).toBe(
      now + maxLifetimeSeconds * 1_000 + leewayMs,
    );
  });
});

describe("the alarm", () => {
  it("is not needed where nothing is ever due", () => {
    expect(nextDeadline([], undefined, [], now)).toBeUndefined();
  });

  it("comes for the first of the connections", () => {
    const at = nextDeadline([pulse, { ...pulse, stalledUntil: now + 3 }], undefined, [], now);
    expect(at).toBe(now + 3);
  });

  it("comes for the earliest expiry and for the oldest id", () => {
    expect(nextDeadline([], { ...nothing, earliestExpiry: now + 1 }, [], now)).toBe(sweepAt(now + 1));
    expect(nextDeadline([], { ...nothing, oldestCommit: now }, [], now)).toBe(
      sweepAt(now + inboxLimits.dedupeHorizonMs),
    );
  });

  it("comes for the deletion once nobody is connected", () => {
    expect(nextDeadline([], nothing, [], now)).toBe(now + inboxLimits.lingerMs);
    expect(nextDeadline([{ ...pulse, pinged: now + 9 * hour }], nothing, [], now)).toBe(
      now + hour - reauthBeforeMs,
    );
  });

  it("is never set into the past", () => {
    expect(nextDeadline([], { ...nothing, lastSeen: 0 }, [], now)).toBe(now);
  });
});
