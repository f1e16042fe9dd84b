/** The inbox over HTTP: what a page shows before the first message arrives, and what of it is read. Loaded when it is first used. */
import { closeCodes } from "../protocol/close-codes.ts";
import { backoffBoundMs } from "./backoff.ts";
import { claimsOf } from "./claims.ts";
import * as clientLimits from "./limits.ts";
import type { Message } from "./message.ts";
import { readState, streamMessage } from "./parse-frame.ts";
import type { ReadState } from "./reports.ts";
import { isLike } from "./shape.ts";
import type { Tokens } from "./tokens.ts";

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

/** The hub can't answer now, and may later. */
class BusyError extends Error {
  override readonly name = "BusyError";
}

/** The user's inbox at a hub. */
export interface Account {
  /** Of the hub, with a slash at its end. */
  readonly url: URL;
  readonly tokens: Tokens;
}

/** @throws an `Error` with the hub's answer when it refuses; what `fetch` or the app's `token` throws */
export async function fetchInbox(account: Account, query: InboxQuery): Promise<InboxPage> {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  const page = await call(account, `messages?${new URLSearchParams(parameters)}`, { method: "GET" });
  if (isInboxPage(page)) return page;
  throw new Error("the hub gave no inbox");
}

/**
 * @param back resolves when there is a connection again; `undefined` while there is one
 * @throws as {@link fetchInbox}, and what `back` rejects with
 */
export async function markRead(
  account: Account,
  marked: Marked,
  back: () => Promise<void> | undefined,
): Promise<void> {
  const parts = "upTo" in marked ? [marked] : inParts(marked.ids).map((ids) => ({ ids }));
  for (const part of parts) await markPart(account, part, back);
}

async function markPart(
  account: Account,
  part: Marked,
  back: () => Promise<void> | undefined,
): Promise<void> {
  for (let failures = 0; ; ) {
    try {
      await call(account, "read", { method: "POST", body: JSON.stringify(part) });
      return;
    } catch (error) {
      // `fetch` rejects with a TypeError when there is no answer. Marking twice does no harm.
      if (!(error instanceof TypeError || error instanceof BusyError)) throw error;
      const returned = back();
      if (returned === undefined) failures += 1;
      if (failures === clientLimits.tries) throw error;
      await (returned ?? new Promise((over) => setTimeout(over, backoffBoundMs(failures))));
    }
  }
}

async function call(account: Account, path: string, init: RequestInit): Promise<unknown> {
  const [token, answer] = await ask(account, path, init);
  if (answer.status !== 401) return bodyOf(answer);
  // Revoked, or over by the hub's clock: another one may be good.
  account.tokens.refused(token, closeCodes.token_expired, performance.now());
  const [, again] = await ask(account, path, init);
  return bodyOf(again);
}

async function ask({ url, tokens }: Account, path: string, init: RequestInit): Promise<[string, Response]> {
  const { last } = tokens;
  const token = isGood(last, Date.now()) ? last : await tokens.fresh(performance.now());
  if (typeof token !== "string") throw new Error(token.reason);
  const user = claimsOf(token)?.sub;
  if (user === undefined) throw new Error("the token names no user");
  const answer = await fetch(new URL(`v1/users/${user}/${path}`, url), {
    ...init,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
  });
  return [token, answer];
}

async function bodyOf(answer: Response): Promise<unknown> {
  const body = await answer.text();
  if (answer.status === 429 || answer.status >= 500) throw new BusyError(`${answer.status} ${body}`);
  if (!answer.ok) throw new Error(`the hub refused: ${answer.status} ${body}`);
  try {
    return JSON.parse(body);
  } catch {
    throw new Error("that was no answer of a hub");
  }
}

function inParts(ids: readonly string[]): (readonly string[])[] {
  const count = Math.ceil(ids.length / clientLimits.markedIds);
  return Array.from({ length: count }, (_, part) =>
    ids.slice(part * clientLimits.markedIds, (part + 1) * clientLimits.markedIds),
  );
}

function isGood(token: string, now: number): boolean {
  return (claimsOf(token)?.exp ?? 0) * 1_000 - now > clientLimits.tokenSpareMs;
}

function isInboxPage(value: unknown): value is InboxPage {
  return isLike(value, { messages: [{ ...streamMessage, read: true }], next: () => 0, state: readState });
}
