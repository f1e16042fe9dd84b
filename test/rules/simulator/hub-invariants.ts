/** What must hold of the object of a user after each event: invariants 2, 3, 6-9, 14 and 15, by rows and times alone. */
import { inboxLimits, socketLimits } from "../../../src/limits.ts";
import type { ModelHub } from "./hub.ts";
import type { Scale } from "./world.ts";

interface Event {
  readonly hub: ModelHub;
  readonly scale: Scale;
  /** Until the next event that looks at it. */
  readonly alarmLost: boolean;
}

/** Reads what is new in the stream into the record, so it comes first. */
function i2IdsAndNumbersBelongTogether({ hub: { stored, record } }: Event): string | undefined {
  for (const row of stored?.rows ?? []) {
    if (row.seq <= record.last) {
      if (record.ids.get(row.seq) !== row.id)
        return `${row.seq} was ${record.ids.get(row.seq)}, is ${row.id}`;
      continue;
    }
    if (record.numbers.has(row.id)) return `${row.id} is ${record.numbers.get(row.id)} and ${row.seq}`;
    if (row.seq !== record.last + 1) return undefined;
    record.add(row);
  }
  return undefined;
}

function i3NumbersHaveNoHoles({ hub: { stored, record } }: Event): string | undefined {
  if (stored === undefined) return undefined;
  return record.last === stored.head
    ? undefined
    : `the head is ${stored.head}, the last number ${record.last}`;
}

function i6AckedBelowSentBelowHead({ hub }: Event): string | undefined {
  for (const [{ device, record }, { cursor }] of hub.sockets) {
    const { acked, sent } = cursor;
    const head = hub.stored?.head ?? 0;
    if (acked > sent || sent > head) return `${device}: acked ${acked}, sent ${sent}, head ${head}`;
    if (acked < record.lastAcked) return `${device}: acked fell from ${record.lastAcked} to ${acked}`;
    if (acked > record.acked) return `${device}: acked ${acked}, it said ${record.acked}`;
    if (sent !== (record.next ?? 1) - 1) return `${device}: sent is ${sent}, ${record.next} was next`;
    record.lastAcked = acked;
  }
  return undefined;
}

/** Also 9 and 10: each row that went had the reason that it is said to have. */
function i7RowsGoOnlyForAReason({ hub, scale }: Event): string | undefined {
  const { stored, record } = hub;
  if (stored === undefined) return undefined;
  const now = hub.now();
  const rows = new Map(stored.rows.map((row) => [row.seq, row]));
  for (const [seq, before] of record.rows) {
    const after = rows.get(seq);
    if (after !== undefined) continue;
    if (before.committed > now - inboxLimits.dedupeHorizonMs) return `${seq} was deleted`;
    // Expired and past its horizon at once.
    if (before.gone === null) record.seen.expired += 1;
  }
  for (const row of stored.rows) {
    const before = record.rows.get(row.seq);
    if (row.gone === null && before !== undefined && before.gone !== null) return `${row.seq} came back`;
    if (row.gone === null || before?.gone === row.gone) continue;
    record.seen[row.gone] += 1;
    if (row.gone === "expired" && row.expires > now) return `${row.seq} expired early`;
    const newer = stored.rows.some(
      ({ seq, collapseKey }) => seq > row.seq && collapseKey === row.collapseKey,
    );
    if (row.gone === "collapsed" && (row.collapseKey === null || !newer))
      return `${row.seq} collapsed for nothing`;
    if (row.gone === "evicted" && row.priority === "critical")
      return `${row.seq} is critical and was evicted`;
    const weaker = stored.rows.filter(
      ({ gone, seq, priority }) =>
        gone === null && seq <= record.last && priority === "low" && row.priority !== "low",
    );
    // A burst evicts one after the other, so only a clear injustice counts: a low one that was there before and stayed.
    const spared = weaker.find(({ seq }) => record.rows.has(seq));
    if (row.gone === "evicted" && spared !== undefined)
      return `${row.seq} was evicted, the low ${spared.seq} was not`;
    if (row.gone === "evicted" && stored.rows.length < scale.maxStored)
      return `${row.seq} was evicted below the cap`;
  }
  record.rows = rows;
  return undefined;
}

function i8StalledMeansThatTheWindowIsFull({ hub, scale }: Event): string | undefined {
  const { windowMessages, windowBytes } = scale.window;
  for (const [{ device, record }, { cursor }] of hub.sockets) {
    if (cursor.stalledUntil === null) continue;
    const bytes = record.flight.reduce((sum, sent) => sum + sent.bytes, 0);
    if (record.flight.length < windowMessages && bytes < windowBytes)
      return `${device} is stalled for nothing`;
  }
  return undefined;
}

function i9StoredStaysBelowTheCap({ hub: { stored }, scale }: Event): string | undefined {
  const count = stored?.rows.filter(({ gone }) => gone === null).length ?? 0;
  return count > scale.maxStored ? `${count} stored, ${scale.maxStored} allowed` : undefined;
}

function i9EveryWithdrawalIsCounted({ hub: { record } }: Event): string | undefined {
  const told = JSON.stringify(record.told);
  const seen = JSON.stringify(record.seen);
  return told === seen ? undefined : `told ${told}, seen ${seen}`;
}

function i15AlarmComesInTime({ hub, alarmLost }: Event): string | undefined {
  const { stored, alarm, sockets } = hub;
  if (alarmLost) return undefined;
  const kept = stored?.rows.filter(({ gone }) => gone === null) ?? [];
  const deadlines = [
    ...[...sockets.values()].map(({ closesAt }) => closesAt),
    ...[...sockets.values()].flatMap(({ tokenExpires, reauthAsked }) =>
      reauthAsked ? [] : [tokenExpires - socketLimits.reauthBeforeMs],
    ),
    ...[...sockets.values()].flatMap(({ cursor }) => cursor.stalledUntil ?? []),
    ...[...sockets].map(([{ pinged }, { heard, connected }]) => {
      if (pinged === null) return Math.max(heard, connected) + socketLimits.idleTimeoutMs;
      return Math.max(heard, connected, pinged) + socketLimits.silentTimeoutMs;
    }),
    ...kept.map(({ expires }) => expires + inboxLimits.sweepGrainMs),
  ];
  const idle = stored !== undefined && stored.rows.length === 0 && sockets.size === 0;
  if (idle) deadlines.push(Number.MAX_SAFE_INTEGER);
  if (deadlines.length === 0) return undefined;
  const earliest = Math.min(...deadlines);
  if (alarm === null) return `no alarm, something is due at ${earliest}`;
  return alarm.at <= Math.max(earliest, alarm.excused)
    ? undefined
    : `the alarm is at ${alarm.at}, due is ${earliest}`;
}

export const hubInvariants = [
  i2IdsAndNumbersBelongTogether,
  i3NumbersHaveNoHoles,
  i6AckedBelowSentBelowHead,
  i7RowsGoOnlyForAReason,
  i8StalledMeansThatTheWindowIsFull,
  i9StoredStaysBelowTheCap,
  i9EveryWithdrawalIsCounted,
  i15AlarmComesInTime,
];

function i14StorageIsDeletedOnlyWhenEmpty(hub: ModelHub): string | undefined {
  const now = hub.now();
  if (hub.sockets.size > 0) return `${hub.sockets.size} connections are open`;
  const kept = hub.stored?.rows.find(
    ({ gone, expires, committed }) =>
      (gone === null && expires > now) || committed > now - inboxLimits.dedupeHorizonMs,
  );
  if (kept !== undefined) return `${kept.seq} is kept, or known`;
  const erasedAt = hub.stored?.erasedAt ?? 0;
  return erasedAt > now - inboxLimits.dedupeHorizonMs ? "the erasure would be forgotten" : undefined;
}

export const deletionInvariants = [i14StorageIsDeletedOnlyWhenEmpty];
