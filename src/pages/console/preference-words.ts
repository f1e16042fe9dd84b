/** What a user wants not to be disturbed by, as an operator reads it. Pure. */
import type { Preferences } from "./audience-answers.ts";

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** A line for each rule; none where everything may disturb. */
export function preferencesInWords({ muted, minPriority, quietHours }: Preferences): readonly string[] {
  const lines: string[] = [];
  if (muted.length > 0) {
    lines.push(`Silent: the ${muted.length === 1 ? "category" : "categories"} ${muted.join(", ")}`);
  }
  // Nothing is less urgent than low.
  if (minPriority !== undefined && minPriority !== "low") {
    lines.push(`Silent: what is less urgent than ${minPriority}`);
  }
  if (quietHours !== undefined) {
    const { from, to, timeZone, days: chosen } = quietHours;
    const begins =
      chosen === undefined ? "every day" : `from ${chosen.map((day) => days[day] ?? day).join(", ")}`;
    lines.push(`Quiet from ${from} to ${to} in ${timeZone}, ${begins}`);
  }
  return lines;
}
