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

/** What a client does after a close. */
export type CloseAction = "stop" | "back_off" | "reconnect";

/** The action for any close code, known or not. Codes outside the bands (1006, 1011, …) back off. */
export function closeAction(code: number): CloseAction {
  if (code >= 4000 && code < 4100) return "stop";
  if (code >= 4200 && code < 4300) return "reconnect";
  return "back_off";
}

/**
 * A code that `WebSocket.close` takes: 1004, 1005, 1006, 1015, everything below 1000 and from 5000
 * on throw there, which would leave the closing handshake hanging.
 */
export function sanitisedCloseCode(code: number): number {
  const allowed = code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
  return allowed ? code : closeCodes.normal;
}
