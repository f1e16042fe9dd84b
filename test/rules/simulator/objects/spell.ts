/** A stretch of time in which something was so without a break: that a user was a member of a topic, or online. */
export interface Spell {
  /** `Infinity` while it lasts. */
  endedAt: number;
}

export function spell(): Spell {
  return { endedAt: Number.POSITIVE_INFINITY };
}

/** The spell that goes on, begins or has ended, when something is so now, or not. */
export function lasting(before: Spell | undefined, holds: boolean, now: number): Spell | undefined {
  if (holds) return before ?? spell();
  if (before !== undefined) before.endedAt = now;
  return undefined;
}
