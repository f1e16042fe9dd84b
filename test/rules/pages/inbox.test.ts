import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { InboxMessage } from "../../../src/client/index.ts";
import {
  arrived,
  emptyInbox,
  extended,
  type Inbox,
  leavesOpen,
  marked,
  markedHere,
  pageSize,
  reloaded,
  withdrawn,
  without,
} from "../../../src/pages/demo/inbox.ts";

function entry(seq: number, read = false): InboxMessage {
  return {
    id: `message-${seq}`,
    type: "note",
    priority: "normal",
    at: seq,
    expires: 1_000,
    seq,
    data: null,
    read,
  };
}

/** Messages from `last` down to `first`. */
function entries(last: number, first = 1): InboxMessage[] {
  return Array.from({ length: last - first + 1 }, (_, index) => entry(last - index));
}

/** A page as the hub answers: newest first, `next` while there is more. */
function page(last: number, first: number, state = { unread: 0, readUpTo: 0, rev: 0 }) {
  return { messages: entries(last, first), state, ...(first > 1 ? { next: first } : {}) };
}

const seqs = ({ entries: shown }: Inbox): number[] => shown.map(({ seq }) => seq);
const unread = ({ entries: shown }: Inbox): number[] => shown.flatMap(({ seq, read }) => (read ? [] : [seq]));

test("a page that is older than what came meanwhile does not take the count back", () => {
  const told = marked(emptyInbox, { unread: 1, readUpTo: 0, rev: 0 });
  const inbox = reloaded(arrived(told, entry(1)), page(0, 1));
  expect(unread(inbox)).toEqual([1]);
  expect(inbox.state.unread).toBe(1);
});

describe("what arrives", () => {
  test("stands in the order of the stream, once, however it comes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 })), (order) => {
        const inbox = order.reduce(
          (before, seq) => arrived(before, entry(seq)),
          reloaded(emptyInbox, page(0, 1)),
        );
        expect(seqs(inbox)).toEqual([...new Set(order)].sort((one, other) => other - one));
      }),
    );
  });

  test("without a place in the stream is in no inbox", () => {
    const { seq: _, expires: __, ...live } = entry(1);
    expect(arrived(emptyInbox, live)).toBe(emptyInbox);
  });

  test("below what is shown waits for its page", () => {
    const inbox = reloaded(emptyInbox, page(50, 21));
    expect(arrived(inbox, entry(20))).toBe(inbox);
    expect(seqs(arrived(inbox, entry(51)))[0]).toBe(51);
  });

  test("before the first page, by the thousand, leaves the newest", () => {
    const inbox = entries(1_000)
      .reverse()
      .reduce((before, message) => arrived(before, message), emptyInbox);
    expect(seqs(inbox)).toEqual(seqs(reloaded(emptyInbox, page(1_000, 1_001 - pageSize))));
    expect(seqs(reloaded(inbox, page(1_000, 971)))).toHaveLength(30);
  });

  test("and was read already comes as read", () => {
    const inbox = marked(reloaded(emptyInbox, page(0, 1)), { unread: 1, readUpTo: 5, rev: 1 });
    expect(unread([5, 6].reduce((before, seq) => arrived(before, entry(seq)), inbox))).toEqual([6]);
  });

  test("for days keeps the list at a length that can be read; the rest comes as older", () => {
    const inbox = entries(500)
      .reverse()
      .reduce((before, message) => arrived(before, message), reloaded(emptyInbox, page(0, 1)));
    expect(seqs(inbox)).toEqual(entries(500, 201).map(({ seq }) => seq));
    expect(inbox.older).toBe(201);
  });
});

describe("pages", () => {
  test("follow each other without holes until the last", () => {
    const first = reloaded(emptyInbox, page(50, 31));
    expect(first.older).toBe(31);
    const all = extended(extended(first, page(30, 11)), page(10, 1));
    expect(seqs(all)).toEqual(entries(50).map(({ seq }) => seq));
    expect(all.older).toBeUndefined();
  });

  test("that are asked for twice are shown once", () => {
    const inbox = extended(reloaded(emptyInbox, page(50, 31)), page(30, 11));
    expect(seqs(extended(inbox, page(30, 11)))).toEqual(seqs(inbox));
    expect(extended(emptyInbox, page(2, 1)).entries).toHaveLength(2);
  });

  test("leave what came while they were under way, and older ones that adjoin", () => {
    const before = arrived(extended(reloaded(emptyInbox, page(50, 31)), page(30, 11)), entry(51));
    const inbox = reloaded(before, page(50, 31));
    expect(seqs(inbox)).toEqual(entries(51, 11).map(({ seq }) => seq));
    expect(inbox.older).toBe(11);
  });

  test("with a hole below them begin the list anew", () => {
    const before = extended(reloaded(emptyInbox, page(50, 31)), page(30, 11));
    const inbox = reloaded(before, page(100, 71));
    expect(seqs(inbox)).toEqual(entries(100, 71).map(({ seq }) => seq));
    expect(inbox.older).toBe(71);
  });

  test("never make unread again what was marked while they were under way, nor an older state of a newer one", () => {
    const before = marked(reloaded(emptyInbox, page(3, 1)), { unread: 0, readUpTo: 3, rev: 2 });
    const inbox = reloaded(before, page(3, 1, { unread: 3, readUpTo: 0, rev: 1 }));
    expect(unread(inbox)).toEqual([]);
    expect(inbox.state.rev).toBe(2);
    expect(reloaded(before, page(3, 1, { unread: 1, readUpTo: 3, rev: 3 })).state.rev).toBe(3);
  });
});

describe("what is read", () => {
  const inbox = marked(reloaded(emptyInbox, page(4, 1)), { unread: 4, readUpTo: 0, rev: 1 });

  test("is what the hub says, by number or by id", () => {
    expect(unread(marked(inbox, { unread: 2, readUpTo: 2, rev: 2 }))).toEqual([4, 3]);
    expect(unread(marked(inbox, { unread: 3, readUpTo: 0, rev: 2, ids: ["message-3"] }))).toEqual([4, 2, 1]);
  });

  test("here is seen here at once, with the number that follows from it", () => {
    const one = markedHere(inbox, { ids: ["message-3", "message-9"] });
    expect({ unread: unread(one), count: one.state.unread }).toEqual({ unread: [4, 2, 1], count: 3 });
    expect(markedHere(one, { ids: ["message-3"] }).state.unread).toBe(3);
    const all = markedHere(one, "all");
    expect({ unread: unread(all), count: all.state.unread }).toEqual({ unread: [], count: 0 });
  });

  test("leaves nothing open unless a change was missed, or is not said", () => {
    const next = { unread: 3, readUpTo: 0, rev: 2 };
    expect(leavesOpen(inbox, { ...next, ids: ["message-3"] })).toBe(false);
    expect(leavesOpen(inbox, { ...next, readUpTo: 1 })).toBe(false);
    expect(leavesOpen(inbox, { ...next, rev: 1 })).toBe(false);
    expect(leavesOpen(inbox, next)).toBe(true);
    expect(leavesOpen(inbox, { ...next, rev: 3, ids: ["message-3"] })).toBe(true);
  });
});

describe("what is taken back", () => {
  const inbox = reloaded(emptyInbox, page(4, 2));

  test("goes, and nothing else", () => {
    expect(seqs(withdrawn(inbox, "message-3"))).toEqual([4, 2]);
    expect(seqs(withdrawn(inbox, "message-9"))).toEqual([4, 3, 2]);
  });

  test("does not come again with a page that was asked for before", () => {
    const older = withdrawn(inbox, "message-1");
    expect(seqs(reloaded(withdrawn(inbox, "message-3"), page(4, 2)))).toEqual([4, 2]);
    expect(seqs(extended(older, page(1, 1)))).toEqual([4, 3, 2]);
  });

  test("by the thousand is not remembered for ever", () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `message-${index}`);
    expect(ids.reduce(withdrawn, inbox).withdrawn.length).toBeLessThan(1_000);
  });

  test("because another message replaces it makes room for that one", () => {
    const replaced = arrived(inbox, { ...entry(5), replaces: "message-3" });
    expect(seqs(replaced)).toEqual([5, 4, 2]);
    expect(seqs(reloaded(replaced, page(4, 2)))).toEqual([5, 4, 2]);
  });
});

test("what the hub no longer keeps goes, and nothing else changes", () => {
  const inbox = reloaded(emptyInbox, page(4, 1));
  expect(seqs(without(inbox, ({ seq }) => seq <= 2))).toEqual([4, 3]);
  expect(without(inbox, () => false)).toBe(inbox);
});
