/**
 * When the object must act: on a connection that is stalled, expired, silent or idle, and on what is
 * stored. Pure. There are no timers; the earliest of these deadlines is the object's one alarm.
 */
import { inboxLimits, socketLimits, tokenLimits } from "../limits.ts";
import type { CloseName } from "../protocol/close-codes.ts";

/** The times of one connection, in milliseconds since 1970. */
export interface Pulse {
  readonly connected: number;
  /** Last frame from the client. */
  readonly heard: number;
  /** Last ping that the runtime answered; null while the client has never pinged. */
  readonly pinged: number | null;
  readonly tokenExpires: number;
  /** When the connection ends for want of a token. */
  readonly closesAt: number;
  /** Whether the client was asked for a fresh token. */
  readonly reauthAsked: boolean;
  readonly stalledUntil: number | null;
}

export type Due = { readonly close: CloseName } | { readonly reauth: true };

/** When a connection ends whose token expires then: at once, or at the end of the leeway that let it in. */
export function closesAt(tokenExpires: number, now: number): number {
  return tokenExpires > now ? tokenExpires : tokenExpires + tokenLimits.leewayMs;
}

/** When something is due next on a connection. */
export function pulseDeadline(pulse: Pulse): number {
  return Math.min(
    pulse.reauthAsked ? pulse.closesAt : reauthAt(pulse),
    pulse.stalledUntil ?? Number.POSITIVE_INFINITY,
    quietUntil(pulse),
  );
}

/**
 * When to look at a connection next. The runtime answers pings without telling, and the first one turns
 * a long allowance into a short one: so where none has come yet, the look is no later than that.
 */
export function nextLook(pulse: Pulse, now: number): number {
  const mayHavePinged = pulse.pinged === null ? now + socketLimits.silentTimeoutMs : Number.POSITIVE_INFINITY;
  return Math.min(pulseDeadline(pulse), mayHavePinged);
}

/** What is due on a connection now, the most final first. */
export function due(pulse: Pulse, now: number): Due | undefined {
  if (pulse.closesAt <= now) return { close: "token_expired" };
  if (pulse.stalledUntil !== null && pulse.stalledUntil <= now) return { close: "slow_consumer" };
  if (quietUntil(pulse) <= now) return { close: pulse.pinged === null ? "reconnect" : "heartbeat_timeout" };
  if (!pulse.reauthAsked && reauthAt(pulse) <= now) return { reauth: true };
  return undefined;
}

function reauthAt(pulse: Pulse): number {
  return pulse.tokenExpires - socketLimits.reauthBeforeMs;
}

/** A client that has pinged speaks heartbeats, and its silence means something; another one may just be idle. */
function quietUntil(pulse: Pulse): number {
  return pulse.pinged === null
    ? Math.max(pulse.heard, pulse.connected) + socketLimits.idleTimeoutMs
    : Math.max(pulse.heard, pulse.connected, pulse.pinged) + socketLimits.silentTimeoutMs;
}

/** What the storage of an object holds, as far as it has an end. Zero and `undefined`: there is none. */
export interface Holdings {
  /** The earliest expiry among the messages that can still be delivered. */
  readonly earliestExpiry: number | undefined;
  /** When the oldest id that must be known again was committed. */
  readonly oldestCommit: number | undefined;
  readonly erasedAt: number;
  readonly revokedBefore: number;
  /** When a device was last seen. */
  readonly lastSeen: number;
  /** Whether anything is kept beside the stream: it stays for as long as it is wanted. */
  readonly kept: boolean;
}

/** When stored messages with this expiry are swept: never early, and many of them at once. */
export function sweepAt(expires: number): number {
  return Math.ceil(expires / inboxLimits.sweepGrainMs) * inboxLimits.sweepGrainMs;
}

/** When the first of these messages is swept. */
export function sweepOf(messages: readonly { readonly expires: number }[]): number {
  return sweepAt(Math.min(...messages.map(({ expires }) => expires)));
}

/**
 * From when on the storage may be deleted as a whole, if no connection is open; `undefined` while there
 * is a message or an id to keep. An erasure and a revocation are remembered for as long as a message
 * or a token from before may still turn up.
 */
export function deletableAt(holdings: Holdings): number | undefined {
  if (holdings.earliestExpiry !== undefined || holdings.oldestCommit !== undefined) return undefined;
  if (holdings.kept) return undefined;
  const tokenLifetimeMs = tokenLimits.maxLifetimeSeconds * 1_000 + tokenLimits.leewayMs;
  return Math.max(
    holdings.lastSeen + inboxLimits.lingerMs,
    holdings.erasedAt === 0 ? 0 : holdings.erasedAt + inboxLimits.dedupeHorizonMs,
    holdings.revokedBefore === 0 ? 0 : holdings.revokedBefore + tokenLifetimeMs,
  );
}

/** The alarm of the object: the earliest of everything, or `undefined` when nothing is ever due. `dues` are those of what is kept beside the stream. */
export function nextDeadline(
  pulses: readonly Pulse[],
  holdings: Holdings | undefined,
  dues: readonly number[],
  now: number,
): number | undefined {
  const deadlines = [...pulses.map((pulse) => nextLook(pulse, now)), ...dues];
  if (holdings !== undefined) {
    if (holdings.earliestExpiry !== undefined) deadlines.push(sweepAt(holdings.earliestExpiry));
    if (holdings.oldestCommit !== undefined) {
      deadlines.push(sweepAt(holdings.oldestCommit + inboxLimits.dedupeHorizonMs));
    }
    const deletable = deletableAt(holdings);
    if (deletable !== undefined && pulses.length === 0) deadlines.push(deletable);
  }
  return deadlines.length === 0 ? undefined : Math.max(now, Math.min(...deadlines));
}

/** What an alarm is set to when another deadline turns up. */
export function lowered(alarm: number, deadline: number): number {
  return Math.min(alarm, deadline);
}
