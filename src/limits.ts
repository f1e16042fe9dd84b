/**
 * Every limit of the hub, with its reason. Times in milliseconds unless the name says otherwise,
 * sizes in bytes. The relations between them that the protocol relies on are asserted at the end.
 */
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

export const messageLimits = {
  /** `data` as JSON text in UTF-8; half of what a queue message can hold, so that any message fits one with its recipients. */
  maxDataBytes: 64 * 1024,
  /** Nesting of `data`; keeps every recursive reader of it (JSON.stringify, clients) far from its stack's end. */
  maxDataDepth: 32,
  /** How long a message only for who is connected (`ttl: 0`) may be on its way: later it is nobody's now any more. */
  liveMs: minute,
  /** Values within `data`, containers and members alike; bounds the work for adversarial shapes. */
  maxDataNodes: 10_000,
  /** `ttl` in seconds; longer ones are clipped. Below {@link inboxLimits.dedupeHorizonMs}. */
  maxTtlSeconds: (28 * day) / second,
} as const;

export const requestLimits = {
  /** Body of a publish. A Worker may read 100 MB, but holds it in 128 MB of memory together with the parsed copy. */
  maxBodyBytes: 4 * 1024 * 1024,
  /** Body of every other route. */
  maxSmallBodyBytes: 96 * 1024,
  maxMessages: 1_000,
  /** Messages times their users, over the whole request. */
  maxRecipients: 10_000,
  /** Of a URL with its query; production refuses at 16 kB, `wrangler dev` only at 64 kB. */
  maxUrlBytes: 8 * 1024,
  /** Of an Idempotency-Key. */
  maxIdempotencyKeyLength: 255,
  /** How long a browser may remember that a page is allowed: the longest that Chromium remembers. */
  preflightSeconds: 7_200,
  /** Ids in one `read` over HTTP. */
  maxReadIds: 1_000,
  /** Messages on a page of a listing, and how many without asking. */
  maxPage: 100,
  defaultPage: 50,
} as const;

export const directLimits = {
  /** Users whose objects a critical publish calls at once; beyond it the critical lane is the faster way. */
  maxUsers: 10,
  /** How long the publisher waits for them before the critical lane takes over. */
  timeoutMs: 5 * second,
} as const;

export const laneLimits = {
  /** Text of an envelope. A queue takes 128,000 bytes including about 100 of metadata. */
  maxEnvelopeBytes: 120_000,
  /** Users of one envelope: a push to 100 users is still one queue message. */
  maxEnvelopeUsers: 100,
  /** Calls and sends of one invocation (Workers limits: subrequests, paid plan). */
  maxSubrequests: 10_000,
  /** Envelopes of a batch, as `wrangler.toml` says: all their calls and sends are within one invocation. */
  maxBatch: 90,
  /** Messages and bytes of one `sendBatch` (Queues limits: 100 and 256 kB, kB = 1,000 bytes). */
  maxSendMessages: 100,
  maxSendBytes: 250_000,
  /** Calls to objects at once, of one consumer invocation. */
  concurrentDeliveries: 10,
  /** One send of an outbox to a lane. */
  sendTimeoutMs: 30 * second,
  /** One delivery attempt to one user. */
  deliveryTimeoutMs: 30 * second,
  /** No delivery starts later than this in an invocation; the platform ends it after 15 minutes. */
  invocationBudgetMs: 10 * minute,
  /** Attempts before a message is a dead letter. */
  maxAttempts: 8,
  /** Times the platform hands out a message before it moves it to the dead lane itself: `max_retries` of wrangler.toml, plus 1. */
  maxHandouts: 10,
  /** The same for the dead lane, where the platform would delete it. */
  maxDeadHandouts: 101,
  /** From this handout on a dead message that can't be stored is sent round again; leaves room for a lane that refuses. */
  resendDeadFrom: 90,
  /** Backoff: full jitter below 2^attempt seconds, never above this. */
  maxBackoffSeconds: 600,
  /** How long Cloudflare keeps a queued message at the default setting. */
  queueRetentionMs: 4 * day,
  /** How long who asks for the backlog waits for a queue; a chart is better off without it than late. */
  backlogTimeoutMs: 2 * second,
} as const;

export const inboxLimits = {
  /** How long a message without a `ttl` of its own is kept. */
  retentionMs: 7 * day,
  /** Messages kept for a user; then the least urgent, oldest goes. */
  maxStored: 10_000,
  /** How long an id is known again. Longer than any way a copy may still arrive by. */
  dedupeHorizonMs: 30 * day,
  /** Live-only ids remembered by a running object, since nothing of them is stored. */
  maxLiveIds: 256,
  /** Devices remembered for a user; the one not seen for longest is forgotten. */
  maxDevices: 1_024,
  /** How long the object of a user who has nothing stored outlives the last connection, for `last seen`. */
  lingerMs: day,
  /** Storage deadlines are rounded up to this, so that a burst of messages ends in one alarm and not in many. */
  sweepGrainMs: minute,
  /** Waits of a failed alarm before it is tried again. */
  alarmRetryMs: 30 * second,
} as const;

export const deadLetterLimits = {
  /** How long a dead letter can be read, redriven or discarded. */
  keptMs: inboxLimits.dedupeHorizonMs,
  /** Redriven until this age: the copy may wait in its lane, and must still be known when it arrives. */
  redriveWindowMs: inboxLimits.dedupeHorizonMs - laneLimits.queueRetentionMs,
} as const;

export const observeLimits = {
  /** How long an isolate gathers counts before it sends them: at most a call and a row written a second, however many messages. */
  gatherMs: second,
  /** From when on an isolate no longer relies on the invocation that was to send them. */
  promiseMs: 10 * second,
  /** The grain of what is shown over time, and how far back that goes: 60 points are a chart. */
  intervalMs: 10 * second,
  recentMs: 10 * minute,
} as const;

export const socketLimits = {
  /** Open connections of one user. The platform's own limit is 32,768. */
  maxPerUser: 1_024,
  /** The window: what may be sent and not yet acknowledged. Bounds what a slow device can hold in the object's memory, since a socket has no backpressure. */
  windowMessages: 64,
  windowBytes: 256 * 1024,
  /** One `messages` frame. */
  frameMessages: 100,
  frameBytes: 64 * 1024,
  /** Express copies outstanding per socket. */
  maxExpress: 8,
  /** A frame from a client; larger ones close the connection with 1009. */
  maxClientFrameBytes: 8 * 1024,
  /** Ids in a `read` frame: the longest ones, with their quotes and commas, still fit it. */
  maxReadIds: 100,
  /** Bad frames in a row before the connection is closed with 4000. */
  maxBadFrames: 10,
  /** Frames from a client: a burst, and then this many a second. */
  frameBurst: 200,
  framesPerSecond: 100,
  /** A full window without an acknowledgement. */
  stallTimeoutMs: minute,
  /** A client that has pinged before and then says nothing. With 35 s between its pings, found within 5 minutes. */
  silentTimeoutMs: 4 * minute,
  /** A client that never pings and never says anything. */
  idleTimeoutMs: 30 * minute,
  /** What `welcome.heartbeat` asks of the client: silence before it pings. */
  heartbeatMs: 35 * second,
  /** Over how long a fleet of clients spreads its reconnects. */
  reconnectSpreadMs: 10 * second,
  /** Before the token expires. */
  reauthBeforeMs: minute,
  /** Points of a device's acknowledgements kept with their time. */
  ackHistory: 32,
} as const;

export const tokenLimits = {
  /** Longest lifetime of a connect token, and what `POST /v1/tokens` gives. */
  maxLifetimeSeconds: 3_600,
  /** Clock difference that is forgiven. */
  leewayMs: 30 * second,
  /** Longest token text; checked before any cryptography. */
  maxBytes: 4 * 1024,
  /** Shortest secret: 256 bits, as RFC 7518 section 3.2 asks for HS256. */
  minSecretBytes: 32,
} as const;

/** Throws when two limits contradict each other; called once when the Worker starts. */
export function assertLimits(): void {
  const relations: readonly [string, boolean][] = [
    [
      "a ttl ends inside the dedupe horizon",
      messageLimits.maxTtlSeconds * second <= inboxLimits.dedupeHorizonMs,
    ],
    ["retention ends inside the dedupe horizon", inboxLimits.retentionMs <= inboxLimits.dedupeHorizonMs],
    [
      "an id is known for as long as a redriven copy may wait",
      deadLetterLimits.redriveWindowMs + laneLimits.queueRetentionMs <= inboxLimits.dedupeHorizonMs,
    ],
    ["the largest message fits an envelope", messageLimits.maxDataBytes * 1.5 < laneLimits.maxEnvelopeBytes],
    ["the hub buries a message before the platform does", laneLimits.maxAttempts < laneLimits.maxHandouts],
    [
      "a dead message goes round before it is deleted",
      laneLimits.resendDeadFrom < laneLimits.maxDeadHandouts,
    ],
    // For each envelope: its calls, a send of what is left and one of what is dead.
    [
      "an invocation may make all calls of a batch",
      laneLimits.maxBatch * (laneLimits.maxEnvelopeUsers + 2) <= laneLimits.maxSubrequests,
    ],
    ["the largest read request fits", requestLimits.maxReadIds * 70 < requestLimits.maxSmallBodyBytes],
    ["the largest read frame fits", socketLimits.maxReadIds * 70 < socketLimits.maxClientFrameBytes],
    ["an envelope fits a sendBatch", laneLimits.maxEnvelopeBytes <= laneLimits.maxSendBytes],
    ["the largest message fits the window", messageLimits.maxDataBytes <= socketLimits.windowBytes],
    ["the counts shown are of whole intervals", observeLimits.recentMs % observeLimits.intervalMs === 0],
    [
      "counts are sent before the promise to send them ends",
      observeLimits.gatherMs < observeLimits.promiseMs,
    ],
    ["a silent client is found within 5 minutes", socketLimits.silentTimeoutMs <= 5 * minute],
    ["a client may miss a ping", 2 * socketLimits.heartbeatMs < socketLimits.silentTimeoutMs],
  ];
  const broken = relations.filter(([, holds]) => !holds).map(([relation]) => relation);
  if (broken.length > 0) throw new Error(`limits contradict each other: ${broken.join("; ")}`);
}
