/** The devices of a user as they stand now: what is remembered of them, with what is known of the connected ones. */
import type { Seq } from "../protocol/seq.ts";
import type { Device } from "./devices.ts";
import type { Connection, Sockets } from "./sockets.ts";
import type { Cursor } from "./stream.ts";
import type { DeviceView } from "./views.ts";

export interface CurrentDevice extends Device {
  readonly view: DeviceView;
  /** How far its connection is; absent while there is none. */
  readonly cursor?: Cursor;
}

/** @param known the devices remembered, which need not include every connected one: among many, the oldest are forgotten */
export function currentDevices(
  known: readonly Device[],
  sockets: Sockets,
  head: Seq,
): readonly CurrentDevice[] {
  const online = sockets.all().map(([socket, connection]): CurrentDevice => {
    const { device, cursor, heard, history } = connection;
    const seen = Math.max(heard, sockets.pulse(socket, connection).pinged ?? 0);
    const view = {
      device,
      online: true,
      lastSeen: seen,
      cursor: cursor.acked,
      connection: viewOf(connection, head),
    };
    return { device, acked: cursor.acked, seen, history, view, cursor };
  });
  const connected = new Set(online.map(({ device }) => device));
  const offline = known
    .filter(({ device }) => !connected.has(device))
    .map((remembered): CurrentDevice => {
      const { device, seen, acked } = remembered;
      return { ...remembered, view: { device, online: false, lastSeen: seen, cursor: acked } };
    });
  return [...online, ...offline].sort((a, b) => b.seen - a.seen);
}

function viewOf(
  { connection, connected, cursor }: Connection,
  head: Seq,
): NonNullable<DeviceView["connection"]> {
  const moving = cursor.acked < head ? "syncing" : "live";
  return {
    connection,
    since: connected,
    state: cursor.stalledUntil === null ? moving : "stalled",
    sent: cursor.sent,
    inFlight: cursor.flight.length,
  };
}
