/**
 * What the object of a user keeps beside the stream, each kind in a table and a file of its own: topics,
 * what is scheduled, preferences, what was told of its presence, what receipts are still to tell. The object treats
 * them alike: it looks at all their deadlines, erases and exports them all, and stays for as long as one of them is kept.
 */

/** One thing that is held about a user, as an export writes it: a line of JSON. */
export interface Held {
  /** What kind of thing it is, such as `message` or `topic`. */
  readonly kind: string;
  /**
   * Names it within its kind, for an export that can't hold everything on one page: the next page goes on after
   * this key. Without keys, all that is kept goes on one page, and is to be small.
   */
  readonly key?: string;
}

export interface Keeping {
  /** Whether nothing is kept, so that the storage may go. */
  readonly empty: boolean;
  /** When there is something to do next, in milliseconds since 1970; `undefined` while there is not. */
  nextDue(): number | undefined;
  /** Does what is due. What others refuse stays due, at a later time. @throws for a fault of the storage, which the object's alarm tries again */
  settle(now: number): Promise<void>;
  /** Removes everything, inside the object's transaction, which may yet fail; what others must be told of the erasure stays due until they know. */
  erase(now: number): void;
  /** Everything that is kept, one by one; with rising keys, where there are keys. */
  held(): Iterable<Held>;
}
