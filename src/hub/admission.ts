/** A device comes in: whether it may, where it goes on, and what it is told first. */
import { socketLimits } from "../limits.ts";
import type { CloseName } from "../protocol/close-codes.ts";
import type { Seq } from "../protocol/seq.ts";
import type { ConnectRequest } from "./connect-request.ts";
import type { Connections } from "./connections.ts";
import { closesAt } from "./deadlines.ts";
import { forgetDevices, knownDevice, rememberDevice, withAck } from "./devices.ts";
import type { Inbox } from "./inbox.ts";
import type { Connection } from "./sockets.ts";
import { cursorAt, open } from "./stream.ts";

/** Why a connection can't be had, if it can't. A device that is connected already takes its own place. */
export function refusal(
  { device, token }: ConnectRequest,
  connected: readonly Connection[],
  revokedBefore: number,
): CloseName | undefined {
  if (token.issued <= revokedBefore) return "revoked";
  const full = connected.length >= socketLimits.maxPerUser;
  return full && !connected.some((other) => other.device === device) ? "too_many_connections" : undefined;
}

export interface Welcomed {
  readonly connection: Connection;
  /** What the device was known to have acknowledged before. */
  readonly known: Seq;
}

/** Opens the connection in the place of an older one of the device, and welcomes it. */
export function welcome(
  socket: WebSocket,
  { device, resume, token, grants }: ConnectRequest,
  inbox: Inbox,
  connections: Connections,
  sql: SqlStorage,
  now: number,
): Welcomed {
  for (const [other, connection] of connections.sockets.all()) {
    if (connection.device === device) connections.close(other, "replaced", now);
  }
  const { from, reset } = open(resume, inbox.epoch, inbox.head);
  if (reset === "storage") {
    connections.closeAll("resync", now);
    inbox.renewEpoch();
  }
  const before = knownDevice(sql, device);
  const acknowledged = (before?.history ?? []).filter(([seq]) => seq <= from);
  // An acknowledgement may have been lost with the last connection; by now it is certain.
  const known = acknowledged.at(-1)?.[0] ?? 0;
  const history = from > known ? withAck(acknowledged, from, now) : acknowledged;
  const connection: Connection = {
    connection: crypto.randomUUID(),
    device,
    cursor: cursorAt(inbox.epoch, from),
    connected: now,
    heard: now,
    tokenExpires: token.expires,
    closesAt: closesAt(token.expires, now),
    reauthAsked: false,
    grants,
    history,
    badFrames: 0,
  };
  rememberDevice(sql, { device, acked: from, seen: now, history });
  if (before === undefined) forgetDevices(sql);
  connections.sockets.set(socket, connection);
  connections.send(socket, {
    type: "welcome",
    connection: connection.connection,
    device,
    epoch: inbox.epoch,
    head: inbox.head,
    floor: inbox.floor(now),
    from,
    resumed: reset === undefined,
    ...(reset === undefined ? {} : { reason: reset }),
    window: { messages: socketLimits.windowMessages, bytes: socketLimits.windowBytes },
    heartbeat: socketLimits.heartbeatMs,
    spread: socketLimits.reconnectSpreadMs,
    expires: token.expires,
    ...inbox.readState(now),
  });
  return { connection, known };
}
