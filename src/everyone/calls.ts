/**
 * What may be asked of the two objects behind a message to everyone: `Everyone`, the log of what all users
 * are to get, and `EveryoneShard`, which knows who of its share of the users is online. Expected outcomes
 * are values; what is thrown is a fault, worth another attempt.
 *
 * Why nobody is missed: the log has the message before any shard hears of it; a shard's head rises before
 * its first page is read. So whoever comes is either in the shard in time to be on a page, or is answered
 * the new head and reads the log.
 */
import type { Claim } from "../lanes/claims.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";

/** Place in the log, rising from 1; 0 is before everything. */
export type LogSeq = number;

/** What becomes of a message to everyone, before its first page. */
export type Begun =
  /**
   * To be taken to every shard of each of these counts, with `head` for each page's call. No count: nobody is
   * online. `seq` is its own place in the log; absent if it is not kept.
   */
  | {
      readonly kind: "begun";
      readonly head: LogSeq;
      readonly seq?: LogSeq;
      readonly shards: readonly number[];
    }
  /** It was retracted or replaced, or its time is over: nothing is to be done. */
  | { readonly kind: "retracted" | "expired" };

export interface LogEntry {
  readonly seq: LogSeq;
  readonly message: AcceptedMessage;
}

export interface LogPage {
  /** Rising; without what is expired or retracted. */
  readonly entries: readonly LogEntry[];
  /** Everything up to here has been looked at: ask for what is after it next. */
  readonly upTo: LogSeq;
  /** The last number given. The page is the last one when `upTo` has reached it. */
  readonly head: LogSeq;
}

/** The one object named {@link everyoneName}. */
export interface EveryoneCalls {
  /**
   * Takes up a message: one that is kept (neither `live` nor `onlineOnly`, or one that `retracts`) goes into the
   * log. What it retracts or replaces is not handed out any more, and is answered `retracted` if it
   * begins only later. Idempotent by the message's id; `shards` may be more at a later call.
   */
  begin(message: AcceptedMessage): Promise<Begun>;
  /** Whether this job takes on a message that waits for its time, or starts the shards from its place on: no other one does. */
  claim(claim: Claim): Promise<boolean>;
  /** The log after a number: at most `limit` entries, and not many more bytes than `everyoneLimits.maxPageBytes`. */
  after(seq: LogSeq, limit: number): Promise<LogPage>;
  /** A shard of this count is in use, from now on for `everyoneLimits.shardsInUseMs`: what begins later is taken to it. Answers the log's head. */
  uses(shards: number): Promise<LogSeq>;
  /** The shard counts that users may be registered under. */
  counts(): Promise<readonly number[]>;
}

/** A user with at least one connection, as far as the shard knows. Times in milliseconds since 1970. */
export interface OnlineUser {
  readonly user: UserId;
  /** Since when. */
  readonly since: number;
  /** When the user's object last said so: the lease runs from here. */
  readonly seen: number;
}

export interface ShardQuery {
  /** Number in the log of the message that the page is for; the shard's head rises to it before the page is read. */
  readonly head: LogSeq;
  /** `next` of the page before; absent for the first. */
  readonly after?: UserId | undefined;
  /** How many users at most. */
  readonly limit: number;
  /** Of the job that asks. */
  readonly claim: Claim;
}

export interface ShardPage {
  /** Who is online, in the order of their ids. There may be none although there is a next page. */
  readonly users: readonly UserId[];
  /** Absent on the last page. */
  readonly next?: UserId;
}

/** One of `shards` objects, named by {@link shardName} in `shards.ts`. */
export interface EveryoneShardCalls {
  /** The user is online: the first device has come, or the lease is renewed. Answers the log's head: whoever has seen less reads the log. */
  came(user: UserId, since: number, at: number): Promise<LogSeq>;
  /** The last device has gone. Ignored where the user came again after `at`. */
  went(user: UserId, at: number): Promise<void>;
  /** The log's head, for who only reads. */
  head(): Promise<LogSeq>;
  /** `taken` where another job has the page. An only page is anybody's. */
  page(query: ShardQuery): Promise<ShardPage | "taken">;
  /** Those of the users that are online. */
  who(users: readonly UserId[]): Promise<readonly OnlineUser[]>;
}
