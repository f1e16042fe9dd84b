import { afterEach, describe, expect, test, vi } from "vitest";
import { messageLimits, socketLimits } from "../../src/limits.ts";
import { aUser, connect, hubOf } from "../support/device.ts";
import { message, messageOf, messages, progress } from "../support/messages.ts";
import { pass } from "../support/storage.ts";
import { deliverAll, seqs, upTo } from "../support/stream.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the window", () => {
  test("D19 a slow client has at most a window in flight, is closed with 4101, and completes when it comes again", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    await deliverAll(user, messages(9_990));
    await device.settled();
    expect(device.cursor).toBe(socketLimits.windowMessages);
    expect(await hubOf(user).presence()).toMatchObject({
      devices: [{ cursor: 0, connection: { state: "stalled", inFlight: socketLimits.windowMessages } }],
    });
    await pass(user, socketLimits.stallTimeoutMs - 1);
    await device.settled();
    await pass(user, 1);
    expect(await device.closing()).toBe(4101);

    const again = await connect(user, { resume: device.resume, acks: true });
    await again.until(() => again.cursor === 9_990);
    expect([...seqs(device), ...seqs(again)]).toEqual(upTo(9_990));
  }, 30_000);

  test("D19 bytes fill the window as well, one message above it at most", async () => {
    const user = aUser();
    const device = await connect(user);
    const big = messageLimits.maxDataBytes - 1;
    await hubOf(user).deliver(Array.from({ length: 8 }, () => messageOf(big)));
    await device.until(() => device.cursor === 5);
    await device.settled();
    expect(device.cursor * big).toBeGreaterThan(socketLimits.windowBytes);
    expect((device.cursor - 1) * big).toBeLessThan(socketLimits.windowBytes);
    expect(device.all("messages").map((frame) => frame.messages.length)).toEqual([1, 1, 1, 1, 1]);
    device.ack(1);
    await device.until(() => device.cursor === 6);
  });

  test("D20 an ack of everything in flight lets the stream go on at once, a partial one as far as it frees", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(200));
    const device = await connect(user);
    await device.until(() => device.cursor === 64);
    device.ack(10);
    await device.until(() => device.cursor === 74);
    device.ack(74);
    await device.until(() => device.cursor === 138);
    device.ack();
    await device.until(() => device.cursor === 200);
    expect(seqs(device)).toEqual(upTo(200));
  });

  test("D20 gaps need no room: a stream of nothing else goes past a window in one frame", async () => {
    const user = aUser();
    await hubOf(user).deliver(Array.from({ length: 500 }, (_, step) => progress(step)));
    const device = await connect(user);
    await device.until(() => device.cursor === 500);
    expect(device.all("gap")).toEqual([{ type: "gap", from: 1, to: 499, reason: "collapsed" }]);
    expect(device.frames.map(({ type }) => type)).toEqual(["welcome", "gap", "messages"]);
  });
});

describe("express", () => {
  test("D21 an urgent message behind 5,000 others comes at once as a copy, and later in its turn", async () => {
    const user = aUser();
    await deliverAll(user, messages(5_000, { priority: "low" }));
    const device = await connect(user);
    await device.until(() => device.cursor === 64);
    const urgent = message({ priority: "critical" });
    await hubOf(user).deliver([urgent]);
    await device.until(() => device.all("express").length === 1);
    expect(device.last("express").message).toMatchObject({ seq: 5_001, id: urgent.id, data: "hello" });
    expect(device.cursor).toBe(64);
    const again = await connect(user, { resume: { ...device.resume, seq: 4_990 } });
    await again.until(() => again.cursor === 5_001);
    expect(again.arrivals.at(-1)).toEqual({ seq: 5_001, what: urgent.id });
    expect(again.all("express")).toEqual([]);
  }, 15_000);

  test("D21 an urgent message that is next anyway is no copy", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([message({ priority: "critical" })]);
    await device.until(() => device.cursor === 1);
    expect(device.all("express")).toEqual([]);
  });

  test("D21 an urgent message goes before the lower ones that were committed with it", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([...messages(3, { priority: "low" }), message({ priority: "critical" })]);
    await device.until(() => device.cursor === 4);
    expect(device.frames.map(({ type }) => type)).toEqual(["welcome", "express", "messages"]);
  });

  test("D22 of 100 urgent messages behind a full window, at most 8 copies are outstanding", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(80));
    const device = await connect(user);
    await device.until(() => device.cursor === 64);
    for (let round = 0; round < 100; round += 1)
      await hubOf(user).deliver([message({ priority: "critical" })]);
    await device.settled();
    expect(device.all("express").map((frame) => frame.message.seq)).toEqual(upTo(88, 81));
    device.ack();
    await device.until(() => device.cursor === 128);
    device.ack(85);
    await device.settled();
    await hubOf(user).deliver([message({ priority: "critical" })]);
    await device.settled();
    expect(device.all("express").map((frame) => frame.message.seq)).toEqual([...upTo(88, 81), 181]);
    while (device.cursor < 181) {
      const at = device.cursor;
      device.ack();
      await device.until(() => device.cursor > at);
    }
    expect(seqs(device)).toEqual(upTo(181));
  });
});

test("a publisher is told how many devices were sent the message at once, not how many are connected", async () => {
  const user = aUser();
  const device = await connect(user);
  await connect(user, { device: "slow" });
  await hubOf(user).deliver(messages(64));
  await device.until(() => device.cursor === 64);
  device.ack();
  await device.settled();
  const { devices } = await hubOf(user).deliver([message(), message({ priority: "critical" })]);
  // The slow one gets the critical message as a copy.
  expect(devices).toEqual([1, 2]);
});
