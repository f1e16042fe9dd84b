import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffBoundMs } from "../../../src/client/backoff.ts";
import * as clientLimits from "../../../src/client/limits.ts";
import { bandOf, closeBands, closeCodes } from "../../../src/protocol/close-codes.ts";
import {
  acks,
  drive,
  epoch,
  lastStatus,
  liveMessage,
  messages,
  only,
  pings,
  savedAt,
  welcome,
} from "../../support/client-driver.ts";

describe("connecting", () => {
  test("D13 a new device asks for everything, and is told that it starts anew", () => {
    const client = drive();
    expect(client.tell({ type: "start" })).toEqual([
      { type: "status", status: { state: "connecting" } },
      { type: "open", resume: undefined },
    ]);
    const effects = client.frame(welcome({ resumed: false, reason: "new" }));
    expect(only(effects, "discontinuity")).toEqual([{ type: "discontinuity", reason: "new" }]);
    expect(client.state.saved).toMatchObject({ epoch, cursor: 0 });
  });

  test("a known device goes on after its cursor, and says so without a word to the app", () => {
    const client = drive(savedAt(7));
    expect(only(client.tell({ type: "start" }), "open")).toEqual([
      { type: "open", resume: { epoch, seq: 7 } },
    ]);
    const effects = client.frame(welcome({ from: 7 }));
    expect(only(effects, "discontinuity")).toEqual([]);
    expect(lastStatus(effects)).toEqual({ state: "syncing" });
  });

  test("D15 another epoch sets the cursor and is told, with its ids still known", () => {
    const known = savedAt(7, {
      recentIds: [liveMessage("message-1").id],
      ahead: [{ seq: 9, id: liveMessage("message-9").id }],
    });
    const client = drive(known);
    client.tell({ type: "start" });
    const effects = client.frame(welcome({ epoch: "epoch-2", resumed: false }));
    expect(only(effects, "discontinuity")).toEqual([{ type: "discontinuity", reason: "epoch" }]);
    expect(client.state.saved).toEqual({
      epoch: "epoch-2",
      cursor: 0,
      recentIds: ["message-1", "message-9"],
      ahead: [],
    });
  });

  test("a start while started, and a stop while stopped, do nothing", () => {
    const client = drive();
    expect(client.tell({ type: "stop" })).toEqual([]);
    client.live();
    expect(client.tell({ type: "start" })).toEqual([]);
    client.tell({ type: "stop" });
    expect(client.tell({ type: "stop" })).toEqual([]);
    expect(client.closed(1006)).toEqual([]);
  });

  test("a second welcome on a connection is ignored", () => {
    const client = drive(savedAt(7));
    client.live();
    expect(client.frame(welcome({ epoch: "epoch-2", resumed: false }))).toEqual([]);
  });

  test("without a welcome in time it is given up and tried again", () => {
    const client = drive();
    client.tell({ type: "start" });
    expect(client.pass(clientLimits.connectTimeoutMs - 1)).toEqual([]);
    expect(client.pass(1)).toMatchObject([{ type: "close" }, { status: { state: "waiting" } }]);
    expect(only(client.wait(), "open")).toHaveLength(1);
  });
});

describe("the heartbeat", () => {
  test("G4 begins with a ping right after the welcome, and is given up without an answer", () => {
    const client = drive();
    client.answering = false;
    expect(pings(client.live())).toBe(1);
    expect(client.pass(clientLimits.pongTimeoutMs - 1)).toEqual([]);
    expect(only(client.pass(1), "close")).toMatchObject([{ code: closeCodes.heartbeat_timeout }]);
  });

  test("G4 pings into the silence, and gives up within 75 s", () => {
    const client = drive();
    client.answering = false;
    client.live({ heartbeat: 35_000 });
    client.tell({ type: "heard" });
    expect(client.pass(34_999)).toEqual([]);
    expect(pings(client.pass(1))).toBe(1);
    expect(lastStatus(client.pass(clientLimits.pongTimeoutMs))).toMatchObject({ state: "waiting" });
  });

  test("goes on while it is answered", () => {
    const client = drive();
    client.live({ heartbeat: 35_000 });
    let sent = 0;
    for (let round = 0; round < 10; round += 1) {
      client.tell({ type: "heard" });
      sent += pings(client.pass(35_000));
    }
    expect(sent).toBe(10);
    expect(client.state.link.phase).toBe("live");
  });

  test("pings also while only the hub speaks, since the hub would take a listener for dead", () => {
    const client = drive();
    client.live({ heartbeat: 35_000 });
    let sent = 0;
    for (let second = 0; second < 71; second += 1) {
      client.frame({ type: "live", message: liveMessage(`live-message-${second}`) });
      client.handled();
      sent += pings(client.pass(1_000));
    }
    expect(sent).toBe(2);
  });
});

describe("after a close", () => {
  test.each(Object.entries(closeCodes))("%s (%d) is followed by what its band says", (_, code) => {
    const client = drive(savedAt(3));
    client.live();
    const status = lastStatus(client.closed(code, "why"));
    const stops = bandOf(code) === closeBands.stop && code !== closeCodes.token_invalid;
    expect(status).toMatchObject({ state: stops ? "stopped" : "waiting", code, reason: "why" });
    expect(only(client.pass(60_000), "open").length > 0).toBe(!stops);
  });

  test("a code that is not known is followed by what its band says", () => {
    const stopped = drive();
    stopped.live();
    expect(lastStatus(stopped.closed(4077))).toMatchObject({ state: "stopped" });
    const waiting = drive();
    waiting.live();
    expect(lastStatus(waiting.closed(4277))).toMatchObject({ state: "waiting" });
  });

  test("the waits stay below a bound that doubles from 0.5 s to 30 s, with full jitter", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 12 }),
        (randoms) => {
          const client = drive();
          client.tell({ type: "start" });
          for (const [failures, random] of randoms.entries()) {
            client.random = random;
            client.closed(1006);
            const bound = Math.min(30_000, 500 * 2 ** failures);
            expect(client.quiet).toBeCloseTo(random * bound, 3);
            expect(only(client.wait(), "open")).toHaveLength(1);
          }
        },
      ),
    );
    expect(backoffBoundMs(0)).toBe(500);
    expect(backoffBoundMs(100)).toBe(30_000);
  });

  test("the waits start over once a connection was live for a minute, and not before", () => {
    const client = drive();
    client.random = 0.999_999;
    client.live({ spread: 0 });
    client.closed(1006);
    client.pass(500);
    client.frame(welcome({ spread: 0 }));
    client.pass(clientLimits.settledMs - 1);
    client.closed(1006);
    expect(client.quiet).toBeGreaterThan(500);
    client.pass(1_000);
    client.frame(welcome({ spread: 0 }));
    client.pass(clientLimits.settledMs);
    client.closed(1006);
    expect(client.quiet).toBeLessThanOrEqual(500);
  });

  test.each([1001, 1006, 1011, 1012, closeCodes.reconnect])(
    "G1 %d of a live connection is spread over the time that the hub asks for",
    (code) => {
      const client = drive();
      client.random = 0.9;
      client.live({ spread: 20_000 });
      client.closed(code);
      expect(client.quiet).toBe(18_000);
    },
  );

  test("what ends for this device alone, or before it was live, is not spread", () => {
    const client = drive();
    client.random = 0.9;
    client.tell({ type: "start" });
    client.closed(1006);
    expect(client.quiet).toBe(450);
    client.wait();
    client.frame(welcome({ spread: 20_000 }));
    client.closed(closeCodes.slow_consumer);
    expect(client.quiet).toBe(900);
  });

  test("a bound of the backoff that has grown beyond the spread is kept", () => {
    const client = drive();
    client.random = 0.999;
    client.tell({ type: "start" });
    for (let failures = 0; failures < 6; failures += 1) {
      client.closed(1006);
      client.wait();
    }
    client.frame(welcome({ spread: 1_000 }));
    client.closed(1006);
    expect(client.quiet).toBe(29_970);
  });

  test("the farewell of the hub counts, with its wait, also when the network ends first", () => {
    const client = drive();
    client.random = 0;
    client.live();
    client.frame({ type: "bye", code: closeCodes.rate_limited, reason: "too fast", retryAfter: 7_000 });
    expect(lastStatus(client.closed(1006))).toEqual({
      state: "waiting",
      forMs: 7_000,
      code: closeCodes.rate_limited,
      reason: "too fast",
    });
    client.pass(7_000);
    expect(lastStatus(client.closed(1006))).toMatchObject({ code: 1006, forMs: 0 });
  });

  test("C30 a device that was replaced elsewhere does not come back, also when it was told before a welcome", () => {
    const client = drive();
    client.tell({ type: "start" });
    client.frame({ type: "bye", code: closeCodes.replaced, reason: "connected elsewhere" });
    expect(lastStatus(client.closed(1006))).toMatchObject({ state: "stopped", code: closeCodes.replaced });
    expect(client.quiet).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("tokens", () => {
  test("a refused one is replaced once, and a second refusal is final", () => {
    const client = drive();
    client.tell({ type: "start" });
    expect(lastStatus(client.closed(closeCodes.token_invalid))).toMatchObject({ state: "waiting" });
    expect(only(client.pass(500), "open")).toHaveLength(1);
    expect(lastStatus(client.closed(closeCodes.token_invalid))).toMatchObject({ state: "stopped" });
  });

  test("a second refusal is final also after the network failed in between", () => {
    const client = drive();
    client.tell({ type: "start" });
    client.closed(closeCodes.token_invalid);
    client.pass(500);
    client.closed(1006);
    client.pass(60_000);
    expect(lastStatus(client.closed(closeCodes.token_invalid))).toMatchObject({ state: "stopped" });
  });

  test("a welcome forgets the refusal", () => {
    const client = drive();
    client.tell({ type: "start" });
    client.closed(closeCodes.token_invalid);
    client.pass(500);
    client.frame(welcome());
    expect(lastStatus(client.closed(closeCodes.token_invalid))).toMatchObject({ state: "waiting" });
  });

  test("before one expires a fresh one goes over the live connection", () => {
    const client = drive();
    client.live();
    expect(client.frame({ type: "reauth", expires: 1 })).toEqual([{ type: "refresh" }]);
    expect(client.tell({ type: "token", token: "fresh" })).toEqual([
      { type: "send", frame: { type: "auth", token: "fresh" } },
    ]);
  });

  test("a fresh one that comes too late is not sent", () => {
    const client = drive();
    client.live();
    client.frame({ type: "reauth", expires: 1 });
    client.closed(closeCodes.token_expired);
    expect(client.tell({ type: "token", token: "fresh" })).toEqual([]);
  });
});

describe("stopping", () => {
  test("acknowledges what was handled, closes, and says so", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1, 2));
    client.finish();
    const effects = client.tell({ type: "stop" });
    expect(acks(effects)).toEqual([1]);
    expect(effects.map(({ type }) => type)).toEqual(["send", "close", "status"]);
    expect(client.quiet).toBe(Number.POSITIVE_INFINITY);
  });

  test("saves the message whose handler still runs, and begins no other", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1, 2));
    client.tell({ type: "stop" });
    expect(only(client.handled(), "save")).toMatchObject([{ saved: { cursor: 1 } }]);
    expect(client.saved()).toEqual([]);
    expect(only(client.tell({ type: "start" }), "open")).toMatchObject([{ resume: { seq: 1 } }]);
  });

  test("while waiting only ends the wait", () => {
    const client = drive();
    client.live();
    client.closed(1006);
    expect(client.tell({ type: "stop" }).map(({ type }) => type)).toEqual(["status"]);
    expect(client.pass(60_000)).toEqual([]);
  });
});

test("a complaint of the hub is told, an answer is a sign of life", () => {
  const client = drive();
  client.live();
  expect(client.frame({ type: "error", code: "bad_ack", message: "beyond the head" })).toEqual([
    { type: "fault", fault: { kind: "hub", code: "bad_ack", message: "beyond the head" } },
  ]);
  expect(client.frame({ type: "ok", ref: "1" })).toEqual([]);
});

test("the machine's state is plain data", () => {
  const client = drive(savedAt(0));
  client.live();
  client.frame(messages(1, 2));
  client.handled(false);
  expect(structuredClone(client.state)).toEqual(client.state);
});
