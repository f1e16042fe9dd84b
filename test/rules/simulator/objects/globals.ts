/**
 * The process as the objects see it: clock, timers and chance are the world's while it runs, so that a seed
 * replays exactly. Between two events everything that waits for a promise runs, and nothing else does.
 */
import { vi } from "vitest";
import { settled } from "../../../support/virtual-time.ts";
import type { World } from "../world.ts";
import { ServerSocket } from "./server-socket.ts";

class SocketPair {
  readonly 1 = new ServerSocket();
  /** The client's end: whoever gets it gets hold of the other one. */
  readonly 0 = { peer: this[1] };
}

class Upgraded {
  readonly peer: ServerSocket;

  constructor(_: null, { webSocket }: { readonly webSocket: SocketPair[0] }) {
    this.peer = webSocket.peer;
  }
}

/** Replaces what Node has not, or has otherwise. To be called once for a test file. */
export function standInForPlatform(): void {
  vi.stubGlobal("WebSocketRequestResponsePair", class {});
  vi.stubGlobal("WebSocketPair", SocketPair);
  // Node makes no response with status 101.
  vi.stubGlobal("Response", Upgraded);
}

export async function inWorld(world: World, run: () => Promise<void>): Promise<void> {
  const { now } = Date;
  const { random } = Math;
  const { setTimeout, clearTimeout } = globalThis;
  Date.now = () => world.wall();
  Math.random = () => world.random.next();
  Object.assign(globalThis, {
    setTimeout: (ring: () => void, ms = 0) => {
      const timer = { ring };
      world.schedule.after(ms, () => timer.ring());
      return timer;
    },
    clearTimeout: (timer?: { ring: () => void }) => {
      if (timer !== undefined) timer.ring = () => {};
    },
  });
  try {
    await run();
  } finally {
    Date.now = now;
    Math.random = random;
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}

/** Lets time pass, event by event. */
export async function pass(world: World, ms: number, afterEach: () => void): Promise<void> {
  const until = world.now + ms;
  while (world.schedule.runNext(until)) {
    await settled();
    afterEach();
  }
  world.schedule.runUntil(until, () => {});
}

/** A stretch of virtual time. */
export function pause(world: World, ms: number): Promise<void> {
  return new Promise((done) => world.schedule.after(ms, done));
}
