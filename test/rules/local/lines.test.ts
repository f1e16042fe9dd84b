import { expect, test } from "vitest";
import {
  beginningLine,
  digestLine,
  faultLine,
  gapLine,
  messageLine,
  presenceLine,
  statusLine,
  withdrawnLine,
} from "../../../src/local/lines.ts";
import { gap, liveMessage, streamMessage } from "../../support/client-driver.ts";

test("a message is told with its number, priority, type, data and the time it took", () => {
  expect(messageLine(streamMessage(7), 43)).toBe('#7     normal    note {"id":"message-7"} (42 ms)');
  expect(messageLine(liveMessage("live-one"), 0)).toBe('live   normal    note {"id":"live-one"} (0 ms)');
});

test("a message is told with what is special about it", () => {
  const special = { ...streamMessage(7), topic: "team.7", replaces: "message-3", silent: true } as const;
  expect(messageLine(special, 43)).toBe(
    '#7     normal    note {"id":"message-7"} by team.7 in place of message-3 (silently, 42 ms)',
  );
});

test("what the hub says of messages and members is told", () => {
  expect(withdrawnLine({ id: "message-7", reason: "retracted" })).toBe("take down message-7: retracted");
  const digest = { ids: [], from: 0, to: 1 };
  expect(digestLine({ ...digest, count: 1 })).toBe("quiet hours are over; 1 message came silently");
  expect(digestLine({ ...digest, count: 2 })).toBe("quiet hours are over; 2 messages came silently");
  const event = { topic: "team.7", user: "bob", asOf: 0 };
  expect(presenceLine({ ...event, online: true })).toBe("bob of team.7 is online");
  expect(presenceLine({ ...event, online: false })).toBe("bob of team.7 is offline");
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
