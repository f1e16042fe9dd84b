/** An app with a client, in fake time, over sockets whose other end is the test. */
import { afterEach, beforeEach, vi } from "vitest";
import {
  type Fault,
  HubClient,
  type HubClientOptions,
  type Message,
  type ReadState,
  type Status,
} from "../../src/client/index.ts";
import { FakeSocket } from "./fake-socket.ts";

export interface AppOptions extends Partial<HubClientOptions> {
  /** Its one handler; `false` for none at all. Without it, the app only notes the ids. */
  readonly onMessage?: ((message: Message) => unknown) | false;
}

/** Before each test of a file: time stands still, chance is no chance, and no socket is open. */
export function inFakeTime(): void {
  beforeEach(() => {
    FakeSocket.opened = [];
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    vi.stubGlobal("WebSocket", FakeSocket);
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
}

/** A client, and what its app was told. */
export function device({ onMessage, ...options }: AppOptions = {}) {
  const seen: string[] = [];
  const statuses: Status[] = [];
  const faults: Fault[] = [];
  const states: ReadState[] = [];
  let tokens = 0;
  const client = new HubClient({
    url: "http://hub.test:8787",
    device: "phone",
    token: async () => {
      tokens += 1;
      return `token-${tokens}`;
    },
    onStatus: (status) => void statuses.push(status),
    onFault: (fault) => void faults.push(fault),
    onState: (state) => void states.push(state),
    ...options,
  });
  if (onMessage !== false) client.on("*", onMessage ?? (({ id }) => seen.push(id)));
  return { client, seen, statuses, faults, states };
}

/** Lets what is under way come to an end, and time pass. */
export const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

export async function connected(options: AppOptions = {}) {
  const parts = device(options);
  await parts.client.start();
  await pass();
  return { ...parts, socket: FakeSocket.latest() };
}
