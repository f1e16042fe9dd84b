/** What stands in the form, as the body of `POST /v1/messages`. The hub checks it; here only what JSON can't say is refused. Pure. */
import { readData, type TextFault } from "./json-fault.ts";

/** The fields as they were typed. */
export interface Draft {
  readonly users: string;
  readonly type: string;
  readonly priority: string;
  readonly data: string;
  readonly ttl: string;
  readonly collapseKey: string;
  readonly id: string;
}

export type Field = keyof Draft;

export interface Body {
  readonly to: { readonly user: string } | { readonly users: readonly string[] };
  readonly type: string;
  readonly priority: string;
  readonly data: unknown;
  readonly ttl?: number;
  readonly collapseKey?: string;
  readonly id?: string;
}

/** Names between blanks and commas; one that is named twice counts once. */
export function usersOf(text: string): readonly string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}

/** The body, or the faults at the fields that no body can be made of. */
export function bodyOf(
  draft: Draft,
):
  | { readonly body: Body; readonly users: readonly string[] }
  | { readonly faults: readonly (readonly [Field, TextFault])[] } {
  const users = usersOf(draft.users);
  const [user] = users;
  const data = readData(draft.data);
  const [ttl, collapseKey, id] = [draft.ttl.trim(), draft.collapseKey.trim(), draft.id.trim()];
  const faults: (readonly [Field, TextFault])[] = [];
  if (user === undefined) faults.push(["users", { message: "names nobody" }]);
  if (draft.type.trim() === "") faults.push(["type", { message: "is missing" }]);
  if (!/^\d*$/.test(ttl)) faults.push(["ttl", { message: "must be whole seconds" }]);
  if ("fault" in data) faults.push(["data", data.fault]);
  if (faults.length > 0 || user === undefined || "fault" in data) return { faults };
  return {
    users,
    body: {
      to: users.length === 1 ? { user } : { users },
      type: draft.type.trim(),
      priority: draft.priority,
      data: data.value,
      ...(ttl === "" ? {} : { ttl: Number(ttl) }),
      ...(collapseKey === "" ? {} : { collapseKey }),
      ...(id === "" ? {} : { id }),
    },
  };
}

const fields: ReadonlyMap<string, Field> = new Map<string, Field>([
  ["to", "users"],
  ["type", "type"],
  ["priority", "priority"],
  ["data", "data"],
  ["ttl", "ttl"],
  ["collapseKey", "collapseKey"],
  ["id", "id"],
]);

/** The field that a path of a problem leads to: `to.users[2]` to the users; `undefined`: to none of them. */
export function fieldOf(path: string): Field | undefined {
  return fields.get(/^[A-Za-z]*/.exec(path)?.[0] ?? "");
}
