/** The main path, through real processes and sockets: push, arrive, lose the line, come back. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { proxyTo } from "../support/cuttable-proxy.ts";
import { eventually } from "../support/eventually.ts";
import { type HubProcess, startHub } from "../support/hub-process.ts";
import { ask, listen, push } from "../support/publisher.ts";

let hub: HubProcess;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("the main path", () => {
  it("brings a pushed message to two devices of the same user", async () => {
    const phone = await listen(hub.url, "alice", "phone");
    const laptop = await listen(hub.url, "alice", "laptop");
    await eventually(() => [phone, laptop].every(({ statuses }) => statuses.includes("live")));
    await push(hub.url, { to: { user: "alice" }, type: "greeting", data: { text: "hello" } });
    await eventually(() => phone.received.length === 1 && laptop.received.length === 1);
    expect([...phone.data(), ...laptop.data()]).toEqual([{ text: "hello" }, { text: "hello" }]);
    phone.client.close();
    laptop.client.close();
  });

  it("gives a device that was cut off exactly what it missed", async () => {
    const line = await proxyTo(hub.port);
    const device = await listen(line.url, "bob", "phone");
    await eventually(() => device.statuses.includes("live"));
    await push(hub.url, { to: { user: "bob" }, type: "n", data: 0 });
    await eventually(() => device.received.length === 1);
    line.cut();
    await eventually(() => device.statuses.includes("waiting"));
    for (const data of numbers(1, 10)) await push(hub.url, { to: { user: "bob" }, type: "n", data });
    line.heal();
    await eventually(() => device.received.length === 11, { timeoutMs: 30_000 });
    expect([...device.data()].sort((a, b) => Number(a) - Number(b))).toEqual(numbers(0, 10));
    expect(new Set(device.received.map(({ id }) => id)).size).toBe(11);
    device.client.close();
    await line.close();
  });

  it.each(["critical", "high", "normal", "low"])(
    "delivers through the path of priority %s",
    async (priority) => {
      const device = await listen(hub.url, `carol-${priority}`, "phone");
      await push(hub.url, { to: { user: `carol-${priority}` }, type: "n", priority, data: priority });
      await eventually(() => device.received.length === 1);
      expect(device.received[0]).toMatchObject({ priority, data: priority });
      device.client.close();
    },
  );

  it("answers a critical push with its place in the stream and the devices it reached", async () => {
    const device = await listen(hub.url, "dave", "phone");
    await eventually(() => device.statuses.includes("live"));
    const answer = await push(hub.url, { to: { user: "dave" }, type: "n", priority: "critical" });
    expect(answer).toMatchObject({ results: [{ user: "dave", state: "delivered", seq: 1, devices: 1 }] });
    device.client.close();
  });

  it("shows who is online, and keeps what came while nobody was", async () => {
    await push(hub.url, { to: { users: ["erin", "frank"] }, type: "n", priority: "critical", data: "first" });
    expect(await ask(hub.url, "users/erin")).toMatchObject({ online: false, unread: 1 });
    const device = await listen(hub.url, "erin", "tablet");
    await eventually(() => device.received.length === 1);
    expect(await ask(hub.url, "users/erin")).toMatchObject({ online: true, devices: [{ device: "tablet" }] });
    expect(await ask(hub.url, "users/frank/messages")).toMatchObject({ messages: [{ data: "first" }] });
    device.client.close();
  });
});

describe("scale", () => {
  it("delivers 10,000 messages through the lanes exactly once and in order", async () => {
    const count = 10_000;
    const perRequest = 1_000;
    const device = await listen(hub.url, "heavy", "phone");
    await eventually(() => device.statuses.includes("live"));
    for (let first = 0; first < count; first += perRequest) {
      const messages = numbers(first, first + perRequest - 1).map((data) => ({
        to: { user: "heavy" },
        type: "n",
        data,
      }));
      await push(hub.url, { messages });
    }
    await eventually(() => device.received.length >= count, { timeoutMs: 50_000 });
    const seqs = device.received.map((message) => ("seq" in message ? message.seq : 0));
    expect(seqs).toEqual(numbers(1, count));
    expect(new Set(device.data()).size).toBe(count);
    device.client.close();
  });
});
