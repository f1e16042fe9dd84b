/** Where a message stands: its number in the stream of a user, and the life of the storage that numbers it. */

/** Place in a user's stream: 1, 2, 3, … without holes at commit. 0 stands before the first. */
export type Seq = number;

/** Names one life of a user's storage; another epoch means that the old numbers mean nothing. */
export type Epoch = string;
