/**
 * What a topic makes of a change: pure. Changes of one user come from one object, which numbers them, but by
 * calls that may be late, repeated or lost. So only a higher version counts, and whatever else is answered
 * in a way that tells that object whether it must speak up again.
 */
import type { Applied, MemberChange } from "./calls.ts";

/** What is known of a user who is a member, or was one lately. */
export interface KnownMember {
  readonly member: boolean;
  /** Nothing else is known of the user any more, not even the name. */
  readonly erased: boolean;
  readonly presence: boolean;
  readonly version: number;
}

/** What to write, if anything, and what to answer. */
export interface Taken {
  readonly write: "member" | "erase" | undefined;
  readonly applied: Applied;
}

/** @param known `undefined` where nothing is */
export function take(known: KnownMember | undefined, change: MemberChange): Taken {
  if (known === undefined || known.version < change.version) {
    return { write: change.erased === true ? "erase" : "member", applied: { known: true } };
  }
  const same =
    known.version === change.version &&
    known.member === change.member &&
    known.presence === change.presence &&
    known.erased === (change.erased === true);
  return { write: undefined, applied: same ? { known: true } : { stale: known.version } };
}
