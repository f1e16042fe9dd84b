/** What must hold of a user's storage after each event: by its rows alone, as before and as now. */
import { isOwn } from "../device-record.ts";
import type { Row } from "../stored.ts";
import type { Book } from "./book.ts";
import type { User } from "./user.ts";
import type { UserStorage } from "./user-storage.ts";

interface Looked {
  readonly user: User;
  /** Of the same epoch; `undefined` where it has just begun. */
  readonly before: UserStorage | undefined;
  readonly book: Book;
}

function freshRows({ user, before }: Looked): readonly Row[] {
  return user.stored?.rows.filter(({ seq }) => seq > (before?.head ?? 0)) ?? [];
}

/** Reads what is new in the stream into the record, so it comes first. */
function i2IdsAndNumbersBelongTogether({ user: { stored, record } }: Looked): string | undefined {
  for (const row of stored?.rows ?? []) {
    if (row.seq <= record.last) {
      if (record.ids.get(row.seq) !== row.id)
        return `${row.seq} was ${record.ids.get(row.seq)}, is ${row.id}`;
      continue;
    }
    if (record.numbers.has(row.id)) return `${row.id} is ${record.numbers.get(row.id)} and ${row.seq}`;
    if (row.seq !== record.last + 1) return undefined;
    record.add(row);
  }
  return undefined;
}

function i3NumbersHaveNoHoles({ user: { stored, record } }: Looked): string | undefined {
  if (stored === undefined || record.last === stored.head) return undefined;
  return `the head is ${stored.head}, the last number ${record.last}`;
}

function i3CommitTimesNeverGoBack({ user: { stored } }: Looked): string | undefined {
  const rows = stored?.rows ?? [];
  const wrong = rows.find((row, index) => row.committed < (rows[index - 1]?.committed ?? 0));
  return wrong && `${wrong.seq} was committed at ${wrong.committed}, before the one before it`;
}

function i7RowsGoOnlyForAReason({ user, before, book }: Looked): string | undefined {
  const rows = user.stored?.rows ?? [];
  const earlier = new Map(before?.rows.map((row) => [row.seq, row]));
  for (const row of rows) {
    const was = earlier.get(row.seq);
    if (row.gone === null && (was?.gone ?? null) !== null) return `${row.seq} came back`;
    if (row.gone === null || was?.gone === row.gone) continue;
    const takenBack = isTakenBack(row);
    // What is over can still be taken back: devices may show it.
    const twice = was !== undefined && was.gone !== null && !(takenBack && !isTakenBack(was));
    if (twice) return `${row.seq} is gone twice: ${was.gone}, ${row.gone}`;
    const post = book.posts.get(row.id);
    if (row.gone === "expired" && row.expires > user.now()) return `${row.seq} expired early`;
    if (row.gone === "handled" && post?.message.cancelOn === undefined) return `nothing settles ${row.seq}`;
    if (takenBack && post !== undefined && !post.takenBack) return `nobody took ${row.id} back`;
  }
  return undefined;
}

function isTakenBack({ gone }: Row): boolean {
  return gone === "retracted" || gone === "replaced";
}

/** (b) */
function onlyMembersGetWhatIsForTheTopic(looked: Looked): string | undefined {
  const { user, before } = looked;
  const isMember = (topics: UserStorage["topics"] | undefined, name: string) =>
    topics?.some(({ topic, member }) => topic === name && member === 1) === true;
  // What takes a message back reaches also who has left.
  const wrong = freshRows(looked).find(
    ({ topic, type }) =>
      topic !== null &&
      !isOwn({ type }) &&
      !isMember(before?.topics, topic) &&
      !isMember(user.stored?.topics, topic),
  );
  return wrong && `${user.user} got ${wrong.id} by ${wrong.topic}, without being a member`;
}

/** (e) */
function whatIsBarredIsNeverCommitted(looked: Looked): string | undefined {
  const wrong = freshRows(looked).find(({ id }) => looked.before?.barred.has(id) === true);
  return wrong && `${wrong.id} was committed after it was taken back`;
}

/** (f) */
function nothingComesBeforeItsTime(looked: Looked): string | undefined {
  const due = ({ id }: Row) => looked.book.posts.get(id)?.message.deliverAt ?? 0;
  const wrong = freshRows(looked).find((row) => row.committed < due(row));
  return wrong && `${wrong.id} was committed at ${wrong.committed}, it is for ${due(wrong)}`;
}

/** (f) Twice would be: it waits although it is there. */
function whatCameDoesNotWait({ user: { stored } }: Looked): string | undefined {
  const ids = new Set<string>(stored?.rows.map(({ id }) => id));
  const wrong = stored?.scheduled.find((id) => ids.has(id));
  return wrong && `${wrong} was committed, and waits`;
}

export const userInvariants = [
  i2IdsAndNumbersBelongTogether,
  i3NumbersHaveNoHoles,
  i3CommitTimesNeverGoBack,
  i7RowsGoOnlyForAReason,
  onlyMembersGetWhatIsForTheTopic,
  whatIsBarredIsNeverCommitted,
  nothingComesBeforeItsTime,
  whatCameDoesNotWait,
];
