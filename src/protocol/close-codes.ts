/** The codes with which the hub closes a connection, and what follows from one. */
import * as closeCodes from "./close-code-table.ts";

export { closeCodes };
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
