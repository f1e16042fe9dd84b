/**
 * The devices of a user that are not necessarily connected: how far each one acknowledged, and when.
 * A row is written when a connection opens and when it ends, never for a cursor that moves meanwhile.
 */
import { z } from "zod";
import { inboxLimits, socketLimits } from "../limits.ts";
import type { DeviceId } from "../protocol/ids.ts";
import type { Seq } from "../protocol/seq.ts";

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

type Row = { device: DeviceId; acked: Seq; seen: number; history: string };

const deviceOf = (row: Row): Device => ({ ...row, history: history.parse(JSON.parse(row.history)) });

/** Remembers a device as it stands. */
export function rememberDevice(sql: SqlStorage, { device, acked, seen, history: points }: Device): void {
  sql.exec(
    `INSERT INTO devices (device, acked, seen, history) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET acked = excluded.acked, seen = excluded.seen, history = excluded.history`,
    device,
    acked,
    seen,
    JSON.stringify(points),
  );
}

/** Forgets the devices not seen for longest, where there are more than are remembered. */
export function forgetDevices(sql: SqlStorage): void {
  sql.exec(
    "DELETE FROM devices WHERE device IN (SELECT device FROM devices ORDER BY seen DESC LIMIT -1 OFFSET ?)",
    inboxLimits.maxDevices,
  );
}

export function knownDevice(sql: SqlStorage, device: DeviceId): Device | undefined {
  const [row] = sql.exec<Row>("SELECT device, acked, seen, history FROM devices WHERE device = ?", device);
  return row && deviceOf(row);
}

/** All devices remembered, the last seen first. */
export function knownDevices(sql: SqlStorage): readonly Device[] {
  return sql
    .exec<Row>("SELECT device, acked, seen, history FROM devices ORDER BY seen DESC")
    .toArray()
    .map(deviceOf);
}

/** When any device was last seen; 0 if none is remembered. */
export function lastSeen(sql: SqlStorage): number {
  return sql.exec<{ seen: number | null }>("SELECT max(seen) AS seen FROM devices").one().seen ?? 0;
}
