/** The user's inbox as a page shows it: what is asked of it, what a page of it holds, and what of it is to be marked as read. */
import * as clientLimits from "./limits.ts";
import type { Message } from "./message.ts";
import { readState, streamMessage } from "./parse-frame.ts";
import type { ReadState } from "./reports.ts";
import { isLike } from "./shape.ts";

export interface InboxQuery {
  /** `next` of the page before; without it, the newest messages. */
  readonly cursor?: number;
  /** Messages on the page; up to 100, and 50 without it. */
  readonly limit?: number;
  /** Only what is not read. */
  readonly unread?: boolean;
}

export type InboxMessage<Its extends Message = Message> = Its & {
  readonly seq: number;
  readonly expires: number;
  readonly read: boolean;
};

/** A page of the inbox, newest first. */
export interface InboxPage<Its extends Message = Message> {
  readonly messages: readonly InboxMessage<Its>[];
  /** The `cursor` of the next page; absent on the last. */
  readonly next?: number;
  readonly state: ReadState;
}

/** Messages to mark as read: these, or everything up to a number. */
export type Marked = { readonly ids: readonly string[] } | { readonly upTo: number };

export function queryText(query: InboxQuery): string {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return new URLSearchParams(parameters).toString();
}

export function isInboxPage(value: unknown): value is InboxPage {
  return isLike(value, { messages: [{ ...streamMessage, read: true }], next: () => 0, state: readState });
}

/** In parts of which the hub takes each at once. */
export function inParts(marked: Marked): readonly Marked[] {
  if ("upTo" in marked) return [marked];
  const size = clientLimits.markedIds;
  return Array.from({ length: Math.ceil(marked.ids.length / size) }, (_, part) => ({
    ids: marked.ids.slice(part * size, (part + 1) * size),
  }));
}
