import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { topic } from "../../../src/protocol/ids.ts";
import { covers, coversPattern, topicPattern } from "../../../src/protocol/topic-pattern.ts";

const allows = (patterns: readonly string[], name: string) =>
  covers(
    patterns.map((pattern) => topicPattern.parse(pattern)),
    topic.parse(name),
  );

const segment = fc.stringMatching(/^[A-Za-z0-9_@~:-]{1,8}$/);
const name = fc
  .array(segment, { minLength: 1, maxLength: 6 })
  .map((segments) => segments.join("."))
  .filter((text) => topic.safeParse(text).success);

describe("a pattern", () => {
  test.each([
    ["a", "a", true],
    ["a", "ab", false],
    ["a", "a.b", false],
    ["a.b", "a.b", true],
    ["a.b", "a.b.c", false],
    ["a.b", "a", false],
    ["*", "a", true],
    ["*", "a.b", false],
    ["a.*", "a", false],
    ["a.*", "a.b", true],
    ["a.*", "a.b.c", false],
    ["a.*", "ab.c", false],
    ["a.*.c", "a.b.c", true],
    ["a.*.c", "a.b.d", false],
    ["a.*.c", "a.c", false],
    ["*.b", "a.b", true],
    ["**", "a", true],
    ["**", "a.b.c.d", true],
    ["a.**", "a", false],
    ["a.**", "a.b", true],
    ["a.**", "a.b.c.d", true],
    ["a.**", "ab.c", false],
    ["a.*.**", "a.b", false],
    ["a.*.**", "a.b.c", true],
    ["A", "a", false],
  ])("C21 %s for %s: %s", (pattern, name, expected) => {
    expect(allows([pattern], name)).toBe(expected);
  });

  test("without stars covers its own topic and no other", () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(allows([one], one)).toBe(true);
        expect(allows([one], other)).toBe(one === other);
      }),
    );
  });

  test("with one star covers what has that many segments and agrees in the others", () => {
    fc.assert(
      fc.property(name, name, fc.nat(), (one, other, place) => {
        const segments = one.split(".");
        const open = place % segments.length;
        const pattern = segments.with(open, "*").join(".");
        const others = other.split(".");
        const agrees =
          others.length === segments.length &&
          segments.every((text, index) => index === open || text === others[index]);
        expect(allows([pattern], one)).toBe(true);
        expect(allows([pattern], other)).toBe(agrees);
      }),
    );
  });

  test("that ends in two stars covers what begins like it and goes on", () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        fc.pre(one.length + other.length < 100);
        expect(allows([`${one}.**`], `${one}.${other}`)).toBe(true);
        expect(allows([`${one}.**`], one)).toBe(false);
        expect(allows([`${one}.**`], other)).toBe(other.startsWith(`${one}.`));
      }),
    );
  });

  test("is one of several, of which one is enough, and none allows nothing", () => {
    expect(allows(["news", "team.*"], "team.7")).toBe(true);
    expect(allows(["news", "team.*"], "teams")).toBe(false);
    expect(allows([], "news")).toBe(false);
  });
});

describe("a pattern within another one", () => {
  const names = ["x", "y", "z"];
  /** All topics of up to four segments: more than a pattern of three can tell apart. */
  const topics = [1, 2, 3, 4].flatMap((length) =>
    Array.from({ length: names.length ** length }, (_, number) => {
      const digits = number.toString(names.length).padStart(length, "0");
      return topic.parse([...digits].map((digit) => names[Number(digit)]).join("."));
    }),
  );
  // No pattern names z, so that no name stands for all that a star does.
  const some = fc
    .tuple(fc.array(fc.constantFrom("x", "y", "*"), { maxLength: 2 }), fc.constantFrom("x", "y", "*", "**"))
    .map(([before, last]) => topicPattern.parse([...before, last].join(".")));

  test("is one whose every topic the other covers", () => {
    fc.assert(
      fc.property(some, some, (own, asked) => {
        const covered = topics.filter((name) => covers([asked], name));
        expect(coversPattern(own, asked)).toBe(covered.every((name) => covers([own], name)));
      }),
      { numRuns: 1_000 },
    );
  });
});

test.each([
  "",
  ".",
  "a.",
  ".a",
  "a..b",
  "a*",
  "*a",
  "a.b*.c",
  "***",
  "a.**.b",
  "**.a",
  "a b",
  "a/b",
  "ä",
  "a".repeat(129),
])("%j is no pattern", (text) => {
  expect(topicPattern.safeParse(text).success).toBe(false);
});

test.each(["a.*", "*", "**", "", ".", "..", "a..b", ".a", "a.", "a b", "a/b", "ä", "t".repeat(300)])(
  "B28 %j is no topic",
  (text) => {
    expect(topic.safeParse(text).success).toBe(false);
  },
);
