/**
 * When a user is not to be disturbed. Pure. A period of quiet hours begins the first time that the local
 * clock shows `from` and ends the last time that it shows `to`: where an hour comes twice, the user sleeps
 * through both, and where the clock jumps over one of the times, the jump is it. So it is quiet whenever
 * the clock says so, and each period is in one piece.
 */
import { attentionLimits } from "../limits.ts";
import type { QuietHours } from "../protocol/preferences.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Local clocks are up to 12 h behind UTC and up to 14 h ahead of it (tz database). With an hour to spare. */
const behind = 13 * hour;
const ahead = 15 * hour;

/** Periods that may last now: today's, those of the nights before, and tomorrow's where a clock was set back over midnight. */
const nearbyDays = [-2, -1, 0, 1];

/** The end of the quiet hours that last now, in milliseconds since 1970; `undefined` while they do not. At most 25 hours ahead. */
export function quietUntil(hours: QuietHours, now: number): number | undefined {
  const today = Math.floor(wallClock(hours.timeZone, now) / day);
  const ends = nearbyDays.flatMap((near) => {
    const period = periodOf(hours, today + near);
    return period !== undefined && period.from <= now && now < period.to ? period.to : [];
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** The quiet hours that begin on a day, counted from 1970 in local time. */
function periodOf({ timeZone, from, to, days }: QuietHours, date: number) {
  // The first of all days was a Thursday.
  if (days !== undefined && !days.includes((date + 4) % 7)) return undefined;
  const begins = date * day + sinceMidnight(from);
  const ends = (to > from ? date : date + 1) * day + sinceMidnight(to);
  return { from: shown(timeZone, begins).first, to: shown(timeZone, ends).last };
}

function sinceMidnight(timeOfDay: string): number {
  return Number(timeOfDay.slice(0, 2)) * hour + Number(timeOfDay.slice(3)) * minute;
}

/**
 * When the local clock comes to a time: the first instant at which it shows that or more, and the last
 * before which it shows less. They differ where the clock is set back. Clocks are not changed twice
 * within a day.
 */
function shown(timeZone: string, wall: number): { readonly first: number; readonly last: number } {
  let before = wall - ahead;
  let after = wall + behind;
  const oldOffset = offsetAt(timeZone, before);
  const newOffset = offsetAt(timeZone, after);
  const byOld = wall - oldOffset;
  const byNew = wall - newOffset;
  if (oldOffset === newOffset) return { first: byOld, last: byOld };
  // The change is at `after` in the end.
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(timeZone, middle) === oldOffset) before = middle;
    else after = middle;
  }
  return {
    first: byOld < after ? byOld : Math.max(after, byNew),
    last: byNew > after ? byNew : Math.min(after, byOld),
  };
}

/** How far the local clock is ahead of UTC, in milliseconds. */
function offsetAt(timeZone: string, at: number): number {
  return wallClock(timeZone, at) - Math.floor(at / 1_000) * 1_000;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** What the local clock shows, to the second: as the instant at which it shows that in UTC. */
function wallClock(timeZone: string, at: number): number {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    // Swedes write the time as ISO 8601 does.
    clock = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
    // Making one takes fifty times as long as using it.
    if (clocks.size >= attentionLimits.maxClocks) clocks.clear();
    clocks.set(timeZone, clock);
  }
  return Date.parse(`${clock.format(at)}Z`);
}
