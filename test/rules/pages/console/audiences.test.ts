/** What is said of topics, preferences and exports, and of one message from its acceptance to its end. */
import { describe, expect, test } from "vitest";
import type { MessageState } from "../../../../src/pages/console/answers.ts";
import { endLength, recordsOf } from "../../../../src/pages/console/export-end.ts";
import { changedInWords } from "../../../../src/pages/console/member-words.ts";
import { preferencesInWords } from "../../../../src/pages/console/preference-words.ts";
import { isHeld, timelineOf } from "../../../../src/pages/console/timeline.ts";

describe("preferences", () => {
  const quietHours = { timeZone: "Europe/Berlin", from: "22:00", to: "07:00", days: undefined };

  test("of a user who has said nothing, or that nothing is too low, are no lines", () => {
    expect(preferencesInWords({ muted: [], minPriority: undefined, quietHours: undefined })).toEqual([]);
    expect(preferencesInWords({ muted: [], minPriority: "low", quietHours: undefined })).toEqual([]);
  });

  test("are a line for each rule", () => {
    expect(preferencesInWords({ muted: ["news", "marketing"], minPriority: "high", quietHours })).toEqual([
      "Silent: the categories news, marketing",
      "Silent: what is less urgent than high",
      "Quiet from 22:00 to 07:00 in Europe/Berlin, every day",
    ]);
  });

  test("name the days on which the quiet begins", () => {
    const days = { ...quietHours, days: [5, 6, 9] };
    expect(preferencesInWords({ muted: ["news"], minPriority: undefined, quietHours: days })).toEqual([
      "Silent: the category news",
      "Quiet from 22:00 to 07:00 in Europe/Berlin, from Fri, Sat, 9",
    ]);
  });
});

describe("a change of members", () => {
  test("is told by its number", () => {
    expect(changedInWords({ done: 1, pending: [], failed: [] })).toEqual({
      text: "1 user done.",
      kind: "good",
    });
  });

  test("names who is not done, and why", () => {
    const failed = [
      { user: "carol", reason: "limit" },
      { user: "dave", reason: "unavailable" },
      { user: "erin", reason: "some-day" },
    ];
    expect(changedInWords({ done: 2, pending: ["bob"], failed })).toEqual({
      text: "2 users done. The topic will be told later of bob. Not done: carol (in too many topics), dave (gave no answer, try again), erin (some-day).",
      kind: "bad",
    });
  });

  test("names no more than can be read", () => {
    const pending = Array.from({ length: 12 }, (_, index) => `u${index}`);
    expect(changedInWords({ done: 0, pending, failed: [] }).text).toMatch(/u8, u9 and 2 more\.$/);
  });
});

describe("an export", () => {
  const end = '{"kind":"end","records":12345678901}\n';

  test("is whole when its last line says so", () => {
    expect(recordsOf(`${"x".repeat(endLength)}\n${end}`.slice(-endLength))).toBe(12_345_678_901);
  });

  test.each(["", "\n", end.trimEnd(), '{"kind":"message"}\n', '{"kind":"end"}\n', `${end}{"kind":`])(
    "that ends with %j was cut off",
    (tail) => {
      expect(recordsOf(tail)).toBeUndefined();
    },
  );
});

describe("a timeline", () => {
  const state = (name: string, more: Partial<MessageState> = {}): MessageState => ({
    id: "m-0000001",
    state: name,
    at: 1_000,
    seq: 4,
    expires: 9_000,
    deliverAt: undefined,
    delivered: [],
    devices: [],
    reason: undefined,
    ...more,
  });
  const accepted = { what: "accepted", at: 1_000 };
  const stored = { what: "stored as no. 4 of the stream" };
  const expires = { what: "expires", at: 9_000 };

  test("begins with waiting for a time, or for a device", () => {
    expect(timelineOf(state("scheduled", { seq: undefined, deliverAt: 5_000 }))).toEqual([
      accepted,
      { what: "waits for its time", at: 5_000 },
      expires,
    ]);
    expect(timelineOf(state("scheduled", { seq: undefined, expires: undefined }))).toEqual([
      accepted,
      { what: "waits for its time" },
    ]);
    expect(timelineOf(state("stored"))).toEqual([accepted, stored, { what: "waits for a device" }, expires]);
    expect(timelineOf(state("stored", { devices: undefined }))).toContainEqual({
      what: "waits for a device",
    });
  });

  test("names each device, in the order in which they had it", () => {
    const devices = [
      { device: "laptop", state: "acknowledged", at: 1_200 },
      { device: "phone", state: "acknowledged", at: 1_100 },
      { device: "tablet", state: "sent", at: undefined },
    ];
    expect(timelineOf(state("acknowledged", { devices }))).toEqual([
      accepted,
      stored,
      { what: "sent to", device: "tablet" },
      { what: "handled by", device: "phone", at: 1_100 },
      { what: "handled by", device: "laptop", at: 1_200 },
      expires,
    ]);
  });

  test("ends with what became of it", () => {
    expect(timelineOf(state("read"))).toEqual([accepted, stored, { what: "read" }, expires]);
    expect(timelineOf(state("retracted"))).toEqual([accepted, stored, { what: "retracted" }]);
    expect(timelineOf(state("replaced", { seq: undefined }))).toEqual([
      { what: "replaced before it came", at: 1_000 },
    ]);
    expect(timelineOf(state("dead", { seq: undefined, reason: "inbox_full" }))).toEqual([
      { what: "became a dead letter: inbox_full", at: 1_000 },
    ]);
  });

  test("goes on only for what can still be taken back", () => {
    const held = ["scheduled", "stored", "sent", "acknowledged", "read"];
    const gone = ["retracted", "replaced", "handled", "expired", "evicted", "collapsed", "dead"];
    expect(held.every((name) => isHeld(state(name)))).toBe(true);
    expect(gone.some((name) => isHeld(state(name)))).toBe(false);
  });
});
