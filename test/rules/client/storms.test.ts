/** What a fleet does to its hub when something goes wrong for all of it at once. Attempts are counted at the hub. */
import { setMaxListeners } from "node:events";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { HubClient, type HubClientOptions, type Status } from "../../../src/client/index.ts";
import * as clientLimits from "../../../src/client/limits.ts";
import { closeCodes } from "../../../src/protocol/close-codes.ts";
import { Network } from "./network.ts";
import { SmallHub, spreadMs } from "./small-hub.ts";
import { VirtualTime } from "./virtual-time.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const forEver = String(Number.MAX_SAFE_INTEGER);
const timeout = 60_000;

let time: VirtualTime;
let hub: SmallHub;
let network: Network;

// Loaded when it is first needed, which takes real time.
beforeAll(() => import("../../../src/client/alone.ts"));

beforeEach(() => {
  time = new VirtualTime(20_261_125);
  time.install();
  hub = new SmallHub(time);
  network = new Network(time, hub);
  vi.stubGlobal("WebSocket", network.Socket);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

interface Member {
  readonly client: HubClient;
  readonly name: string;
  readonly statuses: Status[];
  readonly handled: number[];
}

/** So many devices, started within a second. */
async function fleet(count: number, options: Partial<HubClientOptions> = {}): Promise<readonly Member[]> {
  const members = Array.from({ length: count }, (_, index): Member => {
    const name = `device-${index}`;
    const statuses: Status[] = [];
    const handled: number[] = [];
    const client = new HubClient({
      url: "http://hub.test",
      device: name,
      token: async () => forEver,
      onStatus: (status) => statuses.push(status),
      ...options,
    });
    client.on("*", ({ seq = 0 }) => handled.push(seq));
    time.after(time.random.next() * second, () => time.arrive(() => client.start()));
    return { client, name, statuses, handled };
  });
  await time.pass(2 * second);
  return members;
}

/** When each device tried to connect, from a moment on. */
function attemptsFrom(from: number): Map<string, number[]> {
  const attempts = new Map<string, number[]>();
  for (const { device, at } of network.attempts) {
    // A page that shares no connection adds something of its own to the name.
    const name = device.replace(/~.*/, "");
    if (at >= from) attempts.set(name, [...(attempts.get(name) ?? []), at]);
  }
  return attempts;
}

function states(members: readonly Member[]): ReadonlySet<string> {
  return new Set(members.map(({ client }) => client.status.state));
}

describe("a fleet whose tokens are signed with a key that is not good any more", () => {
  test("tries once in ten minutes with the same token, however often the app starts it", {
    timeout,
  }, async () => {
    const token = await Promise.resolve("eyJhbGciOiJFUzI1NiJ9.rotated");
    hub.refuses = closeCodes.token_invalid;
    const members = await fleet(2_000, { token: async () => token });
    for (let round = 0; round < 12; round += 1) {
      await time.pass(2 * minute);
      expect(states(members)).toEqual(new Set(["stopped"]));
      for (const { client } of members) client.start();
    }
    await time.pass(minute);

    const attempts = attemptsFrom(0);
    expect(attempts.size).toBe(2_000);
    for (const times of attempts.values()) {
      // 25 minutes: the first one, and one each ten minutes.
      expect(times.length).toBeGreaterThanOrEqual(3);
      for (const [index, at] of times.slice(1).entries()) {
        expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(clientLimits.refusedTokenMs);
      }
    }
    expect(states(members)).toEqual(new Set(["stopped"]));
    for (const { client } of members) {
      expect(client.status).toMatchObject({ state: "stopped", code: closeCodes.token_invalid });
    }
  });

  test("tries once more with fresh tokens, and then stops", { timeout }, async () => {
    hub.refuses = closeCodes.token_invalid;
    let made = 0;
    const members = await fleet(2_000, {
      token: async () => {
        made += 1;
        return `rotated-${made}`;
      },
    });
    await time.pass(hour);
    expect(states(members)).toEqual(new Set(["stopped"]));
    for (const times of attemptsFrom(0).values()) expect(times).toHaveLength(2);
  });
});

const stopping = Object.entries(closeCodes).filter(([, code]) => code >= 4000 && code < 4100);

test.each(stopping.filter(([, code]) => code !== closeCodes.token_invalid))(
  "a fleet that is refused as %s (%d) stops at once",
  async (_, code) => {
    hub.refuses = code;
    const members = await fleet(100);
    await time.pass(hour);
    expect(members.map(({ client }) => client.status)).toEqual(
      members.map(() => ({ state: "stopped", code, reason: "refused" })),
    );
    for (const times of attemptsFrom(0).values()) expect(times).toHaveLength(1);
  },
);

describe("a fleet whose hub is deployed", () => {
  /** The upper 0.1 % of chi-square with 19 degrees of freedom. */
  const bound = 43.8;

  /** How far from uniform the times are, over twenty parts of the time from `from` to `to`. */
  function unevenness(times: readonly number[], from: number, to: number): number {
    const parts: number[] = new Array(20).fill(0);
    for (const at of times) {
      const part = Math.floor(((at - from) / (to - from)) * parts.length);
      parts[part] = (parts[part] ?? 0) + 1;
    }
    expect(parts).toHaveLength(20);
    const expected = times.length / parts.length;
    return parts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  }

  test.each([
    ["1006, the network's only word,", 3_000, 1006, undefined],
    ["1012, a service that restarts,", 1_000, 1012, undefined],
    ["4200", 1_000, closeCodes.reconnect, undefined],
    ["4200, with a wait before,", 3_000, closeCodes.reconnect, 30 * second],
  ] as const)(
    "with %s comes back spread evenly over the time that the hub named",
    { timeout },
    async (_, count, code, retryAfter) => {
      const members = await fleet(count);
      hub.publish(1);
      await time.pass(second);
      expect(states(members)).toEqual(new Set(["live"]));
      const start = time.now;
      hub.endAll(code, retryAfter);
      hub.publish(1);
      await time.pass((retryAfter ?? 0) + spreadMs + second);

      const attempts = attemptsFrom(start);
      expect(attempts.size).toBe(count);
      expect([...attempts.values()].every(({ length }) => length === 1)).toBe(true);
      const times = [...attempts.values()].flat();
      // Word of the end takes its time.
      const from = start + (retryAfter ?? 0);
      const to = from + spreadMs + 100;
      expect(Math.min(...times)).toBeGreaterThan(from);
      expect(Math.max(...times)).toBeLessThan(to);
      expect(unevenness(times, from, to)).toBeLessThan(bound);
      expect(states(members)).toEqual(new Set(["live"]));
      expect(hub.online).toBe(count);
      for (const { handled } of members) expect(handled).toEqual([1, 2]);
    },
  );
});

describe("a laptop that slept past its token", () => {
  /** A token for an hour, of which the app asks its server only when the last one is over. */
  function appTokens() {
    const made: number[] = [];
    return {
      made,
      token: async () => {
        made.push(time.now);
        return String(time.now + hour);
      },
    };
  }

  test.each([
    ["the hub's goodbye waits for it", () => {}],
    ["nobody told it that the network went", () => hub.endAll(1006)],
  ])("makes one refresh and misses nothing, where %s", async (_, happen) => {
    const { made, token } = appTokens();
    const [laptop] = await fleet(1, { token });
    expect(made).toHaveLength(1);
    time.sleep(3 * hour);
    happen();
    hub.publish(2);
    await time.pass(2 * hour);
    hub.publish(30);
    await time.pass(hour - 1);
    expect(made).toHaveLength(1);
    await time.pass(5 * minute);
    expect(made).toHaveLength(2);
    expect(laptop?.client.status.state).toBe("live");
    expect(laptop?.handled).toEqual(hub.rows.map(({ seq }) => seq));
  });
});

describe("a fleet whose hub is down for an hour", () => {
  /** What the backoff allows in an hour: 0.25, 0.5, … 15 s on average, and 30 s at most once it has grown. */
  const least = hour / (clientLimits.backoffMaxMs + second);
  const most = hour / (clientLimits.backoffMaxMs / 2);

  test("tries no more often than the backoff allows, and is all back soon after", { timeout }, async () => {
    const members = await fleet(200);
    network.down = true;
    const start = time.now;
    hub.endAll(1006);
    await time.pass(hour);
    const counts = [...attemptsFrom(start).values()].map(({ length }) => length);
    expect(counts).toHaveLength(200);
    expect(Math.min(...counts)).toBeGreaterThan(least);
    const average = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    expect(average).toBeGreaterThan(most * 0.95);
    expect(average).toBeLessThan(most * 1.05);
    expect(Math.max(...counts)).toBeLessThan(most * 1.3);
    network.down = false;
    await time.pass(clientLimits.backoffMaxMs + second);
    expect(states(members)).toEqual(new Set(["live"]));
  });

  test("tries at once when the network is back, and only once", async () => {
    const page = new EventTarget();
    const document = new EventTarget();
    setMaxListeners(200, page, document);
    vi.stubGlobal("document", document);
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    const members = await fleet(200, { tabs: false });
    // Pages load a part of the client that others do not need.
    await vi.dynamicImportSettled();
    await time.pass(minute);
    expect(states(members)).toEqual(new Set(["live"]));
    network.down = true;
    hub.endAll(1006);
    await time.pass(10 * minute);
    const waiting = members.filter(({ client }) => client.status.state === "waiting");
    expect(waiting.length).toBeGreaterThan(190);
    const start = time.now;
    page.dispatchEvent(new Event("online"));
    page.dispatchEvent(new Event("online"));
    await time.pass(1);
    const attempts = attemptsFrom(start);
    expect(waiting.map(({ name }) => attempts.get(name)?.length)).toEqual(waiting.map(() => 1));
    // The network was not back: from here on the backoff has the word again.
    await time.pass(minute);
    const later = [...attemptsFrom(start + 2).values()].flat();
    expect(later.length / members.length).toBeLessThan(6);
  });
});
