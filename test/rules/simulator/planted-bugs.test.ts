/** What the simulator is worth: each of these bugs, planted alone into the rules, is found within a few seeds. */
import { describe, expect, it } from "vitest";
import { type Rules, realRules } from "./rules.ts";
import { simulate } from "./simulation.ts";

interface Bug {
  readonly name: string;
  /** The rules that differ: one. */
  readonly plant: Partial<Rules>;
  /** Those of the invariants that may see it first. */
  readonly caughtBy: readonly string[];
}

const maxSeeds = 150;
const {
  acknowledge,
  commit,
  deadKey,
  deletableAt,
  express,
  lowered,
  nextDeadline,
  open,
  pump,
  settle,
  step,
} = realRules;

let serial = 0;
function nextSerial(): number {
  serial += 1;
  return serial;
}

const bugs: readonly Bug[] = [
  {
    name: "no dedupe: a known id is committed again",
    plant: {
      commit: (message, facts, now, max) => commit(message, { ...facts, known: undefined }, now, max),
    },
    caughtBy: ["i2IdsAndNumbersBelongTogether", "i2FramesCarryTheNumbersOfTheirIds"],
  },
  {
    name: "no gap: numbers that are gone are skipped silently",
    plant: {
      pump: (...args) => {
        const { cursor, frames } = pump(...args);
        return { cursor, frames: frames.filter(({ type }) => type !== "gap") };
      },
    },
    caughtBy: ["i4ConnectionIsContiguous", "i6AckedBelowSentBelowHead"],
  },
  {
    name: "the server's own cursor decides where to resume",
    plant: {
      open: (resume, epoch, head, remembered) => {
        const opening = open(resume, epoch, head, remembered);
        return opening.reset === undefined ? { from: remembered } : opening;
      },
    },
    caughtBy: ["i4ConnectionIsContiguous"],
  },
  {
    name: "the client acknowledges before its handler ran",
    plant: {
      step: (state, event, now, random) => {
        const { state: after, effects } = step(state, event, now, random);
        if (event.type !== "frame" || event.frame.type !== "messages") return { state: after, effects };
        const frame = {
          type: "ack",
          epoch: after.saved.epoch,
          seq: event.frame.messages.at(-1)?.seq,
        } as const;
        return { state: after, effects: [...effects, { type: "send", frame }] };
      },
    },
    caughtBy: ["i6AckMeansHandled"],
  },
  {
    name: "the client saves its cursor before its handler ran",
    plant: {
      step: (state, event, now, random) => {
        const { state: after, effects } = step(state, event, now, random);
        const seq =
          event.type === "frame" && event.frame.type === "messages" ? event.frame.messages.at(-1)?.seq : 0;
        const cursor = Math.max(after.saved.cursor, seq ?? 0);
        return { state: { ...after, saved: { ...after.saved, cursor } }, effects };
      },
    },
    caughtBy: ["i5CursorPassesNothingUnhandled"],
  },
  {
    name: "the consumer acknowledges before the object answered",
    plant: { settle: () => ({ dead: [], next: { do: "ack" } }) },
    caughtBy: ["i1AcceptedIsAccounted"],
  },
  {
    name: "the alarm is not lowered for an earlier deadline",
    plant: { lowered: (alarmAt) => alarmAt },
    caughtBy: ["i15AlarmComesInTime"],
  },
  {
    name: "the alarm is put off by a later deadline",
    plant: {
      lowered: (alarmAt, deadline) => (Number.isFinite(deadline) ? deadline : lowered(alarmAt, deadline)),
    },
    caughtBy: ["i15AlarmComesInTime"],
  },
  {
    name: "the next deadline forgets the connections",
    plant: { nextDeadline: (_, holdings, dues, now) => nextDeadline([], holdings, dues, now) },
    caughtBy: ["i15AlarmComesInTime"],
  },
  {
    name: "an inbox full of critical messages grows",
    plant: {
      commit: (message, facts, now, max) => commit(message, { ...facts, stored: 0 }, now, max),
    },
    caughtBy: ["i9StoredStaysBelowTheCap"],
  },
  {
    name: "a critical message is evicted",
    plant: {
      commit: (message, facts, now, max) => {
        const decided = commit(message, facts, now, max);
        if (decided.verdict.verdict !== "inbox_full") return decided;
        const verdict = { verdict: "committed", seq: facts.head + 1 } as const;
        return { verdict, withdrawn: [{ seq: facts.head, reason: "evicted" }] };
      },
    },
    caughtBy: ["i7RowsGoOnlyForAReason", "i9StoredStaysBelowTheCap", "i9EveryWithdrawalIsCounted"],
  },
  {
    name: "the most urgent is evicted first",
    plant: {
      commit: (message, facts, now, max) => {
        const decided = commit(message, facts, now, max);
        if (!("withdrawn" in decided)) return decided;
        const { seq } = decided.verdict;
        const withdrawn = decided.withdrawn.map((gone) =>
          gone.reason === "evicted" ? { ...gone, seq } : gone,
        );
        return { ...decided, withdrawn };
      },
    },
    caughtBy: ["i7RowsGoOnlyForAReason"],
  },
  {
    name: "a number is burned at commit",
    plant: {
      commit: (message, facts, now, max) => commit(message, { ...facts, head: facts.head + 1 }, now, max),
    },
    caughtBy: ["i3NumbersHaveNoHoles", "i10GapsNameOnlyWhatIsGone", "i2FramesCarryTheNumbersOfTheirIds"],
  },
  {
    name: "express copies have no limit",
    plant: {
      express: (cursor, row, window) =>
        express(cursor, row, { ...window, maxExpress: Number.POSITIVE_INFINITY }),
    },
    caughtBy: ["i8InFlightStaysInTheWindow"],
  },
  {
    name: "there are no express copies",
    plant: { express: () => undefined },
    caughtBy: ["i11CriticalComesFirst"],
  },
  {
    name: "the window is ignored",
    plant: {
      pump: (cursor, rows, head, now, window) =>
        pump(cursor, rows, head, now, { ...window, windowMessages: 1_000, windowBytes: 1_000_000 }),
    },
    caughtBy: ["i8InFlightStaysInTheWindow"],
  },
  {
    name: "a message is sent after its expiry",
    plant: {
      pump: (cursor, rows, head, now, window) => {
        const fresh = [...rows].map((row) => ({ ...row, expires: Math.max(row.expires, now + 1) }));
        return pump(cursor, fresh, head, now, window);
      },
    },
    caughtBy: ["i10NothingIsSentAfterItsExpiry"],
  },
  {
    name: "the cursor falls with an old acknowledgement",
    plant: {
      acknowledge: (cursor, epoch, seq, head) => {
        const acked = acknowledge(cursor, epoch, seq, head);
        if (acked.kind !== "moved" || typeof seq !== "number" || seq >= cursor.acked) return acked;
        return { ...acked, cursor: { ...cursor, acked: seq } };
      },
    },
    caughtBy: ["i6AckedBelowSentBelowHead"],
  },
  {
    name: "an acknowledgement does not free the window",
    plant: {
      acknowledge: (cursor, epoch, seq, head) => {
        const acked = acknowledge(cursor, epoch, seq, head);
        return acked.kind === "moved"
          ? { ...acked, cursor: { ...acked.cursor, flight: cursor.flight } }
          : acked;
      },
    },
    caughtBy: ["i8StalledMeansThatTheWindowIsFull"],
  },
  {
    name: "the client forgets which ids it has handled",
    plant: {
      step: (state, event, now, random) =>
        step({ ...state, saved: { ...state.saved, recentIds: [], ahead: [] } }, event, now, random),
    },
    caughtBy: ["i5HandlerRunsOnce"],
  },
  {
    name: "the client never saves",
    plant: {
      step: (state, event, now, random) => {
        const stepped = step(state, event, now, random);
        return event.type === "saved"
          ? { ...stepped, state: { ...stepped.state, saved: state.saved } }
          : stepped;
      },
    },
    caughtBy: ["i16EveryCursorIsAtTheHead", "i5HandlerRunsOnce"],
  },
  {
    name: "the client does not look at what was read while it was away",
    plant: {
      step: (state, event, now, random) => {
        const stepped = step(state, event, now, random);
        const isWelcome = event.type === "frame" && event.frame.type === "welcome";
        return isWelcome ? { ...stepped, state: { ...stepped.state, read: state.read } } : stepped;
      },
    },
    caughtBy: ["i16ReadStateIsTheHubs"],
  },
  {
    name: "storage is deleted while ids must be known again",
    plant: {
      deletableAt: (holdings) =>
        deletableAt({ ...holdings, earliestExpiry: undefined, oldestCommit: undefined }),
    },
    caughtBy: ["i14StorageIsDeletedOnlyWhenEmpty"],
  },
  {
    name: "what is left of a partly failed envelope is dropped",
    plant: {
      settle: (...args) => {
        const { dead, next } = settle(...args);
        return { dead, next: next.do === "requeue" ? { do: "ack" } : next };
      },
    },
    caughtBy: ["i1AcceptedIsAccounted"],
  },
  {
    name: "a message that failed too often is dropped instead of buried",
    plant: { settle: (...args) => ({ ...settle(...args), dead: [] }) },
    caughtBy: ["i1AcceptedIsAccounted"],
  },
  {
    name: "a message to be tried again waits for ever",
    plant: {
      settle: (...args) => {
        const { dead, next } = settle(...args);
        return { dead, next: next.do === "ack" ? next : { ...next, delaySeconds: 1e9 } };
      },
    },
    caughtBy: ["i16LanesAreEmpty"],
  },
  {
    name: "a message that dies twice has two rows",
    plant: {
      deadKey: (message, user) => `${deadKey(message, user)} ${nextSerial()}`,
    },
    caughtBy: ["i17DeadMessageHasOneRow"],
  },
];

describe("the simulator finds a bug that is planted into the rules", () => {
  for (const { name, plant, caughtBy } of bugs) {
    it(`${name}: caught by ${caughtBy.join(" or ")}`, { timeout: 60_000 }, () => {
      const rules = { ...realRules, ...plant };
      for (let seed = 1; seed <= maxSeeds; seed += 1) {
        const { violation, trace } = simulate(seed, rules);
        if (violation === undefined) continue;
        expect(caughtBy, `seed ${seed}: ${violation.message}`).toContain(violation.invariant);
        expect(trace).not.toBe("");
        return;
      }
      expect.fail(`${maxSeeds} seeds did not find it`);
    });
  }
});
