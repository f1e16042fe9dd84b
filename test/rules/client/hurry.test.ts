/** Good news from outside: the network is back, somebody looks, the connection is to be had another way. */
import { describe, expect, test } from "vitest";
import { closeCodes } from "../../../src/protocol/close-codes.ts";
import { drive, lastStatus, messages, only, pings, savedAt, welcome } from "../../support/client-driver.ts";

const hurry = { type: "hurry" } as const;
const reopen = { type: "reopen", patient: false } as const;

describe("in a hurry, a device", () => {
  test("that waits tries at once, and once", () => {
    const client = drive(savedAt(5));
    client.live();
    client.closed(1006);
    expect(only(client.tell(hurry), "open")).toEqual([
      { type: "open", resume: { epoch: "epoch-1", seq: 5 } },
    ]);
    expect(client.tell(hurry)).toEqual([]);
    expect(client.pass(14_000)).toEqual([]);
  });

  test("that waits does not forget how often it failed", () => {
    const client = drive();
    client.random = 0.999;
    client.tell({ type: "start" });
    for (let failures = 0; failures < 4; failures += 1) {
      client.closed(1006);
      client.tell(hurry);
    }
    client.closed(1006);
    expect(client.quiet).toBeGreaterThan(7_000);
  });

  test.each([
    ["the hub named the wait", { code: closeCodes.reconnect, retryAfter: 5_000 }],
    ["the hub is over its capacity", { code: closeCodes.over_capacity }],
    ["the device was too slow", { code: closeCodes.slow_consumer }],
    ["the hub refused the token", { code: closeCodes.token_invalid }],
  ])("that waits goes on waiting where %s", (_, bye) => {
    const client = drive();
    client.live();
    client.frame({ type: "bye", reason: "", ...bye });
    client.closed(bye.code);
    expect(client.tell(hurry)).toEqual([]);
    expect(only(client.wait(), "open")).toHaveLength(1);
  });

  test("that is live asks once whether the hub still hears it", () => {
    const client = drive();
    client.live();
    client.answering = false;
    expect(pings(client.tell(hurry))).toBe(1);
    expect(client.tell(hurry)).toEqual([]);
    expect(only(client.pass(10_000), "close")).toMatchObject([{ code: closeCodes.heartbeat_timeout }]);
  });

  test("that is live and hears of the hub stays", () => {
    const client = drive();
    client.live();
    client.tell(hurry);
    expect(only(client.pass(20_000), "close")).toEqual([]);
    expect(pings(client.tell(hurry))).toBe(1);
  });

  test("that connects, or is stopped, does nothing", () => {
    const client = drive();
    expect(client.tell(hurry)).toEqual([]);
    client.tell({ type: "start" });
    expect(client.tell(hurry)).toEqual([]);
    client.tell({ type: "stop" });
    expect(client.tell(hurry)).toEqual([]);
  });
});

describe("told to open anew, a device", () => {
  test("that is live leaves its connection, goes on after what it has saved, and drops what waited", () => {
    const client = drive(savedAt(5));
    client.live();
    client.frame(messages(6, 7));
    const effects = client.tell(reopen);
    expect(effects.map(({ type }) => type)).toEqual(["close", "status", "open"]);
    expect(only(effects, "open")).toMatchObject([{ resume: { seq: 5 } }]);
    expect(lastStatus(effects)).toEqual({ state: "connecting" });
    client.frame(welcome({ from: 5 }));
    client.frame(messages(6, 7));
    expect(only([...client.finish(), ...client.finish()], "handle").map(({ message }) => message.id)).toEqual(
      ["message-7"],
    );
  });

  test("that connects does so by the new way", () => {
    const client = drive(savedAt(5));
    client.tell({ type: "start" });
    expect(client.tell(reopen).map(({ type }) => type)).toEqual(["close", "status", "open"]);
  });

  test("that waits waits no more", () => {
    const client = drive(savedAt(5));
    client.live();
    client.closed(1006);
    expect(client.tell(reopen).map(({ type }) => type)).toEqual(["status", "open"]);
  });

  test("that is stopped stays stopped", () => {
    const client = drive(savedAt(5));
    expect(client.tell(reopen)).toEqual([]);
    client.live();
    client.closed(closeCodes.revoked);
    expect(client.tell(reopen)).toEqual([]);
  });
});
