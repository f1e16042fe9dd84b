/** What a client tells its app besides messages. */
import type { LiveMessage, StreamMessage } from "../protocol/frames.ts";
import type { Seq } from "../protocol/seq.ts";

/**
 * How the connection stands.
 * - `connecting`: a token is fetched and a connection opened.
 * - `syncing`: connected; what was there already is still being handled. `live`: all of that is done.
 * - `waiting`: not connected; the next try is `forMs` milliseconds ahead.
 * - `stopped`: for good. Code 1000 after `close()`; otherwise what the hub closed with, and why.
 */
export type Status =
  | { readonly state: "connecting" | "syncing" | "live" }
  | { readonly state: "waiting"; readonly forMs: number; readonly code: number; readonly reason: string }
  | { readonly state: "stopped"; readonly code: number; readonly reason: string };

/** What of the inbox is read, as the hub last said. */
export interface ReadState {
  readonly unread: number;
  /** Everything up to this number is read. */
  readonly readUpTo: Seq;
  /** Rises by one with each change of what is read. */
  readonly rev: number;
  /** What this change marked, where it was marked singly; an app that missed none needs no new listing. */
  readonly ids?: readonly string[];
}

/**
 * Something that the app should know of, and that does not end the connection: a message passed over
 * after its tries, a place in the stream that could not be saved, one of the option `topics` that the user
 * could not be subscribed to, a complaint of the hub.
 */
export type Fault =
  | {
      readonly kind: "handler";
      readonly message: StreamMessage | LiveMessage;
      /** What the handler threw last. */
      readonly error: unknown;
    }
  | { readonly kind: "storage" }
  /** Tried again with the next connection. */
  | { readonly kind: "topic"; readonly topic: string; readonly error: unknown }
  | { readonly kind: "hub"; readonly code: string; readonly message: string };
