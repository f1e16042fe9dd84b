/** What the object of a topic is asked, and what it answers. Topics are addressed by name: `TOPIC.getByName(topic)`. */
import type { Claim } from "../lanes/claims.ts";
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage } from "../protocol/message.ts";

/** What the object of a user, which knows best, says of its membership. */
export interface MemberChange {
  readonly user: UserId;
  readonly member: boolean;
  /** Whether the user takes part in presence events of the topic. */
  readonly presence: boolean;
  /** Rises with each change that the user's object makes. */
  readonly version: number;
  /** Nothing of the user may be kept, not even that it left. */
  readonly erased?: true;
}

/**
 * What came of a change: `known`, so the topic says now what the change says; or `stale`, since it holds
 * another state under this version, which is not below the change's.
 */
export type Applied = { readonly known: true } | { readonly stale: number };

/** A member, as the topic knows it. */
export interface Member {
  readonly user: UserId;
  readonly presence: boolean;
}

/** Members in the order of their ids. */
export interface MemberQuery {
  /** Only those behind this one; without it from the beginning. */
  readonly after?: UserId | undefined;
  /** How many at most. */
  readonly limit: number;
  /** Also who left within the last 30 days: a retraction must reach them too. */
  readonly withLeft?: boolean;
  /** Only who takes part in presence events. */
  readonly presenceOnly?: boolean;
}

export interface MemberPage {
  readonly members: readonly Member[];
  /** The `after` of the next page; absent on the last. */
  readonly next?: UserId;
}

/** All that `begin` looks at of a message. */
export type Beginning = Pick<AcceptedMessage, "id" | "retracts" | "replaces">;

export interface TopicCalls {
  /** Takes the changes, all or (on a fault) none; older ones than what is known change nothing. Answers in their order. */
  apply(changes: readonly MemberChange[]): Promise<readonly Applied[]>;
  page(query: MemberQuery): Promise<MemberPage>;
  /**
   * The page for a job that fans a message out; `taken` where another job has it. An only page is anybody's.
   * `retracted`: it was retracted or replaced since it began. Who joined after the word of that went round would get
   * the message from this page, and never the word.
   */
  pageFor(claim: Claim, query: MemberQuery): Promise<MemberPage | "taken" | "retracted">;
  /** Whether this job takes on a message that waits for its time: no other one does. */
  claim(claim: Claim): Promise<boolean>;
  /**
   * To be called before the first page of a message is asked for, as often as that is tried. What retracts or
   * replaces another message is remembered, so that the other one, if it begins later, is not fanned out.
   * @returns whether this message was retracted or replaced before it began
   */
  begin(message: Beginning): Promise<{ readonly retracted: boolean }>;
  /** How many members there are. */
  count(): Promise<number>;
  /** `undefined` where the user is none, as far as the topic knows. */
  member(user: UserId): Promise<Member | undefined>;
}
