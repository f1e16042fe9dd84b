import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bandOf, closeBands, closeCodes, sanitisedCloseCode } from "../../../src/protocol/close-codes.ts";

describe("a close code", () => {
  it("tells a client what to do by its band, known or not", () => {
    const { stop, backOff, reconnect } = closeBands;
    expect([4000, 4007, 4099].map(bandOf)).toEqual([stop, stop, stop]);
    expect([4100, 4102, 4199].map(bandOf)).toEqual([backOff, backOff, backOff]);
    expect([4200, 4203, 4299].map(bandOf)).toEqual([reconnect, reconnect, reconnect]);
    const bands = new Set<number>(Object.values(closeBands));
    expect([1000, 1006, 1011, 3999, 4300, 4999].filter((code) => bands.has(bandOf(code)))).toEqual([]);
  });

  it("is named once", () => {
    const codes = Object.values(closeCodes);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it("C10 is answered as it came where close takes it, and as 1000 where it throws", () => {
    expect([1000, 1001, 1011, 3000, 4001, 4999].map(sanitisedCloseCode)).toEqual([
      1000, 1001, 1011, 3000, 4001, 4999,
    ]);
    expect([0, 999, 1004, 1005, 1006, 1015, 5000].map(sanitisedCloseCode)).toEqual(new Array(7).fill(1000));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), (code) => {
        const sanitised = sanitisedCloseCode(code);
        expect(sanitised >= 1000 && sanitised < 5000 && ![1004, 1005, 1006, 1015].includes(sanitised)).toBe(
          true,
        );
      }),
    );
  });
});
