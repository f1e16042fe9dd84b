/** One user with very many devices, and very many messages to one device: all of it once and in order. */
import { expect, test } from "vitest";
import { aUser, connect, hubOf } from "../support/device.ts";
import { message, messages } from "../support/messages.ts";
import { seqs, upTo } from "../support/stream.ts";

test("1,000 sockets of one user get every message exactly once, in order", async () => {
  const user = aUser();
  const devices = await Promise.all(
    Array.from({ length: 1_000 }, (_, index) => connect(user, { device: `device-${index}`, acks: true })),
  );
  const priorities = ["low", "normal", "high", "critical"] as const;
  for (let batch = 0; batch < 5; batch += 1) {
    await hubOf(user).deliver(priorities.flatMap((priority) => messages(5, { priority })));
  }
  await Promise.all(devices.map((device) => device.until(() => device.cursor === 100, "it has all", 45_000)));
  for (const device of devices) {
    expect(seqs(device)).toEqual(upTo(100));
    expect(new Set(device.arrivals.map(({ what }) => what)).size).toBe(100);
  }
  expect((await hubOf(user).presence()).devices.filter(({ online }) => online)).toHaveLength(1_000);
}, 60_000);

test("10,000 messages to one device that acknowledges arrive exactly once, in order", async () => {
  const user = aUser();
  const device = await connect(user, { acks: true });
  const sent = Array.from({ length: 100 }, () => messages(100, { priority: "low" }));
  for (const batch of sent) await hubOf(user).deliver(batch);
  await device.until(() => device.cursor === 10_000);
  expect(device.arrivals.map(({ what }) => what)).toEqual(sent.flat().map(({ id }) => id));
  const urgent = message({ priority: "critical" });
  await hubOf(user).deliver([urgent]);
  await device.until(() => device.cursor === 10_001);
  expect(device.arrivals.at(-1)).toEqual({ seq: 10_001, what: urgent.id });
}, 60_000);
