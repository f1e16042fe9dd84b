import fc from "fast-check";
import { expect, test } from "vitest";
import { Expiries } from "../../../src/hub/expiries.ts";

const time = fc.nat({ max: 20 });

test("ends, additions and removals in any order leave what a plain list would", () => {
  const change = fc.tuple(fc.constantFrom("add", "remove", "endUntil"), time);
  fc.assert(
    fc.property(fc.array(time), fc.array(change), (before, changes) => {
      let plain = before.toSorted((a, b) => a - b);
      const expiries = new Expiries(plain);
      for (const [what, at] of changes) {
        if (what === "add") {
          expiries.add(at);
          plain = [...plain, at];
        } else if (what === "remove") {
          expiries.remove(at);
          const place = plain.indexOf(at);
          plain = plain.filter((_, index) => index !== place);
        } else {
          expiries.endUntil(at);
          plain = plain.filter((other) => other > at);
        }
        expect(expiries.count).toBe(plain.length);
      }
    }),
  );
});
