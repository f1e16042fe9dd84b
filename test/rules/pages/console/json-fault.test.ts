import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { messageLimits } from "../../../../src/limits.ts";
import { lineAndColumn, readData } from "../../../../src/pages/console/json-fault.ts";

function faultOf(text: string) {
  const read = readData(text);
  if ("value" in read) throw new Error(`${text} is JSON`);
  return read.fault;
}

describe("data", () => {
  test("is what JSON.parse reads, and null where nothing stands", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(readData(text)).toEqual({ value: JSON.parse(text) });
      }),
    );
    expect(readData(" \n")).toEqual({ value: null });
  });

  test("is refused as the hub would refuse it", () => {
    const deep = messageLimits.maxDataDepth + 1;
    expect(faultOf("[".repeat(deep) + "]".repeat(deep))).toEqual({ message: "is nested deeper than 32" });
    expect(faultOf("1e400").message).toBe("holds a number beyond the range of a double");
    expect(faultOf(JSON.stringify("x".repeat(messageLimits.maxDataBytes))).message).toContain(
      "is longer than",
    );
  });
});

describe("a fault in a text", () => {
  test.each([
    ['{ "a": 1, }', 10, "expected a name in double quotes, found }"],
    ['{ "a": 1,\n  b: 2 }', 12, "expected a name in double quotes, found b"],
    ['{ "a" 1 }', 6, 'expected ":", found 1'],
    ['{ "a": }', 7, "expected a value, found }"],
    ['{ "a": 1 "b": 2 }', 9, 'expected "," or "}", found "'],
    ["[1, 2", 5, 'expected "," or "]", found the end'],
    ["[1, 2}", 5, 'expected "," or "]", found }'],
    ["[1,]", 3, "expected a value, found ]"],
    ["{} x", 3, "expected nothing more, found x"],
    ["01", 1, "expected nothing more, found 1"],
    ["-", 0, "expected a value, found -"],
    ["tru", 0, "expected a value, found t"],
    ["'a'", 0, "expected a value, found '"],
    ["“a”", 0, "expected a value, found “"],
    ["😀", 0, "expected a value, found 😀"],
    ['["a', 3, "expected the closing quote, found the end"],
    ['["a\nb"]', 3, "a line break or control character must be escaped"],
    ['["\\x"]', 2, "is no escape that JSON knows"],
    ['{ "a\\u12": 1 }', 4, "is no escape that JSON knows"],
    ['[[{"a":[]},{}],{"b":true},null,-1.5e3,!', 38, "expected a value, found !"],
    ["[".repeat(1_000_000), 1_000_000, "expected a value, found the end"],
  ])("in %.40s is at %d", (text, offset, message) => {
    expect(faultOf(text)).toEqual({ offset, message });
  });

  test("is where a foreign character was put, or at the beginning of what it was put into", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, anywhere) => {
        const at = anywhere % (text.length + 1);
        const { offset } = faultOf(`${text.slice(0, at)}\u0001${text.slice(at)}`);
        expect(offset).toBeLessThanOrEqual(at);
        // The longest that is taken in one piece: `false`, or an escape of six characters.
        expect(offset).toBeGreaterThanOrEqual(at - 5);
      }),
    );
  });
});

test.each([
  ["", 0, 1, 1],
  ["abc", 2, 1, 3],
  ["a\nbc", 2, 2, 1],
  ["a\nbc", 4, 2, 3],
])("in %j the offset %d is line %d, column %d", (text, offset, line, column) => {
  expect(lineAndColumn(text, offset)).toEqual({ line, column });
});
