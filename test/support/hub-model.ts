/**
 * What the object of a user must amount to: a list of messages and who is connected, with no thought of
 * storage, windows or sleep. After each step it is held against what the object has stored and sent.
 */
import { expect } from "vitest";
import { inboxLimits, socketLimits, tokenLimits } from "../../src/limits.ts";
import type { Verdict } from "../../src/protocol/delivery.ts";
import { goneReasons } from "../../src/protocol/frames.ts";
import type { UserId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import type { Seq } from "../../src/protocol/seq.ts";
import { type Device, hubOf } from "./device.ts";
import { inside, type Row } from "./storage.ts";

export interface ModelRow {
  readonly message: AcceptedMessage;
  readonly committed: number;
  collapsed: boolean;
  /** Found expired by an alarm. */
  swept: boolean;
  read: boolean;
}

export interface ModelConnection {
  readonly device: Device;
  readonly closesAt: number;
  badAcks: number;
  /** As of the last look. */
  acked: Seq;
  stalledUntil: number | null;
  heard: number;
  /** How many of the device's arrivals were looked at. */
  seen: number;
}

export class HubModel {
  /** By number, from 1. */
  rows: ModelRow[] = [];
  /** Numbers up to here may be forgotten altogether. */
  trimmed: Seq = 0;
  /** As of the last alarm: up to here all is gone, and why is not looked up any more. */
  floor: Seq = 0;
  readUpTo: Seq = 0;
  rev = 0;
  erasedAt = 0;
  revokedBefore = 0;
  readonly online = new Map<string, ModelConnection>();
  /** Close codes that the step at hand brings about, besides those of time. */
  readonly closing = new Set<number>();

  get head(): Seq {
    return this.rows.length;
  }

  /** What becomes of a stored message; the rules of the protocol, one after the other. */
  commit(message: AcceptedMessage, now: number): Verdict {
    if (message.at <= this.erasedAt) return { verdict: "gone" };
    const index = this.rows.findIndex((row) => row.message.id === message.id);
    if (index >= this.trimmed) {
      const same = this.rows[index]?.message.body === message.body;
      return same ? { verdict: "duplicate", seq: index + 1 } : { verdict: "id_conflict" };
    }
    if (message.expires <= now) return { verdict: "expired" };
    for (const [earlier, row] of this.rows.entries()) {
      const sameKey = message.collapseKey !== undefined && row.message.collapseKey === message.collapseKey;
      if (sameKey && !row.read && earlier >= this.readUpTo) row.collapsed = true;
    }
    this.rows.push({ message, committed: now, collapsed: false, swept: false, read: false });
    return { verdict: "committed", seq: this.head };
  }

  readIds(ids: readonly string[]): void {
    const fresh = this.rows.filter(
      (row, index) =>
        ids.includes(row.message.id) && !row.read && index >= Math.max(this.readUpTo, this.trimmed),
    );
    for (const row of fresh) row.read = true;
    if (fresh.length > 0) this.rev += 1;
  }

  readTo(seq: Seq): void {
    const upTo = Math.min(seq, this.head);
    if (upTo <= this.readUpTo) return;
    this.readUpTo = upTo;
    this.rev += 1;
  }

  erase(now: number): void {
    this.begin();
    this.rev += 1;
    this.erasedAt = now;
    this.revokedBefore = now;
  }

  /** An object that has deleted itself knows nothing any more. */
  forget(): void {
    this.begin();
    this.rev = 0;
    this.erasedAt = 0;
    this.revokedBefore = 0;
  }

  /** The alarm came: bodies past their end and ids past their horizon are forgotten. */
  sweep(now: number): void {
    for (const row of this.rows) row.swept ||= row.message.expires <= now;
    const kept = this.rows.findIndex((row) => row.committed > now - inboxLimits.dedupeHorizonMs);
    this.trimmed = Math.max(this.trimmed, kept < 0 ? this.head : kept);
    const there = this.rows.findIndex(({ collapsed, swept }) => !collapsed && !swept);
    this.floor = there < 0 ? this.head : there;
  }

  unread(now: number): number {
    return this.rows.filter(
      (row, index) => !row.read && index >= this.readUpTo && !row.collapsed && row.message.expires > now,
    ).length;
  }

  private begin(): void {
    this.rows = [];
    this.trimmed = 0;
    this.floor = 0;
    this.readUpTo = 0;
  }
}

/** Lets everything that was sent arrive, then holds the object against the model. */
export async function agree(model: HubModel, user: UserId, now: number): Promise<void> {
  for (const connection of [...model.online.values()]) await settle(model, connection, now);
  model.closing.clear();
  const presence = await hubOf(user).presence();
  const found = await inside(user, async (_, { storage }) => ({
    tables: storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'messages'").toArray().length,
    alarm: await storage.getAlarm(),
  }));
  if (found.tables === 0) {
    expectDeletable(model, now);
    model.forget();
    expect(found.alarm).toBeNull();
    expect(presence).toMatchObject({ online: false, head: 0, unread: 0 });
    return;
  }
  const { rows, attached } = await inside(user, (_, state) => ({
    rows: state.storage.sql.exec("SELECT seq, id, gone, body FROM messages ORDER BY seq").toArray(),
    attached: state
      .getWebSockets()
      .filter((socket) => socket.readyState === WebSocket.OPEN)
      .map((socket): Attached => socket.deserializeAttachment()),
  }));
  expectRows(model, rows, now);
  expect(presence).toMatchObject({ head: model.head, unread: model.unread(now) });
  expect(
    presence.devices
      .filter(({ online }) => online)
      .map(({ device }) => device)
      .sort(),
  ).toEqual([...model.online.keys()].sort());
  expect(attached.map(({ device }) => device).sort()).toEqual([...model.online.keys()].sort());
  for (const attachment of attached) expectCursor(model, attachment);
  const first = earliest(model, attached);
  if (Number.isFinite(first)) expect(found.alarm).not.toBeNull();
  expect(found.alarm ?? 0).toBeLessThanOrEqual(Math.max(first, now));
}

interface Attached {
  readonly device: string;
  readonly cursor: {
    readonly sent: Seq;
    readonly acked: Seq;
    readonly flight: readonly { readonly seq: Seq; readonly bytes: number }[];
    readonly express: readonly Seq[];
    readonly stalledUntil: number | null;
  };
}

/** Waits for what was sent to a connection and looks at it; a close must have a reason. */
async function settle(model: HubModel, connection: ModelConnection, now: number): Promise<void> {
  const { device } = connection;
  await device.settled().catch((error) => {
    if (device.closed === undefined) throw error;
  });
  for (; connection.seen < device.arrivals.length; connection.seen += 1) {
    expectArrival(model, device, connection.seen, now);
  }
  const copies = device.all("express").map((frame) => frame.message.seq);
  expect(new Set(copies).size).toBe(copies.length);
  if (device.closed === undefined) {
    expect(connection.closesAt).toBeGreaterThan(now);
    connection.heard = now;
    return;
  }
  const allowed = new Set(model.closing);
  if (connection.closesAt <= now) allowed.add(4201);
  if (connection.stalledUntil !== null && connection.stalledUntil <= now) allowed.add(4101);
  if (connection.heard + socketLimits.idleTimeoutMs <= now) allowed.add(4200);
  expect([...allowed]).toContain(device.closed.code);
  model.online.delete(device.name);
}

/** Each number comes in turn: as the message while it lasts, in a gap when it is gone. */
function expectArrival(model: HubModel, device: Device, index: number, now: number): void {
  const { seq, what } = device.arrivals[index] ?? { seq: 0, what: "nothing" };
  expect(seq).toBe(device.last("welcome").from + index + 1);
  const row = model.rows[seq - 1];
  const lapsed = row === undefined || row.message.expires <= now || seq <= model.trimmed;
  if (what === row?.message.id) {
    expect(lapsed).toBe(false);
    return;
  }
  expect(goneReasons).toContain(what);
  if (lapsed) return;
  expect(row.collapsed).toBe(true);
  // The reason of a gap is that of its last number.
  const last = device.all("gap").some(({ to }) => to === seq);
  if (last) expect(what).toBe(seq <= model.floor ? "expired" : "collapsed");
}

function expectRows(model: HubModel, rows: readonly Row[], now: number): void {
  const kept = model.rows.slice(model.trimmed);
  expect(rows.map(({ seq, id }) => [seq, id])).toEqual(
    kept.map(({ message }, index) => [model.trimmed + index + 1, message.id]),
  );
  for (const [index, { gone, body }] of rows.entries()) {
    const row = kept[index];
    if (row === undefined) continue;
    if (row.swept) expect(gone).not.toBeNull();
    if (row.message.expires > now) expect(gone).toBe(row.collapsed ? "collapsed" : null);
    expect(body).toBe(gone === null ? row.message.body : "");
  }
  expect(rows.filter(({ gone }) => gone === null).length).toBeLessThanOrEqual(inboxLimits.maxStored);
}

function expectCursor(model: HubModel, { device, cursor }: Attached): void {
  const connection = model.online.get(device);
  if (connection === undefined) throw new Error(`${device} should not be connected`);
  const { sent, acked, flight, express, stalledUntil } = cursor;
  expect(acked).toBeGreaterThanOrEqual(connection.acked);
  expect(sent).toBeGreaterThanOrEqual(acked);
  expect(sent).toBe(connection.device.cursor);
  expect(flight.length).toBeLessThanOrEqual(socketLimits.windowMessages);
  const bytes = flight.reduce((sum, message) => sum + message.bytes, 0);
  const last = flight.at(-1)?.bytes ?? 0;
  expect(bytes - last).toBeLessThan(socketLimits.windowBytes);
  for (const { seq } of flight) expect(seq > acked && seq <= sent).toBe(true);
  for (const seq of express) expect(seq > acked && seq <= model.head).toBe(true);
  expect(express.length).toBeLessThanOrEqual(socketLimits.maxExpress);
  // Whoever has room has everything.
  if (stalledUntil === null) expect(sent).toBe(model.head);
  else expect(sent).toBeLessThan(model.head);
  connection.acked = acked;
  connection.stalledUntil = stalledUntil;
}

/** The earliest time at which the object has anything to do. */
function earliest(model: HubModel, attached: readonly Attached[]): number {
  const stalls = attached.map(({ cursor }) => cursor.stalledUntil ?? Number.POSITIVE_INFINITY);
  const connections = [...model.online.values()].flatMap(({ heard, closesAt }) => [
    heard + socketLimits.idleTimeoutMs,
    closesAt,
  ]);
  const kept = model.rows.slice(model.trimmed);
  const expiries = kept
    .filter(({ collapsed, swept }) => !collapsed && !swept)
    .map(({ message }) => message.expires);
  const ids = kept.map(({ committed }) => committed + inboxLimits.dedupeHorizonMs);
  const stored = Math.min(...expiries, ...ids) + inboxLimits.sweepGrainMs;
  return Math.min(...stalls, ...connections, stored);
}

/** Storage goes only when nobody is connected and nothing is left that could matter. */
function expectDeletable(model: HubModel, now: number): void {
  expect(model.online.size).toBe(0);
  expect(model.trimmed).toBe(model.head);
  if (model.erasedAt > 0) expect(now).toBeGreaterThanOrEqual(model.erasedAt + inboxLimits.dedupeHorizonMs);
  const lifetimeMs = tokenLimits.maxLifetimeSeconds * 1_000 + tokenLimits.leewayMs;
  if (model.revokedBefore > 0) expect(now).toBeGreaterThanOrEqual(model.revokedBefore + lifetimeMs);
}
