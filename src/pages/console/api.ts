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
  UnreadableAnswer,
} from "./answers.ts";
import {
  type Changed,
  isChanged,
  isMembers,
  isPreferences,
  isPresences,
  isReceipts,
  isTopicCount,
  isTopicView,
  isUserTopics,
  type Members,
  type Preferences,
  type Receipts,
  type TopicView,
  type UserPresence,
} from "./audience-answers.ts";
import type { Check } from "./checks.ts";
import type { Body, To } from "./draft.ts";
import { endLength, recordsOf } from "./export-end.ts";

export interface Api {
  readonly key: () => Promise<Key>;
  /** @param attempt the same for the same message: what came twice is delivered once */
  readonly send: (body: Body, attempt: string) => Promise<Receipt>;
  /** Takes a message back from these; the receipt is that of the word to the devices. */
  readonly retract: (id: string, to: To) => Promise<Receipt>;
  /** How far a message got that asked for receipts; `undefined` while nothing is known. */
  readonly receipts: (id: string) => Promise<Receipts | undefined>;
  /** `undefined` while the message is on its way. */
  readonly messageState: (user: string, id: string) => Promise<MessageState | undefined>;
  readonly presence: (user: string) => Promise<Presence>;
  readonly inbox: (
    user: string,
    query: { readonly cursor?: number | undefined; readonly unread: boolean },
  ) => Promise<Inbox>;
  /** How many connections were closed. */
  readonly disconnect: (user: string, revoke: boolean) => Promise<number>;
  readonly topics: (user: string) => Promise<readonly TopicView[]>;
  readonly leave: (user: string, topic: string) => Promise<TopicView>;
  readonly preferences: (user: string) => Promise<Preferences>;
  readonly forgetPreferences: (user: string) => Promise<void>;
  /** Everything held of the user as NDJSON, and how many records that is. */
  readonly exported: (user: string) => Promise<{ readonly file: Blob; readonly records: number }>;
  /** How many members a topic has. */
  readonly topic: (topic: string) => Promise<number>;
  readonly members: (topic: string, cursor: string | undefined) => Promise<Members>;
  readonly changeMembers: (
    topic: string,
    change: { readonly add: readonly string[] } | { readonly remove: readonly string[] },
  ) => Promise<Changed>;
  /** In the order of the users. */
  readonly presenceOf: (users: readonly string[]) => Promise<readonly UserPresence[]>;
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
/** An export may be hundreds of megabytes. */
const exportTimeoutMs = 600_000;
/** Rows of a page: half a screen, as there is more to see of a user or topic; and a screenful. */
const inboxPage = 10;
const membersPage = 10;
const lettersPage = 20;

/** @param refused told when the hub does not, or no longer, take the key */
export function apiWith(key: string, refused: () => void): Api {
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    {
      headers = {},
      withinMs = timeoutMs,
    }: { readonly headers?: Readonly<Record<string, string>>; readonly withinMs?: number } = {},
  ): Promise<Response> => {
    const response = await fetch(path, {
      method,
      headers: {
        ...headers,
        Authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(withinMs),
    });
    if (response.ok) return response;
    if (response.status === 401) refused();
    throw await hubErrorOf(response);
  };
  const read = async (path: string): Promise<unknown> => (await call("GET", path)).json();
  /** `undefined` where there is nothing at the path. */
  const readIfThere = async <Type>(path: string, check: Check<Type>): Promise<Type | undefined> => {
    try {
      return checked(check, await read(path));
    } catch (error) {
      if (error instanceof HubError && error.code === "not_found") return undefined;
      throw error;
    }
  };

  return {
    key: async () => checked(isKey, await read("/v1/key")),
    send: async (body, attempt) => {
      const headers = { "Idempotency-Key": attempt };
      const response = await call("POST", "/v1/messages", body, { headers });
      return checked(isReceipt, await response.json());
    },
    retract: async (id, to) => {
      const response = await call("POST", `/v1/messages/${encodeURIComponent(id)}/retract`, { to });
      return checked(isReceipt, await response.json());
    },
    receipts: (id) => readIfThere(`/v1/messages/${encodeURIComponent(id)}`, isReceipts),
    messageState: (user, id) =>
      readIfThere(`${pathOf(user)}/messages/${encodeURIComponent(id)}`, isMessageState),
    presence: async (user) => checked(isPresence, await read(pathOf(user))),
    inbox: async (user, query) =>
      checked(isInbox, await read(`${pathOf(user)}/messages${queryOf({ ...query, limit: inboxPage })}`)),
    disconnect: async (user, revoke) => {
      const response = await call("DELETE", `${pathOf(user)}/connections${queryOf({ revoke })}`);
      return checked(isClosed, await response.json()).closed;
    },
    topics: async (user) => checked(isUserTopics, await read(`${pathOf(user)}/topics`)).topics,
    leave: async (user, topic) => {
      const response = await call("DELETE", `${pathOf(user)}/topics/${encodeURIComponent(topic)}`);
      return checked(isTopicView, await response.json());
    },
    preferences: async (user) => checked(isPreferences, await read(`${pathOf(user)}/preferences`)),
    forgetPreferences: async (user) => {
      const response = await call("DELETE", `${pathOf(user)}/preferences`);
      checked(isPreferences, await response.json());
    },
    exported: async (user) => {
      const options = { withinMs: exportTimeoutMs };
      const file = await (await call("GET", `${pathOf(user)}/export`, undefined, options)).blob();
      const records = recordsOf(await file.slice(-endLength).text());
      if (records === undefined) throw new UnreadableAnswer("The export was cut off. Ask for it again.");
      return { file, records };
    },
    topic: async (topic) => checked(isTopicCount, await read(topicPath(topic))).members,
    members: async (topic, cursor) =>
      checked(isMembers, await read(`${topicPath(topic)}/members${queryOf({ cursor, limit: membersPage })}`)),
    changeMembers: async (topic, change) => {
      const response = await call("POST", `${topicPath(topic)}/members`, change);
      return checked(isChanged, await response.json());
    },
    presenceOf: async (users) => {
      const response = await call("POST", "/v1/presence", { users });
      return checked(isPresences, await response.json()).presence;
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

function topicPath(topic: string): string {
  return `/v1/topics/${encodeURIComponent(topic)}`;
}

/** Without what is not given, or empty. */
function queryOf(parts: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value !== undefined && value !== "") query.set(name, `${value}`);
  }
  return `?${query}`;
}
