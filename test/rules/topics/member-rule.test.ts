import fc from "fast-check";
import { expect, test } from "vitest";
import { userId } from "../../../src/protocol/ids.ts";
import type { MemberChange } from "../../../src/topics/calls.ts";
import { type KnownMember, take } from "../../../src/topics/member-rule.ts";

const user = userId.parse("alice");

function change(version: number, changes: Partial<MemberChange> = {}): MemberChange {
  return { user, member: true, presence: false, version, ...changes };
}

/** What a topic knows of a user who is as the call says. */
function state({ member, presence, version, erased }: MemberChange): KnownMember {
  return { member, presence, version, erased: erased === true };
}

/** What a topic knows after calls in this order. */
function after(calls: readonly MemberChange[]): KnownMember | undefined {
  let known: KnownMember | undefined;
  for (const call of calls) {
    const { write } = take(known, call);
    if (write !== undefined) known = state(call);
  }
  return known;
}

test("a higher version is taken, the same again is known, and an older one changes nothing", () => {
  const known = state(change(5));
  expect(take(undefined, change(5))).toEqual({ write: "member", applied: { known: true } });
  expect(take(known, change(6, { member: false }))).toEqual({ write: "member", applied: { known: true } });
  expect(take(known, change(5))).toEqual({ write: undefined, applied: { known: true } });
  expect(take(known, change(4, { member: false }))).toEqual({ write: undefined, applied: { stale: 5 } });
});

test("another state under the same version is told to be stale, whatever differs", () => {
  const known = state(change(5));
  for (const other of [{ member: false }, { presence: true }, { member: false, erased: true as const }]) {
    expect(take(known, change(5, other))).toEqual({ write: undefined, applied: { stale: 5 } });
  }
});

test("an erasure is remembered, so that a late call from before it brings nobody back", () => {
  const erasure = change(6, { member: false, erased: true });
  expect(take(state(change(5)), erasure)).toEqual({ write: "erase", applied: { known: true } });
  expect(take(undefined, erasure)).toEqual({ write: "erase", applied: { known: true } });
  expect(take(state(erasure), erasure)).toEqual({ write: undefined, applied: { known: true } });
  expect(take(state(erasure), change(5))).toEqual({ write: undefined, applied: { stale: 6 } });
  expect(take(state(erasure), change(7))).toEqual({ write: "member", applied: { known: true } });
});

test("calls that are late or repeated end in what the last change says, in any order", () => {
  const changes = fc
    .array(fc.record({ member: fc.boolean(), presence: fc.boolean() }), { minLength: 1, maxLength: 8 })
    .map((states) => states.map((state, index) => change(index + 1, state)));
  const calls = changes.chain((made) =>
    fc.tuple(
      fc.constant(made),
      fc.shuffledSubarray([...made, ...made], { minLength: made.length, maxLength: 2 * made.length }),
    ),
  );
  fc.assert(
    fc.property(calls, ([made, order]) => {
      const last = made.at(-1);
      if (last === undefined) return;
      // What heals: the last one is told until it is known.
      expect(after([...order, last])).toEqual(state(last));
    }),
  );
});
