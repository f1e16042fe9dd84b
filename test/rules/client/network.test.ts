/**
 * The client over a network that breaks once, before each frame in either direction, one run for each.
 * Whatever handlers, clocks and the process do meanwhile, every message is handled once and in order.
 */
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type Fault, HubClient, type Message, memoryStorage } from "../../../src/client/index.ts";
import { type Cut, Network } from "./network.ts";
import { SmallHub } from "./small-hub.ts";
import { VirtualTime } from "./virtual-time.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

// Loaded when it is first needed, which takes real time.
beforeAll(() => import("../../../src/client/alone.ts"));

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** So long does anything happen, and may the cut come. */
const dayMs = 2 * minute;

/** What happens besides the cut. */
interface Weather {
  /** How long the handler takes for a message. */
  readonly handlerMs?: (seq: number) => number;
  /** How often the handler fails on a message before it does not. */
  readonly failures?: (seq: number) => number;
  /** Somebody turns the clock on the wall every second. */
  readonly clock?: boolean;
  /** The process stands still from the cut on. */
  readonly sleepMs?: number;
}

/** A day of a device: a backlog, a window that fills, copies ahead of their turn, gaps, a deploy, a fresh token. */
function happenTo(hub: SmallHub, time: VirtualTime): void {
  hub.publish(1);
  hub.burn();
  hub.publish(3);
  const at = (ms: number, happen: () => void) => time.after(ms, happen);
  at(2 * second, () => hub.publish(1));
  at(3 * second, () => {
    hub.publish(6);
    hub.publish(1, "critical");
  });
  at(4 * second, () => hub.live("live-message"));
  at(5 * second, () => hub.read(4));
  at(6 * second, () => {
    hub.publish(2);
    hub.burn();
    hub.publish(1);
  });
  at(12 * second, () => hub.endAll(4200, second));
  at(12.1 * second, () => hub.publish(2));
  at(60 * second, () => hub.publish(1));
}

async function run({ handlerMs, failures, clock, sleepMs }: Weather, cut?: Cut) {
  const time = new VirtualTime(20_261_125);
  time.install();
  const hub = new SmallHub(time);
  const network = new Network(time, hub, cut);
  vi.stubGlobal("WebSocket", network.Socket);
  network.onCut = () => {
    if (sleepMs !== undefined) time.sleep(sleepMs);
  };
  happenTo(hub, time);

  const storage = memoryStorage();
  const handled: Message[] = [];
  const faults: Fault[] = [];
  const failed = new Map<string, number>();
  const client = new HubClient({
    url: "http://hub.test",
    device: "phone",
    // The first one is soon replaced over the connection.
    token: async () => String(time.now + (network.attempts.length === 0 ? 70 * second : hour)),
    storage,
    onFault: (fault) => faults.push(fault),
  });
  client.on("*", async (message) => {
    const { id, seq = 0 } = message;
    const ms = handlerMs?.(seq) ?? 0;
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    const times = failed.get(id) ?? 0;
    failed.set(id, times + 1);
    if (times < (failures?.(seq) ?? 0)) throw new Error("no room");
    handled.push(message);
  });
  await client.start();
  for (let passed = 0; passed < dayMs; passed += second) {
    if (clock) time.turnClock((time.random.next() - 0.5) * 10 * hour);
    await time.pass(second);
  }
  const crossed = { ...network.crossed };
  await time.pass(15 * minute + (sleepMs ?? 0));
  const result = {
    handled,
    faults,
    crossed,
    heard: network.heard,
    saved: await storage.load(),
    acked: hub.acked("phone"),
    status: client.status.state,
    unread: client.unread,
    hub,
  };
  client.close();
  await time.pass(hour);
  return result;
}

function expectAllWell({
  handled,
  faults,
  saved,
  acked,
  status,
  unread,
  hub,
}: Awaited<ReturnType<typeof run>>): void {
  const numbered = handled.flatMap(({ seq, priority }) => (seq === undefined ? [] : [{ seq, priority }]));
  const all = hub.rows.filter(({ gone }) => gone === null).map(({ seq }) => seq);
  expect(numbered.map(({ seq }) => seq).toSorted((one, other) => one - other)).toEqual(all);
  // Only what is critical may come ahead of its turn.
  const inTurn = numbered.filter(({ priority }) => priority === "normal").map(({ seq }) => seq);
  expect(inTurn).toEqual(inTurn.toSorted((one, other) => one - other));
  expect(handled.filter(({ id }) => id === "live-message").length).toBeLessThanOrEqual(1);
  expect(faults).toEqual([]);
  expect(saved).toMatchObject({ cursor: hub.head, ahead: [] });
  expect(acked).toBe(hub.head);
  expect(status).toBe("live");
  expect(unread).toBe(hub.unread);
}

const weathers: readonly (readonly [string, Weather])[] = [
  ["in calm weather", {}],
  ["with a handler that is slow", { handlerMs: (seq) => (seq % 5 === 0 ? 20 * second : 300) }],
  ["with a handler that fails", { failures: (seq) => seq % 3 }],
  ["with clocks that are turned back and forth", { clock: true, handlerMs: () => 100 }],
  ["with a process that stands still for three hours", { sleepMs: 3 * hour, handlerMs: () => 50 }],
];

describe.each(weathers)("%s", (_, weather) => {
  test("an uncut day ends well, with every kind of frame", async () => {
    const result = await run(weather);
    expectAllWell(result);
    expect([...result.heard].sort()).toEqual([
      "bye",
      "express",
      "gap",
      "live",
      "messages",
      "pong",
      "reauth",
      "state",
      "welcome",
    ]);
    expect(result.crossed.down).toBeGreaterThan(20);
    expect(result.crossed.up).toBeGreaterThan(15);
  });

  for (const way of ["up", "down"] as const) {
    for (const told of [true, false]) {
      const manner = told ? "both sides learn of" : "neither side learns of";
      test(`a cut before any frame ${way}, which ${manner}, repeats and loses nothing`, {
        timeout: 60_000,
      }, async () => {
        const { crossed } = await run(weather);
        for (let frame = 0; frame <= crossed[way]; frame += 1) {
          const result = await run(weather, { way, frame, told });
          try {
            expectAllWell(result);
          } catch (error) {
            throw new Error(`cut before frame ${frame} ${way}`, { cause: error });
          }
        }
      });
    }
  }
});
