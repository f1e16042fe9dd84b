import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonBounds, jsonFault, utf8Length } from "../../../src/protocol/json.ts";

const bounds: JsonBounds = { maxDataBytes: 100, maxDataDepth: 3, maxDataNodes: 20 };

describe("the bounds of JSON", () => {
  it("let scalars, objects and lists through", () => {
    for (const value of [null, 0, "x", true, [], {}, { a: [1, { b: 2 }] }])
      expect(jsonFault(value, bounds)).toBeUndefined();
  });

  it("B17 count containers inside each other", () => {
    expect(jsonFault([[[1]]], bounds)).toBeUndefined();
    expect(jsonFault([[[[]]]], bounds)?.code).toBe("too_deep");
    expect(jsonFault({ a: { b: { c: {} } } }, bounds)?.code).toBe("too_deep");
  });

  it("B17 survive a million levels", () => {
    let deep: unknown = [];
    for (let level = 0; level < 1_000_000; level += 1) deep = [deep];
    expect(jsonFault(deep, bounds)?.code).toBe("too_deep");
  });

  it("G7 count values, and stop counting in time", () => {
    expect(
      jsonFault(
        Array.from({ length: 19 }, () => 1),
        bounds,
      ),
    ).toBeUndefined();
    expect(
      jsonFault(
        Array.from({ length: 20 }, () => 1),
        bounds,
      )?.code,
    ).toBe("too_complex");
  });

  it("B18 refuse a number that JSON can't say", () => {
    expect(jsonFault({ a: JSON.parse("1e400") }, bounds)?.code).toBe("not_finite");
    expect(jsonFault(-0, bounds)).toBeUndefined();
  });

  it("count bytes of UTF-8, quotes and escapes included", () => {
    expect(jsonFault("x".repeat(98), bounds)).toBeUndefined();
    expect(jsonFault("x".repeat(99), bounds)?.code).toBe("too_large");
    expect(jsonFault("€".repeat(33), bounds)?.code).toBe("too_large");
    expect(jsonFault("\n".repeat(50), bounds)?.code).toBe("too_large");
  });

  it("take nothing for null", () => {
    expect(jsonFault(undefined, bounds)).toBeUndefined();
    expect(jsonFault(undefined, { ...bounds, maxDataBytes: 3 })?.code).toBe("too_large");
  });

  it("never fault on what is within them", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(text.length < 5_000);
        const roomy = { maxDataBytes: utf8Length(text), maxDataDepth: 5, maxDataNodes: 10_000 };
        expect(jsonFault(value, roomy)).toBeUndefined();
        expect(jsonFault(value, { ...roomy, maxDataBytes: roomy.maxDataBytes - 1 })?.code).toBe("too_large");
      }),
    );
  });
});
