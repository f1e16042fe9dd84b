/**
 * The story that `npm run demo` tells: two devices of one user, messages of every priority, a device that
 * is cut off while ten more arrive, and gets exactly those ten when it is back.
 */
import { HubClient, type Message, memoryStorage } from "../client/index.ts";
import { priorities } from "../protocol/priority.ts";
import type { HubApi } from "./hub-api.ts";
import { beginningLine, faultLine, gapLine, statusLine } from "./lines.ts";
import { Advice } from "./script.ts";

export interface Stage {
  readonly url: string;
  readonly api: HubApi;
  /** A user that nobody was before. */
  readonly user: string;
  readonly say: (line: string) => void;
  /** How long any one step may take, in milliseconds. */
  readonly patienceMs: number;
}

/** How many messages arrive while the phone is away. */
const missed = 10;

/** @throws {Advice} when anything arrives twice, out of order, not at all, or too late. */
export async function tellStory(stage: Stage): Promise<void> {
  const { api, say, user } = stage;
  const phone = device(stage, "phone");
  const laptop = device(stage, "laptop");
  try {
    say(`${user} has two devices, a phone and a laptop. Both connect.`);
    await Promise.all([phone.connect(), laptop.connect()]);

    say("\nOne message of each priority, pushed over HTTP:");
    for (const priority of [...priorities].reverse()) {
      const pushed = performance.now();
      const id = await api.push({
        to: { user },
        type: "notification",
        priority,
        data: { title: `${priority}!` },
      });
      const accepted = performance.now();
      await Promise.all([phone.has(id), laptop.has(id)]);
      say(
        `  ${priority.padEnd(9)} accepted after ${ms(accepted - pushed)},` +
          `  on the phone after ${ms(phone.at(id) - pushed)}, on the laptop after ${ms(laptop.at(id) - pushed)}`,
      );
    }

    say(`\nThe phone loses its connection. ${missed} more messages are pushed:`);
    phone.cut();
    const seenBefore = phone.seen().length;
    const ids: string[] = [];
    for (let number = 1; number <= missed; number += 1) {
      const pushed = performance.now();
      const id = await api.push({ to: { user }, type: "notification", data: { title: `missed ${number}` } });
      ids.push(id);
      await laptop.has(id);
      say(`  ${String(number).padStart(2)}         on the laptop after ${ms(laptop.at(id) - pushed)}`);
    }

    say("\nThe phone is back, and goes on after the last message that it has:");
    const back = performance.now();
    await phone.connect();
    for (const id of ids) await phone.has(id);
    say(`  all ${missed} on the phone, ${ms(performance.now() - back)} after it began to connect`);

    requireSame("the phone, once back", phone.seen().slice(seenBefore), ids);
    requireSame("the phone", phone.seen(), laptop.seen());
    say(`\nEvery message arrived once, in order: ${laptop.seen().length} on each device.`);
  } finally {
    phone.cut();
    laptop.cut();
  }
}

/** One device, and everything that it was given. */
function device({ api, patienceMs, url, user }: Stage, name: string) {
  const storage = memoryStorage();
  const arrived: { readonly id: string; readonly seq: number; readonly at: number }[] = [];
  let client: HubClient | undefined;
  let changed = Promise.withResolvers<void>();
  let isLive = false;
  let trouble: string | undefined;

  function note(): void {
    changed.resolve();
    changed = Promise.withResolvers();
  }

  function fail(what: string): void {
    trouble ??= what;
    note();
  }

  function take({ id, seq = 0 }: Message): void {
    const last = arrived.at(-1)?.seq ?? 0;
    arrived.push({ id, seq, at: performance.now() });
    if (seq === last + 1) note();
    else fail(`#${seq} came after #${last}`);
  }

  async function until(done: () => boolean, what: string): Promise<void> {
    const deadline = AbortSignal.timeout(patienceMs);
    const late = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve()));
    while (!done()) {
      if (trouble !== undefined) throw new Advice(`The ${name} is in trouble: ${trouble}.`);
      if (deadline.aborted)
        throw new Advice(`The ${name} did not get ${what} within ${patienceMs / 1_000} s.`);
      await Promise.race([changed.promise, late]);
    }
  }

  return {
    async connect(): Promise<void> {
      const fresh = arrived.length === 0;
      client = new HubClient({
        url,
        device: name,
        storage,
        token: () => api.token(user),
        onStatus: (status) => {
          isLive = status.state === "live";
          if (status.state === "stopped" && status.code !== 1000) fail(statusLine(status));
          else note();
        },
        onGap: (gap) => fail(gapLine(gap)),
        onFault: (fault) => fail(faultLine(fault)),
        onDiscontinuity: (reason) => {
          if (!fresh) fail(beginningLine(reason));
        },
      });
      client.on("*", take);
      await client.start();
      await until(() => isLive, "its connection");
    },
    cut(): void {
      client?.close();
    },
    has: (id: string) => until(() => arrived.some((message) => message.id === id), id),
    at: (id: string) => arrived.find((message) => message.id === id)?.at ?? Number.NaN,
    seen: () => arrived.map(({ id }) => id),
  };
}

function requireSame(who: string, got: readonly string[], expected: readonly string[]): void {
  if (JSON.stringify(got) === JSON.stringify(expected)) return;
  throw new Advice(`${who} got ${got.join(", ")}\ninstead of ${expected.join(", ")}`);
}

function ms(duration: number): string {
  return `${duration.toFixed(1)} ms`.padStart(9);
}
