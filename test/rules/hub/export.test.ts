import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exportPage, type Shelf } from "../../../src/hub/export.ts";
import type { ExportCursor } from "../../../src/hub/views.ts";

/** A kind of record with keys 1, 2, 3, …, or with none. */
function shelf(name: string, lines: readonly string[], keyed = true): Shelf {
  return (after = 0) =>
    lines.flatMap((line, index) =>
      index + 1 > Number(after) ? [{ line: `${name} ${line}`, ...(keyed ? { key: index + 1 } : {}) }] : [],
    );
}

function pagesOf(shelves: readonly Shelf[], pageLength: number): string[][] {
  const pages: string[][] = [];
  let cursor: ExportCursor | undefined = { shelf: 0 };
  while (cursor !== undefined) {
    const page = exportPage(shelves, cursor, pageLength);
    pages.push([...page.lines]);
    cursor = page.next;
  }
  return pages;
}

describe("an export", () => {
  it("has every record once and in order, whatever the pages hold", () => {
    const kinds = fc.array(fc.record({ lines: fc.array(fc.string()), keyed: fc.boolean() }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: 50 }), (all, pageLength) => {
        const shelves = all.map(({ lines, keyed }, index) => shelf(`${index}`, lines, keyed));
        const every = all.flatMap(({ lines }, index) => lines.map((line) => `${index} ${line}`));
        expect(pagesOf(shelves, pageLength).flat()).toEqual(every);
      }),
    );
  });

  it("ends a page once it is long enough, but not among records without keys", () => {
    const lines = ["aaaa", "bbbb", "cccc"];
    expect(pagesOf([shelf("1", lines)], 10)).toEqual([["1 aaaa", "1 bbbb"], ["1 cccc"]]);
    expect(pagesOf([shelf("1", lines, false), shelf("2", ["d"])], 10)).toEqual([
      ["1 aaaa", "1 bbbb", "1 cccc", "2 d"],
      [],
    ]);
  });
});
