import { expect, test } from "vitest";
import {
  ago,
  clock,
  count,
  duration,
  moment,
  perSecond,
  size,
} from "../../../../src/pages/console/format.ts";

const minute = 60_000;
const hour = 60 * minute;

test.each([
  [0, "0 ms"],
  [-5, "0 ms"],
  [18.4, "18 ms"],
  [999.4, "999 ms"],
  [999.7, "1 s"],
  [1_250, "1.25 s"],
  [9_999, "10.00 s"],
  [59_999, "59 s"],
  [minute, "1 min"],
  [200_000, "3 min 20 s"],
  [5 * hour + 2 * minute, "5 h 2 min"],
  [51 * hour, "2 d 3 h"],
])("a duration of %d ms is %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [1_000, "now"],
  [1_999, "now"],
  [1, "now"],
  [13_900, "12 s ago"],
  [-4_999, "in 5 s"],
  [1_000 + hour, "1 h ago"],
])("with the clock at %d, the first second is %s", (now, text) => {
  expect(ago(1_000, now)).toBe(text);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.0 kB"],
  [9_960, "10 kB"],
  [120_000, "120 kB"],
  [999_499, "999 kB"],
  [999_600, "1.0 MB"],
  [3_400_000, "3.4 MB"],
  [5e12, "5000 GB"],
])("%d bytes are %s", (bytes, text) => {
  expect(size(bytes)).toBe(text);
});

test.each([
  [0, "0"],
  [999, "999"],
  [1_000, "1,000"],
  [1_234_567.4, "1,234,567"],
])("%d is counted as %s", (value, text) => {
  expect(count(value)).toBe(text);
});

test.each([
  [0, "0"],
  [0.048, "0.05"],
  [0.44, "0.4"],
  [9.96, "10"],
  [1_200.4, "1,200"],
])("a rate of %d is shown as %s", (rate, text) => {
  expect(perSecond(rate)).toBe(text);
});

test("times are the reader's own, in two digits", () => {
  const at = new Date(2026, 0, 2, 3, 4, 5).getTime();
  expect(clock(at)).toBe("03:04:05");
  expect(moment(at)).toBe("2026-01-02 03:04:05");
});
