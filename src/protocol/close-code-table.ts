/**
 * Why the hub closes a connection. The hundreds tell a client what to do even with a code that it
 * does not know: 40xx stop, 41xx back off, 42xx reconnect now with jitter. A constant each, of which a
 * bundler takes those that a client uses.
 */
export const bad_request = 4000;
export const unsupported_version = 4001;
export const forbidden = 4003;
export const token_invalid = 4004;
export const revoked = 4005;
export const too_many_connections = 4006;
export const replaced = 4007;
export const over_capacity = 4100;
export const slow_consumer = 4101;
export const rate_limited = 4102;
export const reconnect = 4200;
export const token_expired = 4201;
export const heartbeat_timeout = 4202;
export const resync = 4203;

// From RFC 6455 section 7.4.1, with their meaning there.
export const normal = 1000;
export const unsupported_data = 1003;
export const message_too_big = 1009;
export const internal_error = 1011;
