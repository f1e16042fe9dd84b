/** The header `Retry-After` (RFC 9110 section 10.2.3). Pure. */

/** The two forms of an HTTP date that name their zone; `Date.parse` by itself takes nearly anything for a date. */
const httpDate = /^[A-Z][a-z]{2,8}, [0-9A-Za-z: -]+ GMT$/;

/**
 * Milliseconds that it asks to wait from `now` on, which is 0 for a time that is over; `undefined` where it
 * is absent or not understood.
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const at = httpDate.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
