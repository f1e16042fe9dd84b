/** What a user wants to be disturbed by, and when: kept by the hub, set by the user's own device or by a server. */
import { z } from "zod";
import { attentionLimits } from "../limits.ts";
import { category } from "./ids.ts";
import { priorities } from "./priority.ts";

/** A time of day, from `00:00` to `23:59`. */
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time from 00:00 to 23:59");

/** A name of the IANA time zone database, such as `Europe/Berlin`, as far as the runtime knows it; no bare offset, which knows of no daylight saving. */
const timeZone = z
  .string()
  .max(attentionLimits.maxTimeZoneLength, { abort: true })
  .refine(isTimeZone, "must be an IANA time zone, such as Europe/Berlin");

/**
 * The hours of the user's local time in which nothing but the critical disturbs. `to` at or before
 * `from` on the clock is on the next day.
 */
export const quietHours = z
  .strictObject({
    timeZone,
    from: timeOfDay,
    to: timeOfDay,
    /** The days on which the quiet begins, 0 for Sunday to 6; every day where this is left out. */
    days: z
      .array(z.int().min(0).max(6))
      .min(1)
      .max(7)
      .refine((days) => new Set(days).size === days.length, "must name each day once")
      .optional(),
  })
  .refine(({ from, to }) => from !== to, { path: ["to"], message: "must be another time than from" });
export type QuietHours = z.infer<typeof quietHours>;

export const userPreferences = z.strictObject({
  /** Messages about these come silently. */
  muted: z.array(category).max(attentionLimits.maxMuted).default([]),
  /** Less urgent messages come silently. */
  minPriority: z.enum(priorities).optional(),
  quietHours: quietHours.optional(),
});
export type UserPreferences = z.infer<typeof userPreferences>;
/** As it is written by who sets it. */
export type SentPreferences = z.input<typeof userPreferences>;

/** Of a user who has said nothing: everything is announced. */
export const noPreferences: UserPreferences = { muted: [] };

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
