/**
 * The devices of a user that are not necessarily connected: how far each one acknowledged, and when.
 * A row is written when a connection opens and when it ends, never for a cursor that moves meanwhile.
 */
import { z } from "zod";
import { inboxLimits, socketLimits } from "../limits.ts";
import type { DeviceId, Seq } from "../protocol/ids.ts";

/** A point of a device's acknowledgements: at this time, everything up to this number. */
export type AckPoint = readonly [seq: Seq, at: number];

export interface Device {
  readonly device: DeviceId;
  readonly acked: Seq;
  /** When it was last heard of, in milliseconds since 1970. */
  readonly seen: number;
  /** Some of its acknowledgements with their time, rising. */
  readonly history: readonly AckPoint[];
}

const history = z.array(z.tuple([z.number(), z.number()]));

/** Adds a point. Beyond the limit every second older one goes, so that times grow coarser with age and none is too early. */
export function withAck(points: readonly AckPoint[], seq: Seq, at: number): readonly AckPoint[] {
  const all = [...points, [seq, at] as const];
  return all.length <= socketLimits.ackHistory
    ? all
    : all.filter((_, index) => index % 2 === 1 || index === all.length - 1);
}

/** When the device had acknowledged the number at the latest; `undefined` while it has not. */
export function ackedAt({ history }: Pick<Device, "history">, seq: Seq): number | undefined {
  return history.find(([acked]) => acked >= seq)?.[1];
}

/** Remembers a device; past the limit the one not seen for longest is forgotten. */
export function rememberDevice(sql: SqlStorage, { device, acked, seen, history: points }: Device): void {
  sql.exec(
    `INSERT INTO devices VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET acked = excluded.acked, seen = excluded.seen, history = excluded.history`,
    device,
    acked,
    seen,
    JSON.stringify(points),
  );
  sql.exec(
    `DELETE FROM devices WHERE device IN (SELECT device FROM devices ORDER BY seen DESC LIMIT -1 OFFSET ?)`,
    inboxLimits.maxDevices,
  );
}

/** All devices remembered, the last seen first. */
export function knownDevices(sql: SqlStorage): readonly Device[] {
  return sql
    .exec<{ device: DeviceId; acked: Seq; seen: number; history: string }>(
      "SELECT device, acked, seen, history FROM devices ORDER BY seen DESC",
    )
    .toArray()
    .map((row) => ({ ...row, history: history.parse(JSON.parse(row.history)) }));
}

/** When any device was last seen; 0 if none is remembered. */
export function lastSeen(sql: SqlStorage): number {
  return sql.exec<{ seen: number | null }>("SELECT max(seen) AS seen FROM devices").one().seen ?? 0;
}
