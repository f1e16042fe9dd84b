import { describe, expect, test } from "vitest";
import { type Attending, nextStep } from "../../../src/hub/lease.ts";
import { everyoneLimits } from "../../../src/limits.ts";

const now = 1_000_000_000;
const { renewAfterMs } = everyoneLimits;

/** Connected, registered under 16 just now, with everything read. */
const attending: Attending = {
  online: true,
  lease: { shards: 16, at: now },
  registered: new Set([16]),
  seen: 5,
  head: 5,
  retryAt: 0,
};
const next = (change: Partial<Attending>, shards = 16) => nextStep({ ...attending, ...change }, shards, now);

describe("of a lease", () => {
  test("nothing is told while it stands", () => {
    expect(next({})).toBeUndefined();
    expect(next({ lease: { shards: 16, at: now - renewAfterMs + 1 } })).toBeUndefined();
    expect(next({ online: false, lease: undefined, registered: new Set() })).toBeUndefined();
  });

  test("it is taken where there is none, and renewed once it is five minutes old", () => {
    const came = { kind: "came", shards: 16 };
    expect(next({ lease: undefined, registered: new Set() })).toEqual(came);
    expect(next({ lease: { shards: 16, at: now - renewAfterMs } })).toEqual(came);
  });

  test("it is taken under a new count, and left to end under the old one", () => {
    expect(next({}, 32)).toEqual({ kind: "came", shards: 32 });
    expect(next({ lease: { shards: 32, at: now }, registered: new Set([16, 32]) }, 32)).toBeUndefined();
    // The new one could not be reached: rather twice in a page than in none.
    expect(next({ retryAt: now + 1 }, 32)).toBeUndefined();
  });

  test("it is given back when nobody is connected, wherever it may have been taken", () => {
    const gone = { online: false, lease: undefined, registered: new Set([8, 16]), retryAt: now + 1 };
    expect(next(gone)).toEqual({ kind: "went", shards: 8 });
    expect(next({ ...gone, registered: new Set([16]) })).toEqual({ kind: "went", shards: 16 });
  });

  test("the log is read where it is ahead, while somebody is connected to read it", () => {
    expect(next({ head: 6 })).toEqual({ kind: "read" });
    expect(next({ head: 6, online: false, lease: undefined, registered: new Set() })).toBeUndefined();
  });

  test("after a call that failed, nothing is taken or read for a while", () => {
    expect(next({ head: 6, lease: undefined, retryAt: now + 1 })).toBeUndefined();
    expect(next({ head: 6, retryAt: now })).toEqual({ kind: "read" });
  });
});
