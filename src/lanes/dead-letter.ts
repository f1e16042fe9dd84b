/** A dead letter as an operator sees it, and the calls on the store of them. All times in milliseconds since 1970. */
import type { MessageId, UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { Priority } from "../protocol/priority.ts";
import type { DeadReason, DeadRecord, Death } from "./dead-record.ts";

interface Letter extends Death {
  /** Names it in a URL; always the same for a message and user. */
  readonly key: string;
  /** The lane that it died in, and that a redrive puts it back into. */
  readonly lane: Priority;
  /** `redriven`: on its way again since `redrivenAt`. Dies it again, it is `dead` again. */
  readonly state: "dead" | "redriven";
  readonly redrives: number;
  readonly redrivenAt?: number;
}

/** One message for one user, or a text from a lane: a job, or one that could not be read. */
export type DeadLetter = Letter &
  ({ readonly user: UserId; readonly message: AcceptedMessage } | { readonly raw: string });

export interface DeadLetterQuery {
  /** The `next` of the page before. */
  readonly cursor?: number;
  readonly limit: number;
  readonly user?: UserId;
  readonly reason?: DeadReason;
}

/** Newest first. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** The `cursor` of the next page; absent on the last. */
  readonly next?: number;
}

/**
 * - `too_old`: the object of the user may not know the id any more, so that it could arrive twice.
 * - `expired`: nobody would get it any more.
 * - `lane_refused`: nothing has changed; to be tried again.
 */
export type Redrive =
  | { readonly ok: true; readonly redrives: number }
  | { readonly ok: false; readonly code: "not_found" | "too_old" | "expired" | "lane_refused" };

export type Discard = { readonly ok: true } | { readonly ok: false; readonly code: "not_found" };

/** The calls of the `DeadLetters` object. */
export interface DeadLetterCalls {
  /** Keeps each record once. A record of another death of a redriven letter makes it dead again. */
  store(records: readonly DeadRecord[]): Promise<void>;
  list(query: DeadLetterQuery): Promise<DeadLetterPage>;
  /** Of several messages that came under one id, the last that died. */
  find(id: MessageId, user: UserId): Promise<DeadLetter | undefined>;
  /** Puts a dead letter back into its lane, once: while it is on its way, this only says so. */
  redrive(key: string): Promise<Redrive>;
  discard(key: string): Promise<Discard>;
  /** Removes the letters of a user, and keeps none of a message that was accepted until now. Answers how many there were. */
  eraseUser(user: UserId): Promise<number>;
}

/** There is one store, since an operator reads one list; it is the name of its object. */
export const deadLettersName = "dead-letters";
