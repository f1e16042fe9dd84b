import { describe, expect, test } from "vitest";
import { attentionLimits } from "../../../src/limits.ts";
import { userPreferences } from "../../../src/protocol/preferences.ts";

const night = { timeZone: "Europe/Berlin", from: "22:00", to: "07:00" };

/** Where a value is refused; none where it is taken. */
function faults(value: unknown): string[] {
  return userPreferences.safeParse(value).error?.issues.map(({ path }) => path.join(".")) ?? [];
}

describe("preferences", () => {
  test("may say nothing, or everything", () => {
    expect(userPreferences.parse({})).toEqual({ muted: [] });
    const all = { muted: ["billing"], minPriority: "high", quietHours: { ...night, days: [0, 6] } };
    expect(userPreferences.parse(all)).toEqual(all);
  });

  test("have no unknown fields and no strange values", () => {
    expect(faults({ mute: [] })).toEqual([""]);
    expect(faults({ muted: ["a b"] })).toEqual(["muted.0"]);
    expect(faults({ minPriority: "urgent" })).toEqual(["minPriority"]);
    expect(faults({ quietHours: { ...night, on: true } })).toEqual(["quietHours"]);
    expect(faults({ quietHours: { from: "22:00", to: "07:00" } })).toEqual(["quietHours.timeZone"]);
  });

  test("mute up to a hundred categories", () => {
    const categories = Array.from({ length: attentionLimits.maxMuted + 1 }, (_, index) => `about-${index}`);
    expect(faults({ muted: categories })).toEqual(["muted"]);
    expect(faults({ muted: categories.slice(1) })).toEqual([]);
  });

  test.each([
    "Europe/Berlin",
    "America/Argentina/ComodRivadavia",
    "Asia/Calcutta",
    "Asia/Kolkata",
    "Etc/GMT+5",
    "UTC",
  ])("know the time zone %s", (timeZone) => {
    expect(faults({ quietHours: { ...night, timeZone } })).toEqual([]);
  });

  test.each([
    ["an unknown place", "Europe/Atlantis"],
    ["an offset", "+01:00"],
    ["nothing", ""],
    ["a long text", `Europe/${"x".repeat(60)}`],
    ["no text", 7],
  ])("refuse %s for a time zone", (_, timeZone) => {
    expect(faults({ quietHours: { ...night, timeZone } })).toEqual(["quietHours.timeZone"]);
  });

  test.each(["24:00", "7:00", "07:60", "07:00:00", "", "٠٧:٠٠"])("refuse the time %j", (from) => {
    expect(faults({ quietHours: { ...night, from } })).toEqual(["quietHours.from"]);
  });

  test("refuse quiet hours that end when they begin: all day or never, who knows", () => {
    expect(faults({ quietHours: { ...night, to: "22:00" } })).toEqual(["quietHours.to"]);
    expect(faults({ quietHours: { ...night, to: "21:59" } })).toEqual([]);
  });

  test("name days once, from Sunday, 0, to Saturday, 6", () => {
    expect(faults({ quietHours: { ...night, days: [0, 1, 2, 3, 4, 5, 6] } })).toEqual([]);
    expect(faults({ quietHours: { ...night, days: [] } })).toEqual(["quietHours.days"]);
    expect(faults({ quietHours: { ...night, days: [7] } })).toEqual(["quietHours.days.0"]);
    expect(faults({ quietHours: { ...night, days: [1, 1] } })).toEqual(["quietHours.days"]);
  });
});
