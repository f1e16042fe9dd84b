/** Numbers and times as an operator reads them. Pure; the same in every locale, so that two screens can be compared. */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** What stands where nothing is known, or nothing is to be told. */
export const nothing = "–";

/** `18 ms`, `1.25 s`, `3 min 20 s`, `5 h 2 min`, `2 d 3 h`. */
export function duration(ms: number): string {
  // Rounded first: 999.7 ms are a second.
  const whole = Math.max(0, Math.round(ms));
  if (whole < second) return `${whole} ms`;
  if (whole < 10 * second) return `${(whole / second).toFixed(whole % second === 0 ? 0 : 2)} s`;
  if (whole < minute) return `${Math.floor(whole / second)} s`;
  if (whole < hour) return pair(whole, minute, "min", second, "s");
  if (whole < day) return pair(whole, hour, "h", minute, "min");
  return pair(whole, day, "d", hour, "h");
}

function pair(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest === 0 ? "" : ` ${rest} ${smallName}`}`;
}

/** How long ago: `now`, `12 s ago`, `in 6 d 23 h`. */
export function ago(at: number, now: number): string {
  const passed = now - at;
  if (Math.abs(passed) < second) return "now";
  const text = duration(
    Math.abs(passed) < minute ? Math.floor(Math.abs(passed) / second) * second : Math.abs(passed),
  );
  return passed > 0 ? `${text} ago` : `in ${text}`;
}

/** `0 B`, `950 B`, `1.2 kB`, `120 kB`, `3.4 MB`: by 1,000, as Cloudflare counts. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1_000;
  let unit = 0;
  // 999.5 kB would be shown as 1000 kB.
  for (; value >= 999.5 && unit < units.length - 1; unit += 1) value /= 1_000;
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** `12,345`. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** Of a second: `0`, `0.05`, `0.4`, `12`, `1,200`. */
export function perSecond(value: number): string {
  if (value === 0) return "0";
  if (value < 0.1) return value.toFixed(2);
  return value < 9.95 ? value.toFixed(1) : count(value);
}

const two = (value: number) => `${value}`.padStart(2, "0");

/** `14:03:20`, in the reader's time zone. */
export function clock(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
}

/** `2026-11-23 14:03:20`, in the reader's time zone. */
export function moment(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(at)}`;
}
