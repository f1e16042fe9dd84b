import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bucket, giveBack, take } from "../../../src/hub/bucket.ts";

describe("C15 the bucket of a connection", () => {
  it("lets a burst through, and then one event too many is too many", () => {
    let bucket: Bucket | undefined;
    for (let event = 0; event < 3; event += 1) bucket = take(bucket, 0, 3, 1);
    expect(bucket).toEqual({ tokens: 0, at: 0 });
    expect(take(bucket, 0, 3, 1)).toBeUndefined();
    expect(take(bucket, 999, 3, 1)).toBeUndefined();
    expect(take(bucket, 1_000, 3, 1)).toEqual({ tokens: 0, at: 1_000 });
  });

  it("is as before once an event turned out to be free", () => {
    const before = { tokens: 2, at: 5 };
    const after = take(before, 5, 3, 1);
    expect(after && giveBack(after)).toEqual(before);
  });

  it("fills up to the burst and no further", () => {
    expect(take({ tokens: 0, at: 0 }, 1e9, 3, 1)).toEqual({ tokens: 2, at: 1e9 });
  });

  it("gives nothing for a clock that steps back", () => {
    expect(take({ tokens: 0.5, at: 10_000 }, 0, 3, 1)).toBeUndefined();
    expect(take({ tokens: 1, at: 10_000 }, 0, 3, 1)).toEqual({ tokens: 0, at: 0 });
  });

  it("never lets through more than the burst and the rate allow", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200 }), (pauses) => {
        let bucket: Bucket | undefined;
        let now = 0;
        let passed = 0;
        for (const pause of pauses) {
          now += pause;
          const after = take(bucket, now, 5, 10);
          if (after === undefined) continue;
          bucket = after;
          passed += 1;
        }
        expect(passed).toBeLessThanOrEqual(5 + (now / 1_000) * 10 + 1e-6);
      }),
    );
  });
});
