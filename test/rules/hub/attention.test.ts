import { describe, expect, test } from "vitest";
import { attention } from "../../../src/hub/attention.ts";
import { category } from "../../../src/protocol/ids.ts";
import { noPreferences, type UserPreferences, userPreferences } from "../../../src/protocol/preferences.ts";
import { type Priority, priorities } from "../../../src/protocol/priority.ts";

const night = Date.parse("2027-01-10T23:00:00Z");
const noon = Date.parse("2027-01-10T12:00:00Z");
const quietHours = { timeZone: "Europe/Berlin", from: "22:00", to: "07:00" };

function preferences(sent: unknown): UserPreferences {
  return userPreferences.parse(sent);
}

function message(priority: Priority = "normal", about?: string) {
  return { priority, ...(about === undefined ? {} : { category: category.parse(about) }) };
}

describe("a message", () => {
  test("of a user who has said nothing is announced", () => {
    for (const priority of priorities) {
      expect(attention(message(priority, "billing"), noPreferences, night)).toBe("announce");
    }
  });

  test("of a muted category is silent, and others are not", () => {
    const muted = preferences({ muted: ["billing"] });
    expect(attention(message("high", "billing"), muted, noon)).toBe("silent");
    expect(attention(message("high", "builds"), muted, noon)).toBe("announce");
    expect(attention(message("high"), muted, noon)).toBe("announce");
  });

  test("less urgent than the least that is wanted is silent", () => {
    const urgent = preferences({ minPriority: "high" });
    const decided = priorities.map((priority) => attention(message(priority), urgent, noon));
    expect(decided).toEqual(["announce", "announce", "silent", "silent"]);
  });

  test("is held in quiet hours, and announced outside of them", () => {
    const quiet = preferences({ quietHours });
    expect(attention(message("high"), quiet, night)).toBe("held");
    expect(attention(message("high"), quiet, noon)).toBe("announce");
  });

  test("that is silent anyway is not held: no digest tells of it", () => {
    const quiet = preferences({ quietHours, muted: ["billing"], minPriority: "normal" });
    expect(attention(message("high", "billing"), quiet, night)).toBe("silent");
    expect(attention(message("low"), quiet, night)).toBe("silent");
    expect(attention(message("normal"), quiet, night)).toBe("held");
  });

  test("that is critical or about security is announced, whatever the user has said", () => {
    const strict = preferences({ quietHours, muted: ["security", "billing"], minPriority: "critical" });
    expect(attention(message("critical"), strict, night)).toBe("announce");
    expect(attention(message("critical", "billing"), strict, night)).toBe("announce");
    expect(attention(message("low", "security"), strict, night)).toBe("announce");
    expect(attention(message("high", "security-news"), strict, night)).toBe("silent");
  });
});
