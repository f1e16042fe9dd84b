import { describe, expect, test } from "vitest";
import { quietUntil } from "../../../src/hub/quiet-hours.ts";
import type { QuietHours } from "../../../src/protocol/preferences.ts";
import { Random } from "../simulator/prng.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const berlin: QuietHours = { timeZone: "Europe/Berlin", from: "22:00", to: "07:00" };

function until(hours: QuietHours, now: string): string | undefined {
  const end = quietUntil(hours, Date.parse(now));
  return end === undefined ? undefined : new Date(end).toISOString().slice(0, 16);
}

describe("quiet hours", () => {
  test("cross midnight, begin at their first and end before their last minute", () => {
    expect(until(berlin, "2027-01-10T20:59:59.999Z")).toBeUndefined();
    expect(until(berlin, "2027-01-10T21:00Z")).toBe("2027-01-11T06:00");
    expect(until(berlin, "2027-01-11T05:59:59.999Z")).toBe("2027-01-11T06:00");
    expect(until(berlin, "2027-01-11T06:00Z")).toBeUndefined();
  });

  test("of one day end on that day", () => {
    const siesta = { ...berlin, from: "13:00", to: "15:30" };
    expect(until(siesta, "2027-07-10T11:30Z")).toBe("2027-07-10T13:30");
    expect(until(siesta, "2027-07-10T13:30Z")).toBeUndefined();
    expect(until({ ...berlin, from: "00:00", to: "23:59" }, "2027-07-10T13:30Z")).toBe("2027-07-10T21:59");
  });

  test("last until the morning after the day on which they begin, whatever that day is", () => {
    const fridays = { ...berlin, days: [5] };
    // 2027-01-08 is a Friday.
    expect(until(fridays, "2027-01-07T22:00Z")).toBeUndefined();
    expect(until(fridays, "2027-01-08T02:00Z")).toBeUndefined();
    expect(until(fridays, "2027-01-08T22:00Z")).toBe("2027-01-09T06:00");
    expect(until(fridays, "2027-01-09T02:00Z")).toBe("2027-01-09T06:00");
    expect(until(fridays, "2027-01-09T22:00Z")).toBeUndefined();
  });

  test("are an hour shorter in the night in which clocks are set forward, and longer when they are set back", () => {
    expect(until(berlin, "2027-03-27T22:00Z")).toBe("2027-03-28T05:00");
    expect(until(berlin, "2027-10-30T22:00Z")).toBe("2027-10-31T06:00");
  });

  test("begin and end with the jump where the clock never shows the time", () => {
    const toHalfPastTwo = { ...berlin, to: "02:30" };
    expect(until(toHalfPastTwo, "2027-03-27T23:00Z")).toBe("2027-03-28T01:00");
    const fromHalfPastTwo = { ...berlin, from: "02:30", to: "07:00" };
    expect(until(fromHalfPastTwo, "2027-03-28T00:59:59Z")).toBeUndefined();
    expect(until(fromHalfPastTwo, "2027-03-28T01:00Z")).toBe("2027-03-28T05:00");
    const jumpedOver = { ...berlin, from: "02:15", to: "02:45" };
    expect(until(jumpedOver, "2027-03-28T01:00Z")).toBeUndefined();
    expect(until(jumpedOver, "2027-03-28T01:20Z")).toBeUndefined();
  });

  test("begin the first and end the last time where the clock shows the time twice", () => {
    const toHalfPastTwo = { ...berlin, to: "02:30" };
    expect(until(toHalfPastTwo, "2027-10-31T00:15Z")).toBe("2027-10-31T01:30");
    expect(until(toHalfPastTwo, "2027-10-31T00:45Z")).toBe("2027-10-31T01:30");
    const fromHalfPastTwo = { ...berlin, from: "02:30", to: "07:00" };
    expect(until(fromHalfPastTwo, "2027-10-31T00:30Z")).toBe("2027-10-31T06:00");
    expect(until(fromHalfPastTwo, "2027-10-31T01:15Z")).toBe("2027-10-31T06:00");
  });

  test("follow half an hour of daylight saving, offsets of a quarter of an hour, and a day that was left out", () => {
    const at = (timeZone: string) => ({ timeZone, from: "22:00", to: "07:00" });
    expect(until(at("Australia/Lord_Howe"), "2027-04-03T12:00Z")).toBe("2027-04-03T20:30");
    expect(until(at("Australia/Lord_Howe"), "2027-10-02T12:00Z")).toBe("2027-10-02T20:00");
    expect(until(at("Asia/Kathmandu"), "2027-04-03T16:15Z")).toBe("2027-04-04T01:15");
    // Samoa had no 30th of December 2011: that night ends on the 31st, as far as it was one of those chosen.
    expect(until(at("Pacific/Apia"), "2011-12-30T10:00Z")).toBe("2011-12-30T17:00");
    expect(until({ ...at("Pacific/Apia"), days: [4] }, "2011-12-30T09:59Z")).toBe("2011-12-30T10:00");
    expect(until({ ...at("Pacific/Apia"), days: [4] }, "2011-12-30T10:00Z")).toBeUndefined();
  });

  test("go on in an evening that comes again after midnight has passed", () => {
    // In Newfoundland, a minute past midnight was 23:01 again: 2010-11-07T02:31Z.
    const sunday = { timeZone: "America/St_Johns", from: "00:00", to: "06:00" };
    expect(until(sunday, "2010-11-07T02:29:59Z")).toBeUndefined();
    expect(until(sunday, "2010-11-07T02:40Z")).toBe("2010-11-07T09:30");
    const fridays = { timeZone: "America/St_Johns", from: "23:45", to: "23:30", days: [5] };
    expect(until(fridays, "2010-11-07T02:30:30Z")).toBe("2010-11-07T03:00");
  });

  test("are told for more time zones than the hub keeps clocks of", () => {
    const zones = Intl.supportedValuesOf("timeZone");
    expect(zones.length).toBeGreaterThan(200);
    for (const timeZone of zones) {
      const hours = { timeZone, from: "00:00", to: "23:59" };
      const end = quietUntil(hours, Date.parse("2027-01-10T10:10:10Z"));
      expect(end ?? 0, timeZone).toBeGreaterThan(Date.parse("2027-01-10T10:10:10Z"));
    }
  });
});

/** A place and a date on which its clock does something, or nothing. */
const occasions: readonly (readonly [timeZone: string, date: string])[] = [
  ["UTC", "2027-05-05"],
  ["Asia/Kathmandu", "2027-12-31"],
  ["Etc/GMT+12", "2027-01-01"],
  ["Pacific/Kiritimati", "2027-01-01"],
  ["Europe/Berlin", "2027-03-28"],
  ["Europe/Berlin", "2027-10-31"],
  ["America/New_York", "2027-03-14"],
  ["America/New_York", "2027-11-07"],
  ["Australia/Sydney", "2027-04-04"],
  ["Australia/Sydney", "2027-10-03"],
  // Half an hour, two hours, and offsets of three quarters of one.
  ["Australia/Lord_Howe", "2027-04-03"],
  ["Australia/Lord_Howe", "2027-10-02"],
  ["Antarctica/Troll", "2027-03-28"],
  ["Antarctica/Troll", "2027-10-31"],
  ["Pacific/Chatham", "2027-04-03"],
  ["Pacific/Chatham", "2027-09-25"],
  // At midnight, so that a day begins at one o'clock or an evening comes twice.
  ["Asia/Beirut", "2027-03-28"],
  ["Asia/Beirut", "2027-10-30"],
  ["America/Havana", "2027-03-14"],
  ["America/Havana", "2027-11-07"],
  ["America/Sao_Paulo", "2018-02-18"],
  ["America/Sao_Paulo", "2018-11-04"],
  ["America/St_Johns", "2010-03-14"],
  ["America/St_Johns", "2010-11-07"],
  ["Africa/Casablanca", "2027-02-07"],
  ["Africa/Casablanca", "2027-03-14"],
  // Countries that changed their mind, and two that crossed the date line.
  ["America/Caracas", "2016-05-01"],
  ["Asia/Pyongyang", "2018-05-04"],
  ["Pacific/Apia", "2011-12-30"],
  ["Pacific/Kwajalein", "1993-08-21"],
];

/** What the clock of a place shows, minute by minute, for days around a date: slow, and nothing but looking. */
class Clock {
  readonly begin: number;
  /** As the instants at which it would show that in UTC. */
  readonly shows: Float64Array;

  constructor(timeZone: string, date: string) {
    this.begin = Date.parse(date) - 3 * day;
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    });
    this.shows = Float64Array.from({ length: (7 * day) / minute }, (_, index) => {
      const parts = format.formatToParts(this.begin + index * minute);
      const part = (type: string) => Number(parts.find((each) => each.type === type)?.value);
      return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"));
    });
  }

  at(now: number): number {
    return this.shows[Math.floor((now - this.begin) / minute)] ?? Number.NaN;
  }

  /** The first minute that shows a time or more, and the one after the last that shows less. */
  between(from: number, to: number): { readonly begins: number; readonly ends: number } {
    const first = this.shows.findIndex((shown) => shown >= from);
    const last = this.shows.findLastIndex((shown) => shown < to);
    return { begins: this.begin + first * minute, ends: this.begin + (last + 1) * minute };
  }
}

function sinceMidnight(time: string): number {
  const [hours, minutes] = time.split(":").map(Number);
  return ((hours ?? 0) * 60 + (minutes ?? 0)) * minute;
}

function isChosen({ days }: QuietHours, date: number): boolean {
  return days === undefined || days.includes(new Date(date).getUTCDay());
}

/** The end of the quiet hours, by looking. */
function seenUntil(clock: Clock, hours: QuietHours, now: number): number | undefined {
  const middle = Math.floor(clock.at(now) / day) * day;
  const ends = [-2, -1, 0, 1].flatMap((near) => {
    const date = middle + near * day;
    if (!isChosen(hours, date)) return [];
    const to = date + sinceMidnight(hours.to) + (hours.to < hours.from ? day : 0);
    const { begins, ends } = clock.between(date + sinceMidnight(hours.from), to);
    return begins <= now && now < ends ? ends : [];
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** Whether what the clock shows is within the quiet hours, as a person would read it. */
function readsQuiet(clock: Clock, hours: QuietHours, now: number): boolean {
  const shown = clock.at(now);
  const date = Math.floor(shown / day) * day;
  const time = shown - date;
  const from = sinceMidnight(hours.from);
  const to = sinceMidnight(hours.to);
  if (from < to) return isChosen(hours, date) && from <= time && time < to;
  return (isChosen(hours, date) && time >= from) || (isChosen(hours, date - day) && time < to);
}

function someTime(random: Random): string {
  // Mostly in the hours in which clocks are changed.
  const hours = random.chance(0.6) ? random.pick([22, 23, 0, 1, 2, 3, 4]) : random.int(24);
  const minutes = random.chance(0.5) ? random.pick([0, 1, 15, 30, 45, 59]) : random.int(60);
  return `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

function someHours(timeZone: string, random: Random): QuietHours {
  const from = someTime(random);
  const to = someTime(random);
  if (from === to) return someHours(timeZone, random);
  if (random.chance(0.6)) return { timeZone, from, to };
  return { timeZone, from, to, days: random.shuffled([0, 1, 2, 3, 4, 5, 6]).slice(random.int(7)) };
}

describe("for quiet hours by the thousand, the end is the one that is seen on the clock, minute by minute", () => {
  test.each(occasions)("in %s around %s", (timeZone, date) => {
    const clock = new Clock(timeZone, date);
    const random = new Random(occasions.findIndex((one) => one[0] === timeZone && one[1] === date) + 1);
    let quiet = 0;
    for (let round = 0; round < 100; round += 1) {
      const hours = someHours(timeZone, random);
      for (let look = 0; look < 4; look += 1) {
        const now = Date.parse(date) + random.between(-day, 2 * day);
        const end = quietUntil(hours, now);
        const told = `${JSON.stringify(hours)} at ${new Date(now).toISOString()}`;
        expect(end, told).toBe(seenUntil(clock, hours, now));
        if (readsQuiet(clock, hours, now)) expect(end, told).toBeDefined();
        if (end === undefined) continue;
        quiet += 1;
        expect(end, told).toBeGreaterThan(now);
        expect(end - now, told).toBeLessThanOrEqual(25 * hour);
      }
    }
    expect(quiet).toBeGreaterThan(50);
  });
});
