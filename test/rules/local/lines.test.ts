import { expect, test } from "vitest";
import { beginningLine, faultLine, gapLine, messageLine, statusLine } from "../../../src/local/lines.ts";
import { gap, liveMessage, streamMessage } from "../../support/client-driver.ts";

test("a message is told with its number, priority, type, data and the time it took", () => {
  expect(messageLine(streamMessage(7), 43)).toBe('#7     normal    note {"id":"message-7"} (42 ms)');
  expect(messageLine(liveMessage("live-one"), 0)).toBe('live   normal    note {"id":"live-one"} (0 ms)');
});

test("a gap is told with its numbers and the reason", () => {
  expect(gapLine(gap(3, 3))).toBe("#3 will not come: expired");
  expect(gapLine(gap(3, 9))).toBe("#3 to #9 will not come: expired");
});

test("the state of the connection is told with what follows", () => {
  expect(statusLine({ state: "connecting" })).toBe("connecting …");
  expect(statusLine({ state: "syncing" })).toBe("connected, catching up");
  expect(statusLine({ state: "live" })).toBe("connected, up to date");
  expect(statusLine({ state: "waiting", forMs: 1_540, code: 1006, reason: "" })).toBe(
    "connection lost (1006); trying again in 1.5 s",
  );
  expect(statusLine({ state: "stopped", code: 4007, reason: "replaced" })).toBe("stopped (4007, replaced)");
});

test("a new beginning is told with its reason", () => {
  expect(beginningLine("new")).toContain("a new device");
  expect(beginningLine("epoch")).toContain("began anew");
  expect(beginningLine("storage")).toContain("back in time");
});

test("faults are told", () => {
  expect(faultLine({ kind: "handler", message: streamMessage(1), error: new Error("no room") })).toContain(
    "message-1",
  );
  expect(faultLine({ kind: "storage" })).toContain("could not be saved");
  const error = new Error("the hub refused");
  expect(faultLine({ kind: "topic", topic: "team.7", error })).toContain("team.7: Error: the hub refused");
  expect(faultLine({ kind: "hub", code: "bad_ack", message: "beyond" })).toContain("bad_ack, beyond");
});
