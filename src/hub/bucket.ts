/** A token bucket: a burst, then a steady rate. Pure. */
export interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** The bucket after one more event, or `undefined` where that is one too many. */
export function take(
  bucket: Bucket | undefined,
  now: number,
  burst: number,
  perSecond: number,
): Bucket | undefined {
  const tokens =
    bucket === undefined
      ? burst
      : Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * perSecond);
  return tokens < 1 ? undefined : { tokens: tokens - 1, at: now };
}

/** The bucket after an event turned out to be free. */
export function giveBack(bucket: Bucket): Bucket {
  return { ...bucket, tokens: bucket.tokens + 1 };
}
