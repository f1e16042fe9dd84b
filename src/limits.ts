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
  /** How far ahead a message may be scheduled. Within {@link inboxLimits.dedupeHorizonMs}: its retraction is remembered until it would have come. */
  maxDeliverAheadMs: 30 * day,
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
  /** Body that changes the members of a topic: 1,000 users of the longest names. */
  maxMembersBodyBytes: 144 * 1024,
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

export const fanoutLimits = {
  /**
   * Users that a step of a fan-out job asks a topic or shard for. As many as fit into one `sendBatch` with
   * the job after them, if ids are as long as a UUID and the message has half a kilobyte; read from the
   * object in some tens of milliseconds.
   */
  pageUsers: 5_000,
  /** How long a queue may hold a message back at once (Queues limits: message delay, 12 hours). A job that must wait longer goes round again. */
  maxDelaySeconds: (12 * hour) / second,
} as const;

export const inboxLimits = {
  /** How long a message without a `ttl` of its own is kept. */
  retentionMs: 7 * day,
  /** Messages kept for a user; then the least urgent, oldest goes. */
  maxStored: 10_000,
  /** Messages that wait for their time, beside those stored; the one beyond is a dead letter. */
  maxScheduled: 1_000,
  /** Of them, how many one alarm delivers; the rest follows at once. At most 64 kB each, so some MB. */
  scheduledAtOnce: 100,
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

export const everyoneLimits = {
  /** Shards of everyone: as many objects as a message to everyone asks. */
  maxShards: 1_024,
  /** Enough for 16,000 first connects a second (Durable Objects: about 1,000 requests a second each). */
  defaultShards: 16,
  /** How long a user counts as online without a word of the user's object. A connection can't live as long without a frame, since its token ends before. */
  leaseMs: 2 * hour,
  /** How old the last word must be for traffic to renew it: at most 12 calls an hour for a user, however busy. */
  renewAfterMs: 5 * minute,
  /** How long after a call that failed traffic tries again. */
  retryAfterMs: minute,
  /** One call of a user's object to a shard or to the log. */
  callTimeoutMs: 10 * second,
  /** How long the reader of an inbox waits for what was sent to everyone meanwhile. */
  readTimeoutMs: 5 * second,
  /** How often a shard says that it is in use, and for how long messages are then taken to it. */
  reportEveryMs: hour,
  shardsInUseMs: day,
  /** Messages of a page of the log, and from how many bytes of them on it holds no further one: what an object commits and offers at once. */
  maxPageEntries: 100,
  maxPageBytes: 1024 * 1024,
  /** How long a retraction is remembered: a message may wait 30 days for its time, and then its copies in the lane. */
  retractedKeptMs: 2 * inboxLimits.dedupeHorizonMs,
  /** What is over is not handed out; it may be removed later, and much of it at once. */
  sweepGrainMs: hour,
} as const;

export const presenceLimits = {
  /** Users of one request. */
  maxUsers: 1_000,
  /** Its body: as many of the longest names. */
  maxBodyBytes: 144 * 1024,
  /** How long the API waits for a shard, and of how many at once. */
  timeoutMs: 5 * second,
  concurrentShards: 64,
  /** How long an isolate goes by the shard counts that it was told. Changing the count starts new isolates. */
  countsKnownMs: minute,
  /** How long a user must be without a connection to be told offline: a page that reloads is back before. */
  reloadMs: 10 * second,
} as const;

export const attentionLimits = {
  /** Categories that a user may mute. */
  maxMuted: 100,
  /** Of a time zone's name; the longest one is `America/Argentina/ComodRivadavia`. */
  maxTimeZoneLength: 64,
  /** Time zones of which an isolate keeps the clock; there are about 600 names, at some 10 kB each. */
  maxClocks: 100,
  /** Ids in one digest. */
  maxDigestIds: 100,
  /** A digest tells of the last quiet hours; the next ones bring another, and until then the inbox says it anyway. */
  digestMs: day,
} as const;

export const deadLetterLimits = {
  /** How long a dead letter can be read, redriven or discarded. */
  keptMs: inboxLimits.dedupeHorizonMs,
  /** Redriven until this age: the copy may wait in its lane, and must still be known when it arrives. */
  redriveWindowMs: inboxLimits.dedupeHorizonMs - laneLimits.queueRetentionMs,
} as const;

export const receiptLimits = {
  /** Events of one queue message: at under 500 bytes each, far below what it can hold, and a batch of the queue stays within one invocation's calls. */
  maxBundle: 50,
  /** Queue messages of a batch, as `wrangler.toml` says. */
  maxBatch: 100,
  /** Times the platform hands one out before it deletes it: `max_retries` of wrangler.toml, plus 1. */
  maxHandouts: 101,
  /** Events of one webhook call, at least those of a whole queue message: about 100 kB. */
  maxPostEvents: 500,
  /** Webhook calls of one invocation at once; below the 6 connections that it may wait for. */
  concurrentPosts: 4,
  /** How long the webhook may take for an answer. */
  postTimeoutMs: 10 * second,
  /** How long a receipt is offered to a webhook that does not take it. */
  giveUpMs: day,
  /** Backoff as in the lanes, never above this: with it, a day holds about 60 tries. */
  maxBackoffSeconds: hour / second,
  /** One call to the object that counts the receipts of a message. */
  countTimeoutMs: 5 * second,
  /** How long a publisher waits for the record of the message: it is accepted with or without it. */
  recordTimeoutMs: 2 * second,
  /** Messages of a request recorded at once. */
  concurrentRecords: 50,
  /** How long the counts of a message are kept, from when it was to be delivered. */
  keptMs: 30 * day,
  /** When the alarm sends what the object of a user had no time to send. */
  rescueMs: minute,
  /** The key of a webhook's signature, as Standard Webhooks asks for. */
  minSecretBytes: 24,
  maxSecretBytes: 64,
} as const;

export const exportLimits = {
  /** Of the text that an object gives for one page of an export, and one record more, in characters. */
  pageLength: 1_000_000,
  /** Dead letters on one page, each with up to 64 kB of data. */
  pageLetters: 10,
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

export const topicLimits = {
  /** Topics that a user's own devices may join, and that the server may put a user in. */
  maxByDevice: 128,
  maxByServer: 1_024,
  /** Users in one request that changes members, and how many of their objects are called at once. */
  maxUsers: 1_000,
  concurrentUsers: 20,
  /** How long a change waits for the object of the topic: then it is answered, and repaired later. */
  callTimeoutMs: 5 * second,
  /** How long the HTTP API waits for one user's object, which may be waiting for that of the topic. */
  userTimeoutMs: 15 * second,
  /** For how long one request that changes many members begins with further users. */
  membersBudgetMs: 30 * second,
  /** When a change is told again that was cut off by a crash. Later than any answer to the first call. */
  repairAfterMs: 30 * second,
  /** Topics told at once by one object that repairs, and for how long it begins new calls. */
  concurrentRepairs: 10,
  repairBudgetMs: 20 * second,
  /** How long who left is remembered, so that what is retracted is taken from them too: as long as a message can be kept. */
  leftKeptMs: inboxLimits.dedupeHorizonMs,
  /** How long a retraction is remembered: a message may wait 30 days for its time, and then its copies in the lane. */
  retractedKeptMs: 2 * inboxLimits.dedupeHorizonMs,
  /** What is over is removed once a day: no entry needs to go on the minute. */
  sweepGrainMs: day,
} as const;

export const handlerLimits = {
  /** How long a handler of a message from a device may take for its answer. */
  timeoutMs: 30 * second,
  /** Handlers running at once for one connection, or for all HTTP requests of a user: each may hold what it was sent, and wait for others. */
  maxRunning: 8,
  /** An answer as JSON: as much as a device may say in a frame. */
  maxResultBytes: socketLimits.maxClientFrameBytes,
} as const;

export const tokenLimits = {
  /** Longest lifetime of a connect token, and what `POST /v1/tokens` gives. */
  maxLifetimeSeconds: 3_600,
  /** Clock difference that is forgiven. */
  leewayMs: 30 * second,
  /** Longest token text; checked before any cryptography. */
  maxBytes: 4 * 1024,
  /** Patterns of topics in a token, and scopes in it. Both stand in the attachment of its connection, which holds 16 kB. */
  maxGrants: 16,
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
      "what is retracted while it waits is remembered until its time",
      messageLimits.maxDeliverAheadMs <= inboxLimits.dedupeHorizonMs,
    ],
    ["what waits is less than what is stored", inboxLimits.maxScheduled <= inboxLimits.maxStored],
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
    // The longest user id has 128 characters, quotes and a comma; what else an envelope or a message says, some hundreds.
    [
      "an envelope holds the largest message with as many users as it may",
      messageLimits.maxDataBytes + laneLimits.maxEnvelopeUsers * 131 + 4_096 <= laneLimits.maxEnvelopeBytes,
    ],
    [
      "a step sends at least one envelope, and the job after it",
      2 * laneLimits.maxEnvelopeBytes <= laneLimits.maxSendBytes,
    ],
    [
      "the steps of a batch of jobs end in the invocation's time",
      Math.ceil(laneLimits.maxBatch / laneLimits.concurrentDeliveries) *
        (laneLimits.deliveryTimeoutMs + laneLimits.sendTimeoutMs) <=
        laneLimits.invocationBudgetMs,
    ],
    ["the largest read request fits", requestLimits.maxReadIds * 70 < requestLimits.maxSmallBodyBytes],
    ["the largest read frame fits", socketLimits.maxReadIds * 70 < socketLimits.maxClientFrameBytes],
    ["an envelope fits a sendBatch", laneLimits.maxEnvelopeBytes <= laneLimits.maxSendBytes],
    ["the largest message fits the window", messageLimits.maxDataBytes <= socketLimits.windowBytes],
    [
      "a bundle of receipts fits a queue message",
      receiptLimits.maxBundle * 500 < laneLimits.maxEnvelopeBytes,
    ],
    ["a webhook call holds a whole bundle", receiptLimits.maxBundle <= receiptLimits.maxPostEvents],
    // For each bundle: a call for each event, a send of it, a webhook call.
    [
      "an invocation may make all calls of a batch of receipts",
      receiptLimits.maxBatch * (receiptLimits.maxBundle + 2) <= laneLimits.maxSubrequests,
    ],
    [
      "receipts are given up before the queue drops them",
      receiptLimits.giveUpMs < laneLimits.queueRetentionMs,
    ],
    ["the counts shown are of whole intervals", observeLimits.recentMs % observeLimits.intervalMs === 0],
    [
      "counts are sent before the promise to send them ends",
      observeLimits.gatherMs < observeLimits.promiseMs,
    ],
    [
      "a change is repaired after its first call is over",
      topicLimits.callTimeoutMs < topicLimits.repairAfterMs,
    ],
    [
      "the API waits longer for a user's object than that for a topic's",
      topicLimits.callTimeoutMs < topicLimits.userTimeoutMs,
    ],
    ["the largest request for members fits", topicLimits.maxUsers * 131 < requestLimits.maxMembersBodyBytes],
    [
      "a connection renews its lease before that ends",
      tokenLimits.maxLifetimeSeconds * second + tokenLimits.leewayMs + everyoneLimits.renewAfterMs <
        everyoneLimits.leaseMs,
    ],
    [
      "a shard is known to be in use for as long as a lease in it may last",
      everyoneLimits.reportEveryMs + everyoneLimits.leaseMs <= everyoneLimits.shardsInUseMs,
    ],
    [
      "a retraction is remembered until its message can't come any more",
      inboxLimits.dedupeHorizonMs + laneLimits.queueRetentionMs <= everyoneLimits.retractedKeptMs,
    ],
    ["the largest request for presence fits", presenceLimits.maxUsers * 131 < presenceLimits.maxBodyBytes],
    ["a silent client is found within 5 minutes", socketLimits.silentTimeoutMs <= 5 * minute],
    ["a client may miss a ping", 2 * socketLimits.heartbeatMs < socketLimits.silentTimeoutMs],
  ];
  const broken = relations.filter(([, holds]) => !holds).map(([relation]) => relation);
  if (broken.length > 0) throw new Error(`limits contradict each other: ${broken.join("; ")}`);
}
