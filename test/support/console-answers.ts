/** A hub in the middle of its day, as the API tells it: for the picture of the console, which a fresh hub would leave empty. */
import type {
  Inbox,
  Interval,
  Lane,
  Lanes,
  Letters,
  MessageState,
  Presence,
  Priority,
  Receipt,
} from "../../src/pages/console/answers.ts";
import type {
  Members,
  Preferences,
  TopicView,
  UserPresence,
} from "../../src/pages/console/audience-answers.ts";

const second = 1_000;
const minute = 60 * second;

/** When it is: a multiple of ten seconds, at which intervals begin. */
export const now = Date.UTC(2026, 10, 24, 14, 3, 20);

/** Recipients in ten seconds, and the median in milliseconds, of each lane while nothing is wrong. */
const usual: Readonly<Record<Priority, { readonly count: number; readonly p50: number }>> = {
  critical: { count: 14, p50: 4 },
  high: { count: 120, p50: 28 },
  normal: { count: 640, p50: 46 },
  low: { count: 2_300, p50: 900 },
};

/** Up and down as chance would have it, and each time the same: between -1 and 1. */
const sway = (step: number, lane: number) =>
  (Math.sin(step * 1.7 + lane) + Math.sin(step * 0.61 + 3 * lane) + Math.sin(step * 4.3)) / 3;

/** A flood of the low lane that began four minutes ago and is nearly over: the others never noticed. */
const flood = (step: number) => Math.exp(-(((step - 42) / 7) ** 2));

function intervals(priority: Priority, lane: number): readonly Interval[] {
  const { count, p50: median } = usual[priority];
  return Array.from({ length: 60 }, (_, step) => {
    const wave = sway(step, lane);
    const flooded = priority === "low" ? flood(step) : 0;
    const accepted = Math.round(count * (1 + 0.3 * wave + 3 * flooded));
    const p50 = median * (1 + 0.35 * wave + 2 * flooded);
    return {
      at: now - (60 - step) * 10 * second,
      accepted,
      delivered: Math.round(accepted * (1 - 0.2 * flooded)),
      dead: 0,
      latency: { count: accepted, p50, p95: p50 * (2.4 + wave), p99: p50 * 5 },
    };
    // Nobody rings an alarm all the time.
  }).filter((_, step) => priority !== "critical" || (step > 8 && step % 23 > 5));
}

function lane(
  priority: Priority,
  index: number,
  more: Partial<Lane["total"]>,
  backlog: Lane["backlog"],
): Lane {
  const total = {
    accepted: 0,
    committed: 0,
    duplicate: 0,
    live: 0,
    expired: 0,
    gone: 0,
    dead: 0,
    retried: 0,
  };
  return { backlog, total: { ...total, ...more }, recent: intervals(priority, index) };
}

const empty = { envelopes: 0, bytes: 0, oldest: undefined };

export const lanes: Lanes = {
  at: now,
  since: now - 26 * 60 * minute,
  lanes: {
    critical: lane("critical", 0, { accepted: 96_412, committed: 96_398, duplicate: 12, dead: 2 }, empty),
    high: lane("high", 1, { accepted: 1_120_873, committed: 1_104_310, live: 16_201, duplicate: 362 }, empty),
    normal: lane(
      "normal",
      2,
      { accepted: 5_930_117, committed: 5_802_455, live: 126_904, duplicate: 741, gone: 17, retried: 64 },
      { envelopes: 3, bytes: 41_800, oldest: now - 180 },
    ),
    low: lane(
      "low",
      3,
      {
        accepted: 21_408_996,
        committed: 21_391_240,
        duplicate: 1_204,
        expired: 5_311,
        dead: 1,
        retried: 918,
      },
      { envelopes: 112, bytes: 9_840_000, oldest: now - 4_200 },
    ),
  },
};

export const presence: Presence = {
  online: true,
  since: now - 47 * minute,
  head: 318,
  unread: 3,
  devices: [
    {
      device: "phone",
      online: true,
      lastSeen: now - 2 * second,
      cursor: 318,
      connection: { connection: "a", since: now - 47 * minute, state: "live", sent: 318, inFlight: 0 },
    },
    {
      device: "laptop",
      online: true,
      lastSeen: now - 9 * second,
      cursor: 316,
      connection: { connection: "b", since: now - 12 * minute, state: "syncing", sent: 318, inFlight: 2 },
    },
    { device: "tablet", online: false, lastSeen: now - 29 * 60 * minute, cursor: 291, connection: undefined },
  ],
};

interface Marks {
  readonly topic?: string;
  readonly silent?: true;
}

const messages: readonly (readonly [Priority, string, number, unknown, Marks?])[] = [
  ["critical", "payment.failed", 0.2, { invoice: 20_417, reason: "card_declined" }],
  ["normal", "comment.created", 3, { by: "mei", text: "Agreed. Let's ship it before the holidays." }],
  ["high", "order.shipped", 11, { order: 1001, parcels: 2 }],
  ["normal", "build.passed", 34, { build: 812 }, { topic: "team.7.builds" }],
  ["low", "digest.weekly", 52, { closed: 18, opened: 4 }, { silent: true }],
  ["normal", "comment.created", 71, { by: "ines", text: "Could you look at the second one?" }],
];

export const inbox: Inbox = {
  messages: messages.map(([priority, type, minutes, data, { topic, silent } = {}], index) => ({
    seq: 318 - index,
    id: `01a20fe9-5a47-7fc0-b4b6-${index}`,
    type,
    priority,
    at: now - minutes * minute,
    expires: now + 7 * 24 * 60 * minute,
    read: index > 2,
    topic,
    replaces: undefined,
    silent,
    data,
  })),
  next: 312,
  state: { unread: 3, readUpTo: 315, rev: 41 },
};

const team = "team.7.builds";

export const topics: readonly TopicView[] = [
  { topic: "news", member: true, presence: false, pending: false },
  { topic: team, member: true, presence: true, pending: false },
];

export const preferences: Preferences = {
  muted: ["marketing"],
  minPriority: undefined,
  quietHours: { timeZone: "Europe/Berlin", from: "22:00", to: "07:00", days: undefined },
};

export const topicCount = { topic: team, members: 1_204 };

export const members: Members = {
  members: ["alice", "anna", "bob", "carol", "chidi"].map((user) => ({
    user,
    presence: user !== "bob",
  })),
  next: "chidi",
};

export const presences: { readonly presence: readonly UserPresence[] } = {
  presence: members.members.map(({ user }, index) => ({
    user,
    online: index < 3,
    since: index < 3 ? now - (47 - 9 * index) * minute : undefined,
    asOf: now - second,
    unknown: undefined,
  })),
};

function letter(id: string, user: string, type: string, reason: string, priority: Priority, minutes: number) {
  return {
    key: `${id} ${user}`,
    lane: priority,
    reason,
    attempts: reason === "attempts_exhausted" ? 8 : 1,
    error: "",
    at: now - minutes * minute,
    redrives: 0,
    redrivenAt: undefined,
    state: "dead",
    user,
    message: { id, type, at: now - minutes * minute, expires: now, live: false, data: null },
    raw: undefined,
  };
}

export const letters: Letters = {
  letters: [
    letter("alarm-4711", "alice", "alarm", "id_conflict", "critical", 6),
    letter("alarm-4711", "bob", "alarm", "id_conflict", "critical", 6),
    letter("digest-2026-47", "carol", "digest.weekly", "attempts_exhausted", "low", 94),
  ],
  next: undefined,
};

export const receipt: Receipt = {
  id: "4cJq0yXk2o2R1mGZb7dTnQ9sVfE",
  recipients: 2,
  state: "queued",
  expires: now + 7 * 24 * 60 * minute,
  ttl: undefined,
  results: undefined,
};

/** What became of the message of the receipt, for alice and for bob. */
export function messageState(user: string): MessageState {
  const delivered = [
    { device: "phone", at: now + 38 },
    { device: "laptop", at: now + 51 },
  ];
  return {
    id: receipt.id,
    state: "stored",
    at: now,
    seq: user === "alice" ? 319 : 57,
    expires: receipt.expires,
    deliverAt: undefined,
    delivered: user === "alice" ? delivered : [],
    devices: [],
    reason: undefined,
  };
}
