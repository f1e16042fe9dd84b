/** What survives when the process is killed, and what a sleeping object still does. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { tokenFor } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { type HubProcess, startHub } from "../support/hub-process.ts";
import { ask, listen, push } from "../support/publisher.ts";
import { openRaw } from "../support/raw-socket.ts";

/** workerd lets an object sleep after 10 s without an event; a little more for its own scheduling. */
const sleepsAfterMs = 13_000;

let hub: HubProcess;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

const critical = (user: string, data: unknown, more = {}) => ({
  to: { user },
  type: "n",
  priority: "critical",
  data,
  ...more,
});

it("wakes a sleeping object for a push, on the connection that stayed open", async () => {
  const socket = await openRaw(hub.port, "/v1/connect?device=phone", {
    Authorization: `Bearer ${await tokenFor("sleeper")}`,
  });
  const count = (text: string) => socket.frames.filter(({ payload }) => payload.includes(text)).length;
  await eventually(() => count("welcome") === 1);
  // A live-only id is remembered by the running object alone: sent twice it arrives once.
  const live = critical("sleeper", "only live", { ttl: 0, id: "live-only-0001" });
  await push(hub.url, live);
  await push(hub.url, live);
  await push(hub.url, critical("sleeper", "before"));
  await eventually(() => count("before") === 1);
  expect(count("only live")).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, sleepsAfterMs));
  // That it arrives again shows that the memory was lost: this is another instance of the object.
  await push(hub.url, live);
  await push(hub.url, critical("sleeper", "after"));
  await eventually(() => count("after") === 1);
  expect(count("only live")).toBe(2);
  expect(count("before")).toBe(1);
  expect(socket.ended()).toBe(false);
  socket.destroy();
});

it("D7 keeps every message that it has answered for when it is killed", async () => {
  const answered: number[] = [];
  const storm = (async () => {
    for (let data = 0; data < 5_000; data += 1) {
      await push(hub.url, critical("storm", data));
      answered.push(data);
    }
  })().catch(() => {});
  await eventually(() => answered.length >= 50);
  await hub.kill();
  await storm;
  await hub.restart();
  const device = await listen(hub.url, "storm", "phone");
  await eventually(() => answered.every((data) => device.data().includes(data)), { timeoutMs: 30_000 });
  const seqs = device.received.map((message) => ("seq" in message ? message.seq : 0));
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  device.client.close();
});

it("F6 does after a restart what fell due while the process was down, without being asked", async () => {
  await push(hub.url, critical("expiring", "short", { ttl: 1 }));
  await hub.kill();
  const swept = () => hub.log().match(/"event":"swept"/g)?.length ?? 0;
  const before = swept();
  await hub.restart();
  // Storage deadlines are rounded up to the next minute.
  await eventually(() => swept() > before, { timeoutMs: 75_000, what: () => "the alarm has swept" });
  expect(await ask(hub.url, "users/expiring/messages")).toMatchObject({ messages: [] });
}, 120_000);
