import { expect, test } from "vitest";
import { cursorOf, firstPage, newer, older } from "../../../../src/pages/console/page-trail.ts";

test("going back leads through the same pages as going there", () => {
  const third = older(older(firstPage, 90), 80);
  expect([third, newer(third), newer(newer(third))].map(cursorOf)).toEqual([80, 90, undefined]);
});
