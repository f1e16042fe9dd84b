/**
 * The calls of the console: the HTTP API that everyone has (docs/api.md), with the operator's key. Each
 * rejects with a `HubError` where the hub refuses, and with what `fetch` throws where it gives no answer.
 */
import { HubError, hubErrorOf } from "../../publisher/hub-error.ts";
import {
  checked,
  type Inbox,
  isClosed,
  isInbox,
  isKey,
  isLanes,
  isLetters,
  isMessageState,
  isPresence,
  isReceipt,
  isRedriven,
  type Key,
  type Lanes,
  type Letters,
  type MessageState,
  type Presence,
  type Receipt,
} from "./answers.ts";
import type { Body } from "./draft.ts";

export interface Api {
  readonly key: () => Promise<Key>;
  /** @param attempt the same for the same message: what came twice is delivered once */
  readonly send: (body: Body, attempt: string) => Promise<Receipt>;
  /** `undefined` while the message is on its way. */
  readonly messageState: (user: string, id: string) => Promise<MessageState | undefined>;
  readonly presence: (user: string) => Promise<Presence>;
  readonly inbox: (
    user: string,
    query: { readonly cursor?: number | undefined; readonly unread: boolean },
  ) => Promise<Inbox>;
  /** How many connections were closed. */
  readonly disconnect: (user: string, revoke: boolean) => Promise<number>;
  readonly lanes: () => Promise<Lanes>;
  readonly letters: (query: {
    readonly cursor?: number | undefined;
    readonly user: string;
    readonly reason: string;
  }) => Promise<Letters>;
  readonly redrive: (key: string) => Promise<void>;
  readonly discard: (key: string) => Promise<void>;
}

/** Longer than the hub itself waits for anything. */
const timeoutMs = 15_000;
/** Rows of a page: half a screen, as there is more to see of a user; and a screenful. */
const inboxPage = 10;
const lettersPage = 20;

/** @param refused told when the hub does not, or no longer, take the key */
export function apiWith(key: string, refused: () => void): Api {
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> => {
    const response = await fetch(path, {
      method,
      headers: {
        ...headers,
        Authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.ok) return response;
    if (response.status === 401) refused();
    throw await hubErrorOf(response);
  };
  const read = async (path: string): Promise<unknown> => (await call("GET", path)).json();

  return {
    key: async () => checked(isKey, await read("/v1/key")),
    send: async (body, attempt) => {
      const response = await call("POST", "/v1/messages", body, { "Idempotency-Key": attempt });
      return checked(isReceipt, await response.json());
    },
    messageState: async (user, id) => {
      try {
        return checked(isMessageState, await read(`${pathOf(user)}/messages/${encodeURIComponent(id)}`));
      } catch (error) {
        if (error instanceof HubError && error.code === "not_found") return undefined;
        throw error;
      }
    },
    presence: async (user) => checked(isPresence, await read(pathOf(user))),
    inbox: async (user, query) =>
      checked(isInbox, await read(`${pathOf(user)}/messages${queryOf({ ...query, limit: inboxPage })}`)),
    disconnect: async (user, revoke) => {
      const response = await call("DELETE", `${pathOf(user)}/connections${queryOf({ revoke })}`);
      return checked(isClosed, await response.json()).closed;
    },
    lanes: async () => checked(isLanes, await read("/v1/lanes")),
    letters: async (query) =>
      checked(isLetters, await read(`/v1/dead-letters${queryOf({ ...query, limit: lettersPage })}`)),
    redrive: async (letter) => {
      const response = await call("POST", `/v1/dead-letters/${encodeURIComponent(letter)}/redrive`);
      checked(isRedriven, await response.json());
    },
    discard: async (letter) => {
      await call("DELETE", `/v1/dead-letters/${encodeURIComponent(letter)}`);
    },
  };
}

function pathOf(user: string): string {
  return `/v1/users/${encodeURIComponent(user)}`;
}

/** Without what is not given, or empty. */
function queryOf(parts: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value !== undefined && value !== "") query.set(name, `${value}`);
  }
  return `?${query}`;
}
