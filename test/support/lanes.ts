/** Messages, lanes and queue messages to test with: what a lane was asked for can be read from it afterwards. */
import type { QueueMessage } from "../../src/lanes/consume.ts";
import type { Crowds } from "../../src/lanes/crowds.ts";
import type { Addressed } from "../../src/lanes/envelope.ts";
import type { Lane } from "../../src/lanes/lane.ts";
import type { Lanes, Parcel } from "../../src/lanes/send.ts";
import { collapseKey, messageId, messageType, type UserId, userId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";

/** A message accepted at 1,000 that never expires; its id from a number. */
export function aMessage(number: number, changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  return {
    id: messageId.parse(`message-${number}`),
    type: messageType.parse("notification"),
    priority: "normal",
    at: 1_000,
    expires: Number.MAX_SAFE_INTEGER,
    live: false,
    body: JSON.stringify({ number }),
    ...changes,
  };
}

export const aCollapseKey = collapseKey.parse("build-7");

export function users(...names: string[]): UserId[] {
  return names.map((name) => userId.parse(name));
}

/** Users by number; names of 10 characters. */
export function manyUsers(count: number): UserId[] {
  return Array.from({ length: count }, (_, number) =>
    userId.parse(`user-${String(number).padStart(5, "0")}`),
  );
}

export function to(message: AcceptedMessage, ...names: string[]): Addressed {
  return { message, users: users(...names) };
}

export interface Handed extends QueueMessage {
  readonly fate: "ack" | { readonly delaySeconds: number | undefined } | undefined;
}

/** A queue message as the platform hands it out. Like there, the first of `ack` and `retry` counts. */
export function handed(body: unknown, { attempts = 1, at = 0 } = {}): Handed {
  let fate: Handed["fate"];
  return {
    body,
    attempts,
    timestamp: new Date(at),
    ack: () => {
      fate ??= "ack";
    },
    retry: (options) => {
      fate ??= { delaySeconds: options?.delaySeconds };
    },
    get fate() {
      return fate;
    },
  };
}

/** For tests without fan-out: whoever asks is told at once that he shouldn't have. */
export const noCrowds: Crowds = {
  begin: () => Promise.reject(new Error("there are no crowds here")),
  page: () => Promise.reject(new Error("there are no crowds here")),
  claim: () => Promise.reject(new Error("there are no crowds here")),
};

export interface Sent {
  readonly lane: Lane;
  readonly texts: readonly string[];
  readonly delaySeconds: number;
}

export interface RecordedLanes extends Lanes {
  readonly sent: Sent[];
  readonly stored: (readonly Parcel[])[];
}

/** Lanes that keep what they were asked for. Where `refuses` says so, they throw instead. */
export function recordedLanes(refuses: (what: Lane | "store") => boolean = () => false): RecordedLanes {
  const sent: Sent[] = [];
  const stored: (readonly Parcel[])[] = [];
  return {
    sent,
    stored,
    send: async (lane, texts, delaySeconds = 0) => {
      if (refuses(lane)) throw new Error("Too Many Requests");
      sent.push({ lane, texts, delaySeconds });
    },
    store: async (parcels) => {
      if (refuses("store")) throw new Error("the outbox is gone");
      stored.push(parcels);
    },
  };
}

/** A `Queue` for objects, which know bindings only. */
export function recordedQueue(refuses: () => boolean = () => false): Queue & { readonly texts: unknown[] } {
  const texts: unknown[] = [];
  const metrics = { backlogCount: 0, backlogBytes: 0 };
  const take = (bodies: unknown[]) => {
    if (refuses()) throw new Error("Too Many Requests");
    texts.push(...bodies);
    return { metadata: { metrics } };
  };
  return {
    texts,
    metrics: async () => metrics,
    send: async (body) => take([body]),
    sendBatch: async (messages) => take([...messages].map(({ body }) => body)),
  };
}
