/** The devices of a user as they stand now: what is remembered of them, with what is known of the connected ones. */
import type { Seq } from "../protocol/ids.ts";
import type { Device } from "./devices.ts";
import type { Connection, Sockets } from "./sockets.ts";
import type { DeviceView } from "./views.ts";

export interface CurrentDevice extends Device {
  readonly view: DeviceView;
}

/** @param known every device; a row is written when a connection opens, so the connected ones are among them */
export function currentDevices(
  known: readonly Device[],
  sockets: Sockets,
  head: Seq,
): readonly CurrentDevice[] {
  const online = new Map(
    sockets.all().map(([socket, connection]) => [connection.device, { socket, connection }]),
  );
  return known.map((remembered) => {
    const { device } = remembered;
    const now = online.get(device);
    if (now === undefined) {
      const view = { device, online: false, lastSeen: remembered.seen, cursor: remembered.acked };
      return { ...remembered, view };
    }
    const { cursor, heard, history } = now.connection;
    const seen = Math.max(heard, sockets.pulse(now.socket, now.connection).pinged ?? 0);
    const view = {
      device,
      online: true,
      lastSeen: seen,
      cursor: cursor.acked,
      connection: viewOf(now.connection, head),
    };
    return { device, acked: cursor.acked, seen, history, view };
  });
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
