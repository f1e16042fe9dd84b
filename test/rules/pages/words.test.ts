import { expect, test } from "vitest";
import type { Status } from "../../../src/client/index.ts";
import {
  ageWords,
  arrivalWords,
  bellWords,
  countdownWords,
  digestWords,
  discontinuityWords,
  faultWords,
  gapWords,
  needsToken,
  statusWords,
  titleWords,
} from "../../../src/pages/demo/words.ts";
import { messageId, messageType } from "../../../src/protocol/ids.ts";

const now = Date.UTC(2026, 10, 25, 12);
const connected = { connection: "c", resumed: true };

test.each<[Status, string, string]>([
  [{ state: "connecting" }, "busy", "Connecting …"],
  [{ state: "syncing", ...connected }, "busy", "Connected, catching up …"],
  [{ state: "live", ...connected }, "good", "Live: messages arrive at once"],
  [{ state: "waiting", forMs: 1, code: 1006, reason: "" }, "busy", "Offline: the connection was lost."],
  [
    { state: "waiting", forMs: 1, code: 4101, reason: "" },
    "busy",
    "Offline: the connection was lost (4101).",
  ],
  [
    { state: "waiting", forMs: 1, code: 4200, reason: "idle" },
    "busy",
    "Offline: the connection was lost (idle).",
  ],
  [{ state: "stopped", code: 1000, reason: "" }, "bad", "Stopped: the connection was closed here."],
  [{ state: "stopped", code: 4099, reason: "" }, "bad", "Stopped: the hub closed with 4099. Connect again."],
  [
    { state: "stopped", code: 4098, reason: "so" },
    "bad",
    "Stopped: the hub closed with 4098, so. Connect again.",
  ],
])("%j is told as %s: %s", (status, tone, text) => {
  expect(statusWords(status, now, true)).toMatchObject({ tone, text });
});

test.each([
  [4000, "Reload it."],
  [4001, "Reload it."],
  [4003, "Paste another one."],
  [4006, "Close some, then connect again."],
  [4007, "Connect again to take it back."],
])("a stop with %i says what to do: %s", (code, advice) => {
  expect(statusWords({ state: "stopped", code, reason: "x" }, now, true).text).toContain(advice);
});

test("a wait says when the next try is, and a device without network that it has none", () => {
  const words = statusWords({ state: "waiting", forMs: 2_500, code: 1006, reason: "" }, now, false);
  expect(words.text).toBe("Offline: this device has no network.");
  expect(words.retryAt).toBe(now + 2_500);
  expect(countdownWords(now + 2_500, now)).toBe("Trying again in 3 s");
  expect(countdownWords(now, now)).toBe("Trying again …");
});

test("a connection that lives on, against what the browser says of its network, is doubted", () => {
  expect(statusWords({ state: "live", ...connected }, now, false)).toEqual({
    tone: "busy",
    text: "No network, it seems: messages arrive once it is back",
  });
});

test("another token is asked for where only that helps", () => {
  const stopped = (code: number) => needsToken({ state: "stopped", code, reason: "" });
  expect([4003, 4004, 4005].map(stopped)).toEqual([true, true, true]);
  expect([1000, 4000, 4006, 4007].map(stopped)).toEqual([false, false, false, false]);
  expect(needsToken({ state: "waiting", forMs: 1, code: 4201, reason: "" })).toBe(true);
  expect(needsToken({ state: "waiting", forMs: 1, code: 4200, reason: "" })).toBe(false);
  expect(needsToken({ state: "connecting" })).toBe(false);
});

test.each([
  [3, 3, "expired", "Message #3 will not come: its time was over."],
  [3, 5, "collapsed", "Messages #3 to #5 will not come: newer ones took their place."],
  [3, 5, "evicted", "Messages #3 to #5 will not come: the inbox was full."],
  [3, 3, "mislaid", "Message #3 will not come: mislaid."],
  [3, 4, "mislaid", "Messages #3 to #4 will not come: mislaid."],
])("a gap from %i to %i, %s: %s", (from, to, reason, words) => {
  expect(gapWords({ from, to, reason })).toBe(words);
});

test("a stream that begins anew is told, except to a new device", () => {
  expect(discontinuityWords("new")).toBeUndefined();
  expect(discontinuityWords("epoch")).toContain("began anew");
  expect(discontinuityWords("storage")).toContain("went back in time");
});

test("what came in quiet hours is told by its number", () => {
  expect(digestWords({ count: 1 })).toBe("1 message came silently while you were not to be disturbed.");
  expect(digestWords({ count: 3 })).toMatch(/^3 messages came silently/);
});

test("a fault is told in a sentence", () => {
  const message = {
    id: messageId.parse("message-1"),
    type: messageType.parse("note"),
    priority: "normal" as const,
    at: now,
    data: null,
  };
  expect(faultWords({ kind: "handler", message, error: "full" })).toContain("message-1");
  expect(faultWords({ kind: "storage" })).toContain("does not keep anything");
  expect(faultWords({ kind: "topic", topic: "team.7", error: "forbidden" })).toContain("team.7");
  expect(faultWords({ kind: "hub", code: "bad_ack", message: "no such number" })).toContain("no such number");
});

test("the bell and the title say how many are unread", () => {
  expect([0, 1, 2].map(bellWords)).toEqual(["No unread messages", "1 unread message", "2 unread messages"]);
  expect([0, 2].map(titleWords)).toEqual(["Inbox · Hubbub", "(2) Inbox · Hubbub"]);
});

test("messages that come together are announced in one sentence, the newest by name", () => {
  const one = { priority: "normal", title: "Lunch" };
  const other = { priority: "critical", title: "Fire" };
  expect(arrivalWords([])).toBe("");
  expect(arrivalWords([one])).toBe("New message: Lunch");
  expect(arrivalWords([other, one])).toBe("2 new messages. New message, critical priority: Fire");
});

test("an age is told in minutes, then as a time, then with its date", () => {
  const minute = 60_000;
  expect(ageWords(now, now - 5)).toBe("just now");
  expect(ageWords(now - 3 * minute, now)).toBe("3 min ago");
  expect(ageWords(now - 61 * minute, now)).toMatch(/^\d{1,2}:\d\d/);
  expect(ageWords(now - 3 * 24 * 60 * minute, now)).toMatch(/(22|21|23).*, \d{1,2}:\d\d/);
});
