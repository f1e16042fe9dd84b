/**
 * Why the hub closes a connection. The hundreds tell a client what to do even with a code that it
 * does not know: 40xx stop, 41xx back off, 42xx reconnect now with jitter.
 */
export const closeCodes = {
  bad_request: 4000,
  unsupported_version: 4001,
  forbidden: 4003,
  token_invalid: 4004,
  revoked: 4005,
  too_many_connections: 4006,
  replaced: 4007,
  over_capacity: 4100,
  slow_consumer: 4101,
  rate_limited: 4102,
  reconnect: 4200,
  token_expired: 4201,
  heartbeat_timeout: 4202,
  resync: 4203,
  // From RFC 6455 section 7.4.1, with their meaning there.
  normal: 1000,
  unsupported_data: 1003,
  message_too_big: 1009,
  internal_error: 1011,
} as const;

export type CloseName = keyof typeof closeCodes;

/** The hundreds of a code, and what a client does: stop, back off, reconnect. Outside the bands (1006, 1011, …) it backs off. */
export const closeBands = { stop: 40, backOff: 41, reconnect: 42 } as const;

/** The band of any close code, known or not. */
export function bandOf(code: number): number {
  return Math.trunc(code / 100);
}

/**
 * A code that `WebSocket.close` takes: 1004, 1005, 1006, 1015, everything below 1000 and from 5000
 * on throw there, which would leave the closing handshake hanging.
 */
export function sanitisedCloseCode(code: number): number {
  const allowed = code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
  return allowed ? code : closeCodes.normal;
}
