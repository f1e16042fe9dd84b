/**
 * The arithmetic of `docs/scale.md`: what one message to a large crowd costs. The steps are those that the
 * hub would take; prices and limits are Cloudflare's, from the pages named; what nobody publishes is assumed,
 * and says so. Pure; a test holds the page against it.
 */
import { page, pageLimit } from "../lanes/steps.ts";
import { everyoneLimits, inboxLimits, laneLimits, socketLimits } from "../limits.ts";
import { messageId, messageType, topic, userId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";

/** In dollars, beyond what the paid plan includes. */
export const prices = {
  /** Queues: Pricing. Writing, reading and deleting a message are one each, for each 64 kB. */
  queueOperation: 0.4e-6,
  /** Durable Objects: Pricing. */
  objectRequest: 0.15e-6,
  gigabyteSecond: 12.5e-6,
  rowRead: 0.001e-6,
  rowWritten: 1e-6,
  gigabyteMonth: 0.2,
  /** Workers: Pricing. */
  workerRequest: 0.3e-6,
  cpuMillisecond: 0.02e-6,
} as const;

export const published = {
  /** Durable Objects: Limits, a soft limit for each object. */
  objectRequestsPerSecond: 1_000,
  /** Queues: Limits, for each queue. */
  queueMessagesPerSecond: 5_000,
  queueConsumers: 250,
  /** Durable Objects: Pricing, whatever an object uses. */
  objectGigabytes: 0.128,
} as const;

export const assumed = {
  /** Of `data`. */
  messageBytes: 500,
  /** A call to the object of a user that must be woken, until it answers; and how long of that it runs. */
  callMs: 50,
  activeMs: 20,
  /** One step of a job: read from the queue, a call for the page, and a send, of which Cloudflare's blog says 60 ms ("How we built Cloudflare Queues", 2024). */
  stepMs: 250,
  /** The consumer's part in one delivery. */
  deliveryCpuMs: 0.2,
  /** A message with its index in the object of a user. */
  storedBytes: 1_000,
  rowsReadOfDelivery: 10,
} as const;

/** `max_concurrency` of the lanes but `low`, in `wrangler.toml`. */
export const consumers = 20;

export interface Case {
  readonly name: string;
  /** Objects that know the crowd. */
  readonly shares: number;
  /** Users whose objects are called by the fan-out. */
  readonly users: number;
  /** Of these, who is connected. */
  readonly online: number;
  /** Users whose own objects commit the message when they come back; `undefined` where it is in no log. */
  readonly later?: number;
}

export const cases: readonly Case[] = [
  { name: "topic", shares: 1, users: 1_000_000, online: 100_000 },
  { name: "everyone, `online`", shares: 16, users: 1_000_000, online: 1_000_000 },
  { name: "everyone, `all`", shares: 16, users: 100_000, online: 100_000, later: 900_000 },
];

const message: AcceptedMessage = {
  id: messageId.parse("00000000-0000-7000-8000-000000000000"),
  type: messageType.parse("notification"),
  priority: "normal",
  at: 1.8e12,
  expires: 1.8e12 + inboxLimits.retentionMs,
  live: false,
  topic: topic.parse("topic-of-a-million"),
  body: JSON.stringify("x".repeat(assumed.messageBytes - 2)),
};

/** What the real rule makes of a full page: users of a step, and queue messages that it sends. */
export function fullStep(): { readonly users: number; readonly messages: number } {
  const uuid = (n: number) => userId.parse(`00000000-0000-7000-8000-${String(n).padStart(12, "0")}`);
  const users = Array.from({ length: pageLimit(message) }, (_, n) => uuid(n));
  const share = { topic: topic.parse("topic-of-a-million") };
  // In the middle, with as many digits as a random number has.
  const taking = { now: message.at, chain: 0.12345678901234566 };
  const sending = page(message, share, 100, { users, next: uuid(0) }, taking);
  return { users: sending.users, messages: sending.texts.length };
}

export interface Cost {
  /** Of one share, one after the other. */
  readonly steps: number;
  readonly envelopes: number;
  readonly queueMessages: number;
  readonly queueOperations: number;
  readonly objectRequests: number;
  readonly rowsWritten: number;
  readonly rowsRead: number;
  readonly dollars: number;
  /** The same once those who were away have come back, and after a month, when the message is forgotten. */
  readonly dollarsInAll: number;
  /** Until the last step has been taken, and until the last delivery has been made. */
  readonly stepSeconds: number;
  readonly deliverySeconds: number;
}

export function costOf({ shares, users, online, later = 0 }: Case): Cost {
  const ofShare = Math.ceil(users / shares);
  const steps = Math.ceil(ofShare / fullStep().users);
  const envelopes = shares * Math.ceil(ofShare / laneLimits.maxEnvelopeUsers);
  // Of everyone, the step that begins is one more; of a topic it is the first page's.
  const jobs = shares * steps + (shares > 1 ? 1 : 0);
  const queueMessages = envelopes + jobs;
  const queueOperations = 3 * queueMessages;
  // Of a message that is kept in the log, who gets it writes down that it need not be read there.
  const placed = later > 0 ? online : 0;
  // A delivery to each; a page or a beginning for each job; an acknowledgement from each device that is connected,
  // of which 20 count as one request; and the renewal of the lease, if it is five minutes old.
  const objectRequests = users + jobs + 1 + online / 20 + online;
  // Of each share with several pages, a claim for each; it is looked up before and after.
  const claims = steps > 1 ? shares * steps : 0;
  // That they will be forgotten.
  const claimAlarms = steps > 1 ? shares : 0;
  // Message, id and, where none was set, the alarm; the lease; the place in the log.
  const rowsWritten = 3 * users + online + placed + claims + claimAlarms;
  const rowsRead = users + assumed.rowsReadOfDelivery * users + 2 * claims;
  const dollars =
    queueOperations * prices.queueOperation +
    objectRequests * prices.objectRequest +
    rowsWritten * prices.rowWritten +
    rowsRead * prices.rowRead +
    ((users * assumed.activeMs) / 1_000) * published.objectGigabytes * prices.gigabyteSecond +
    Math.ceil(queueMessages / laneLimits.maxBatch) * prices.workerRequest +
    users * assumed.deliveryCpuMs * prices.cpuMillisecond;
  // Who comes back asks the log, and commits: message, id, alarm and place in the log.
  const back = later * (prices.objectRequest + 4 * prices.rowWritten);
  // Each object is woken when the message expires and when its id is forgotten: two alarms, and in all five rows written.
  // The object of a share forgets its claim.
  const kept = users + later;
  const forgotten =
    kept * (2 * prices.objectRequest + 5 * prices.rowWritten) +
    claimAlarms * (prices.objectRequest + prices.rowWritten);
  const storage = ((kept * assumed.storedBytes) / 1e9) * prices.gigabyteMonth;
  return {
    ...{ steps, envelopes, queueMessages, queueOperations, objectRequests, rowsWritten, rowsRead, dollars },
    dollarsInAll: dollars + back + forgotten + storage,
    stepSeconds: (steps * assumed.stepMs) / 1_000,
    deliverySeconds: (users * assumed.callMs) / 1_000 / (laneLimits.concurrentDeliveries * consumers),
  };
}

/** Where it stops, in the order of `docs/scale.md`. */
export function ceilings() {
  const { objectRequestsPerSecond, queueMessagesPerSecond, queueConsumers } = published;
  const deliveriesPerSecond = (at: number) => (laneLimits.concurrentDeliveries * at * 1_000) / assumed.callMs;
  const step = fullStep();
  return {
    deliveriesPerSecond: deliveriesPerSecond(consumers),
    mostDeliveriesPerSecond: deliveriesPerSecond(queueConsumers),
    /** Of 16 shards, when all devices of a deployment connect again. */
    connectsPerSecond: everyoneLimits.defaultShards * objectRequestsPerSecond,
    shardsForMillionOnline: Math.ceil(
      1e6 / (objectRequestsPerSecond * (socketLimits.reconnectSpreadMs / 1_000)),
    ),
    logReadsPerSecond: objectRequestsPerSecond,
    shardsOfOneSecond: Math.floor((queueMessagesPerSecond * assumed.stepMs) / 1_000 / step.messages),
    usersInLane: everyoneLimits.defaultShards * step.users,
    secondsBehind: (everyoneLimits.defaultShards * step.users) / deliveriesPerSecond(consumers),
  };
}

/** The table of `docs/scale.md`. */
export function costTable(): string {
  const costs = cases.map((one) => ({ ...one, ...costOf(one) }));
  const line = (name: string, cell: (cost: Case & Cost) => string) =>
    `| ${[name, ...costs.map(cell)].join(" | ")} |`;
  const count = (value: number) => Math.round(value).toLocaleString("en-US");
  const money = (value: number) => `$${value.toFixed(2)}`;
  return [
    line("", ({ name }) => name),
    `| --- ${"| ---: ".repeat(costs.length)}|`,
    line("users whose objects are called", ({ users }) => count(users)),
    line("of these connected", ({ online }) => count(online)),
    line("who get it when they come back", ({ later = 0 }) => count(later)),
    line("steps one after the other", ({ steps }) => count(steps)),
    line("envelopes", ({ envelopes }) => count(envelopes)),
    line("queue operations", ({ queueOperations }) => count(queueOperations)),
    line("requests to objects", ({ objectRequests }) => count(objectRequests)),
    line("rows written", ({ rowsWritten }) => count(rowsWritten)),
    line("rows read", ({ rowsRead }) => count(rowsRead)),
    line("**dollars at once**", ({ dollars }) => money(dollars)),
    line("dollars until it is forgotten, a month later", ({ dollarsInAll }) => money(dollarsInAll)),
    line("seconds until the last step", ({ stepSeconds }) => count(stepSeconds)),
    line("**seconds until the last delivery**", ({ deliverySeconds }) => count(deliverySeconds)),
  ].join("\n");
}
