import { describe, expect, test } from "vitest";
import * as clientLimits from "../../../src/client/limits.ts";
import {
  acks,
  drive,
  epoch,
  gap,
  handledIds,
  lastStatus,
  liveMessage,
  messages,
  only,
  savedAt,
  streamMessage,
  welcome,
} from "../../support/client-driver.ts";

describe("messages", () => {
  test("are handled one after another, each saved before the next begins", () => {
    const client = drive(savedAt(0));
    client.live();
    expect(handledIds(client.frame(messages(1, 2)))).toEqual(["message-1"]);
    const afterFirst = client.handled();
    expect(only(afterFirst, "save")).toEqual([
      { type: "save", saved: { epoch, cursor: 1, recentIds: ["message-1"], ahead: [] } },
    ]);
    expect(handledIds(afterFirst)).toEqual([]);
    expect(handledIds(client.saved())).toEqual(["message-2"]);
  });

  test("that were had before are dropped", () => {
    const client = drive(savedAt(5));
    client.live();
    expect(handledIds(client.frame(messages(4, 5)))).toEqual([]);
    expect(handledIds(client.frame(messages(5, 6)))).toEqual(["message-6"]);
    expect(handledIds(client.frame(messages(6)))).toEqual([]);
    expect(handledIds(client.finish())).toEqual([]);
  });

  test("that come twice on a connection change nothing about what is next", () => {
    const client = drive(savedAt(5));
    client.live();
    client.frame(messages(6, 7, 8));
    expect(client.frame(messages(6, 7))).toEqual([]);
    expect(client.frame(gap(6, 7))).toEqual([]);
    expect(client.frame(messages(9))).toEqual([]);
    expect(handledIds([...client.finish(), ...client.finish(), ...client.finish()])).toEqual([
      "message-7",
      "message-8",
      "message-9",
    ]);
  });

  test("with a number missing make the device start over from its cursor", () => {
    const client = drive(savedAt(5));
    client.live();
    client.frame(messages(6));
    const effects = client.frame(messages(8, 9));
    expect(only(effects, "close")).toMatchObject([{ code: 4203 }]);
    expect(lastStatus(effects)).toMatchObject({ state: "waiting", code: 4203 });
    client.finish();
    expect(only(client.wait(), "open")).toMatchObject([{ resume: { epoch, seq: 6 } }]);
  });

  test("of an id that was handled under another number move the cursor without the handler", () => {
    const client = drive(savedAt(0, { recentIds: [streamMessage(1).id] }));
    client.live();
    const effects = client.frame(messages(1, 2));
    expect(handledIds(effects)).toEqual([]);
    expect(only(effects, "save")).toMatchObject([{ saved: { cursor: 1 } }]);
    expect(handledIds(client.saved())).toEqual(["message-2"]);
  });

  test("that come again while their handler still runs are not handled twice", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1, 2));
    client.closed(1006);
    expect(client.state.queue).toEqual([]);
    client.wait();
    client.frame(welcome({ from: 0 }));
    expect(handledIds(client.frame(messages(1, 2)))).toEqual([]);
    expect(handledIds(client.finish())).toEqual(["message-2"]);
    expect(handledIds(client.finish())).toEqual([]);
    expect(client.state.saved.cursor).toBe(2);
  });

  test("before a welcome are ignored", () => {
    const client = drive(savedAt(0));
    client.tell({ type: "start" });
    expect(client.frame(messages(1))).toEqual([]);
    expect(client.frame({ type: "express", message: streamMessage(1) })).toEqual([]);
  });
});

describe("gaps", () => {
  test("move the cursor in their turn and are told", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1));
    expect(only(client.frame(gap(2, 9)), "gap")).toEqual([]);
    const effects = client.finish();
    expect(only(effects, "gap")).toEqual([{ type: "gap", gap: gap(2, 9) }]);
    expect(only(effects, "save").at(-1)).toMatchObject({ saved: { cursor: 9 } });
    client.saved();
    expect(handledIds(client.frame(messages(10)))).toEqual(["message-10"]);
  });

  test("with a number missing before them make the device start over", () => {
    const client = drive(savedAt(0));
    client.live();
    expect(only(client.frame(gap(2, 9)), "close")).toMatchObject([{ code: 4203 }]);
  });

  test("that were had before are dropped", () => {
    const client = drive(savedAt(9));
    client.live();
    expect(client.frame(gap(2, 9))).toEqual([]);
  });
});

describe("express copies", () => {
  test("D21 are handled before the backlog, and not again in their turn", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1, 2));
    client.frame({ type: "express", message: streamMessage(4) });
    const effects = client.finish();
    expect(handledIds(effects)).toEqual(["message-4"]);
    expect(only(client.handled(), "save")).toEqual([
      {
        type: "save",
        saved: { epoch, cursor: 1, recentIds: ["message-1"], ahead: [{ seq: 4, id: "message-4" }] },
      },
    ]);
    expect(handledIds(client.saved())).toEqual(["message-2"]);
    client.frame(messages(3, 4, 5));
    expect(handledIds(client.finish())).toEqual(["message-3"]);
    client.finish();
    expect(handledIds(client.saved())).toEqual(["message-5"]);
    expect(client.state.saved).toMatchObject({ cursor: 4, ahead: [] });
  });

  test("D21 are known in their turn however much was handled meanwhile", () => {
    const last = clientLimits.recentIds * 3;
    const client = drive(savedAt(0));
    client.live();
    client.frame({ type: "express", message: streamMessage(last) });
    client.finish();
    const handled: string[] = [];
    for (let seq = 1; seq <= last; seq += 1) {
      handled.push(...handledIds(client.frame(messages(seq))), ...handledIds(client.finish()));
    }
    expect(handled).not.toContain(`message-${last}`);
    expect(handled).toHaveLength(last - 1);
    expect(client.state.saved.cursor).toBe(last);
    expect(client.state.saved.recentIds).toHaveLength(clientLimits.recentIds);
  });

  test("of messages that were handled are dropped", () => {
    const client = drive(savedAt(5));
    client.live();
    const express = { type: "express", message: streamMessage(5) } as const;
    expect(client.frame(express)).toEqual([]);
    const ahead = { type: "express", message: streamMessage(9) } as const;
    client.frame(ahead);
    client.frame(ahead);
    expect(handledIds(client.finish())).toEqual([]);
  });

  test("that fail are passed over and told, and do not come again in their turn", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame({ type: "express", message: streamMessage(2) });
    for (let failures = 0; failures < clientLimits.tries - 1; failures += 1) {
      expect(client.handled(false)).toEqual([]);
      expect(handledIds(client.pass(30_000))).toEqual(["message-2"]);
    }
    expect(only(client.handled(false), "fault")).toMatchObject([{ fault: { kind: "handler" } }]);
    client.saved();
    expect(handledIds(client.frame(messages(1, 2)))).toEqual(["message-1"]);
    expect(handledIds(client.finish())).toEqual([]);
    client.saved();
    expect(client.state.saved.cursor).toBe(2);
  });

  test("of an earlier numbering leave their id only", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame({ type: "express", message: streamMessage(7) });
    client.closed(1006);
    client.wait();
    client.frame(welcome({ epoch: "epoch-2", resumed: false, reason: "epoch" }));
    client.finish();
    expect(client.state.saved).toEqual({ epoch: "epoch-2", cursor: 0, recentIds: ["message-7"], ahead: [] });
  });

  test("beyond what may wait are left out", () => {
    const client = drive(savedAt(0));
    client.live();
    for (let seq = 2; seq < 2 * clientLimits.maxUrgent; seq += 1) {
      client.frame({ type: "express", message: streamMessage(seq) });
    }
    expect(client.state.urgent).toHaveLength(clientLimits.maxUrgent);
    while (client.state.job !== undefined) client.finish();
    expect(client.state.saved.ahead).toHaveLength(clientLimits.maxUrgent + 1);
    expect(client.frame({ type: "express", message: streamMessage(5_000) })).toEqual([]);
  });
});

describe("live-only messages", () => {
  test("are handled without a save or an acknowledgement, and once", () => {
    const client = drive(savedAt(0));
    client.live();
    const frame = { type: "live", message: liveMessage("live-one") } as const;
    expect(handledIds(client.frame(frame))).toEqual(["live-one"]);
    expect(client.handled()).toEqual([]);
    expect(client.frame(frame)).toEqual([]);
    expect(acks(client.pass(clientLimits.ackDelayMs))).toEqual([]);
    expect(client.state.saved.cursor).toBe(0);
  });

  test("that fail are passed over and told", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame({ type: "live", message: liveMessage("live-one") });
    client.random = 0;
    for (let failures = 0; failures < clientLimits.tries - 1; failures += 1) {
      client.handled(false);
      client.pass(0);
    }
    expect(only(client.handled(false), "fault")).toMatchObject([{ fault: { message: { id: "live-one" } } }]);
    expect(client.state.job).toBeUndefined();
  });
});

describe("a handler that fails", () => {
  test("is tried again after growing waits, then passed over and told", () => {
    const client = drive(savedAt(0));
    client.live();
    client.random = 0.999;
    client.frame(messages(1, 2));
    for (const bound of [500, 1_000]) {
      expect(client.handled(false)).toEqual([]);
      expect(client.quiet).toBeGreaterThan(bound / 2);
      expect(client.quiet).toBeLessThan(bound);
      const effects = client.pass(bound);
      expect(handledIds(effects)).toEqual(["message-1"]);
      expect(acks(effects)).toEqual([]);
    }
    const effects = client.handled(false);
    expect(only(effects, "fault")).toMatchObject([{ fault: { kind: "handler", message: { seq: 1 } } }]);
    expect(only(effects, "save")).toMatchObject([{ saved: { cursor: 1 } }]);
    expect(handledIds(client.saved())).toEqual(["message-2"]);
  });

  test("is not passed over when the client stops meanwhile", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1));
    client.tell({ type: "stop" });
    expect(client.handled(false)).toEqual([]);
    expect(client.state.saved.cursor).toBe(0);
    expect(client.live()).toMatchObject([{ type: "status" }, { type: "open", resume: { seq: 0 } }, {}, {}]);
    expect(handledIds(client.frame(messages(1)))).toEqual(["message-1"]);
  });

  test("and waits is forgotten when the client stops", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1));
    client.handled(false);
    client.tell({ type: "stop" });
    expect(client.quiet).toBe(Number.POSITIVE_INFINITY);
    expect(client.state.job).toBeUndefined();
  });
});

describe("a save that fails", () => {
  test("is told, and the device goes on from memory", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1, 2));
    client.handled();
    const effects = client.saved(false);
    expect(only(effects, "fault")).toEqual([{ type: "fault", fault: { kind: "storage" } }]);
    expect(handledIds(effects)).toEqual(["message-2"]);
    expect(client.state.saved.cursor).toBe(1);
    expect(only(client.handled(), "save")).toMatchObject([{ saved: { cursor: 2 } }]);
  });

  test("after a stop is told too", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1));
    client.handled();
    client.tell({ type: "stop" });
    expect(only(client.saved(false), "fault")).toHaveLength(1);
  });
});

describe("acknowledgements", () => {
  test("wait for company, and then go once", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1, 2));
    client.finish();
    expect(acks(client.pass(clientLimits.ackDelayMs - 1))).toEqual([]);
    client.finish();
    expect(acks(client.pass(1))).toEqual([2]);
    expect(acks(client.pass(10_000))).toEqual([]);
  });

  test("go at once when enough has gathered", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(...Array.from({ length: clientLimits.ackMessages + 1 }, (_, index) => index + 1)));
    const early: unknown[] = [];
    for (let done = 1; done < clientLimits.ackMessages; done += 1) early.push(...acks(client.finish()));
    expect(early).toEqual([]);
    expect(acks(client.finish())).toEqual([clientLimits.ackMessages]);
    client.finish();
    expect(acks(client.pass(clientLimits.ackDelayMs))).toEqual([clientLimits.ackMessages + 1]);
  });

  test("never run ahead of what is saved", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1, 2));
    client.finish();
    client.handled();
    expect(acks(client.pass(clientLimits.ackDelayMs))).toEqual([1]);
  });

  test("of what was handled while the connection was away go on the next one", () => {
    const client = drive(savedAt(0));
    client.live();
    client.frame(messages(1));
    client.closed(1006);
    client.wait();
    client.finish();
    client.frame(welcome({ from: 0 }));
    expect(acks(client.pass(clientLimits.ackDelayMs))).toEqual([1]);
  });
});

test("answers that nobody waits for change nothing", () => {
  const client = drive(savedAt(0));
  client.live();
  expect(client.handled()).toEqual([]);
  expect(client.saved()).toEqual([]);
  client.frame(messages(1));
  expect(client.saved()).toEqual([]);
  expect(client.state.saved.cursor).toBe(0);
});
