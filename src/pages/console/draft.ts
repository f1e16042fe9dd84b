/** What stands in the form, as the body of `POST /v1/messages`. The hub checks it; here only what JSON can't say is refused. Pure. */
import { readData, type TextFault } from "./json-fault.ts";

/** The fields as they were typed or chosen; empty where nothing was. */
export interface Draft {
  /** `users`, `topic`, `online` or `all`. */
  readonly audience: string;
  readonly users: string;
  readonly topic: string;
  readonly type: string;
  readonly priority: string;
  readonly data: string;
  /** In the reader's time zone, as `2026-11-24T14:03`. */
  readonly deliverAt: string;
  readonly ttl: string;
  readonly collapseKey: string;
  readonly category: string;
  readonly id: string;
  readonly replaces: string;
  readonly cancelOn: string;
  readonly receipts: string;
}

export type Field = keyof Draft;

/** In the order of the form. */
export const draftFields: readonly Field[] = [
  "audience",
  "users",
  "topic",
  "type",
  "priority",
  "data",
  "deliverAt",
  "ttl",
  "collapseKey",
  "category",
  "id",
  "replaces",
  "cancelOn",
  "receipts",
];

/** Whom a message is for, as the API takes it. */
export type To =
  | { readonly user: string }
  | { readonly users: readonly string[] }
  | { readonly topic: string }
  | { readonly everyone: true; readonly audience: string };

export interface Body {
  readonly to: To;
  readonly type: string;
  readonly priority: string;
  readonly data: unknown;
  readonly deliverAt?: number;
  readonly ttl?: number;
  readonly collapseKey?: string;
  readonly category?: string;
  readonly id?: string;
  readonly replaces?: string;
  readonly cancelOn?: string;
  readonly receipts?: boolean;
}

/** Names between blanks and commas; one that is named twice counts once. */
export function usersOf(text: string): readonly string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}

/** The body, or the faults at the fields that no body can be made of. */
export function bodyOf(
  draft: Draft,
): { readonly body: Body } | { readonly faults: readonly (readonly [Field, TextFault])[] } {
  const to = toOf(draft);
  const data = readData(draft.data);
  const ttl = draft.ttl.trim();
  const deliverAt = draft.deliverAt === "" ? undefined : new Date(draft.deliverAt).getTime();
  const faults: (readonly [Field, TextFault])[] = [];
  if ("fault" in to) faults.push(to.fault);
  if (draft.type.trim() === "") faults.push(["type", { message: "is missing" }]);
  if (Number.isNaN(deliverAt)) faults.push(["deliverAt", { message: "must be a date and a time" }]);
  if (!/^\d*$/.test(ttl)) faults.push(["ttl", { message: "must be whole seconds" }]);
  if ("fault" in data) faults.push(["data", data.fault]);
  if (faults.length > 0 || "fault" in to || "fault" in data) return { faults };
  return {
    body: {
      to,
      type: draft.type.trim(),
      priority: draft.priority,
      data: data.value,
      ...(deliverAt === undefined ? {} : { deliverAt }),
      ...(ttl === "" ? {} : { ttl: Number(ttl) }),
      ...given(draft),
      ...(draft.receipts === "" ? {} : { receipts: true }),
    },
  };
}

function toOf(draft: Draft): To | { readonly fault: readonly [Field, TextFault] } {
  const topic = draft.topic.trim();
  const users = usersOf(draft.users);
  const [user] = users;
  switch (draft.audience) {
    case "topic":
      return topic === "" ? { fault: ["topic", { message: "is missing" }] } : { topic };
    case "online":
    case "all":
      return { everyone: true, audience: draft.audience };
    default:
      if (user === undefined) return { fault: ["users", { message: "names nobody" }] };
      return users.length === 1 ? { user } : { users };
  }
}

const texts = ["collapseKey", "category", "id", "replaces", "cancelOn"] as const;

/** Those texts of the body in which something stands. */
function given(draft: Draft): { readonly [Name in (typeof texts)[number]]?: string } {
  const filled = texts.filter((name) => draft[name].trim() !== "");
  return Object.fromEntries(filled.map((name) => [name, draft[name].trim()]));
}

/** The users that are named; none where it is a crowd. */
export function named(to: To): readonly string[] {
  if ("user" in to) return [to.user];
  return "users" in to ? to.users : [];
}

/** Whom a message is for, after "for" or "from". */
export function toInWords(to: To): string {
  if ("topic" in to) return `the topic ${to.topic}`;
  if ("everyone" in to) return to.audience === "online" ? "everyone who is connected" : "everyone";
  const count = named(to).length;
  return count === 1 ? "1 user" : `${count} users`;
}

/** The field that a path of a problem leads to: `to.users[2]` to the users; `undefined`: to none of them. */
export function fieldOf(path: string): Field | undefined {
  const [first = "", second = ""] = path.split(/[.[]/);
  if (first !== "to") return draftFields.find((field) => field === first);
  if (second === "topic") return "topic";
  return second === "everyone" || second === "audience" ? "audience" : "users";
}
