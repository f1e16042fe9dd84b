import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AckPoint, ackedAt, type Device, withAck } from "../../../src/hub/devices.ts";
import { socketLimits } from "../../../src/limits.ts";
import { deviceId } from "../../../src/protocol/ids.ts";
import { now } from "./support.ts";

function device(acked: number, history: readonly AckPoint[]): Device {
  return { device: deviceId.parse("phone"), acked, seen: now, history };
}

describe("when a device had a message", () => {
  it("is the first acknowledgement that covers it", () => {
    const phone = device(9, [
      [3, 100],
      [6, 200],
      [9, 300],
    ]);
    expect([1, 3, 4, 6, 9].map((seq) => ackedAt(phone, seq))).toEqual([100, 100, 200, 200, 300]);
  });

  it("is unknown while it did not", () => {
    expect(ackedAt(device(3, [[3, 100]]), 4)).toBeUndefined();
  });

  it("is never told too early, and what is remembered stays bounded, however much is acknowledged", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 300 }), (steps) => {
        let history: readonly AckPoint[] = [];
        const exact = new Map<number, number>();
        let acked = 0;
        for (const [index, step] of steps.entries()) {
          for (let seq = acked + 1; seq <= acked + step; seq += 1) exact.set(seq, index);
          acked += step;
          history = withAck(history, acked, index);
          expect(history.length).toBeLessThanOrEqual(socketLimits.ackHistory);
        }
        const phone = device(acked, history);
        expect(ackedAt(phone, acked)).toBe(steps.length - 1);
        for (const [seq, at] of exact) expect(ackedAt(phone, seq)).toBeGreaterThanOrEqual(at);
      }),
    );
  });
});
