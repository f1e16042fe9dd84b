/**
 * Answers of the hub, checked by hand so that the publisher depends on nothing. A hub may be newer than its
 * publisher: fields and states that are not known here are left as they are. Pure.
 */
import { type Check, count, fields, flag, isObject, listOf, optional, text } from "./json.ts";
import type { ConnectToken, Member, MembersChange, Receipt, UserPresence, UserResult } from "./message.ts";

/** What a state of a result comes with. */
const comesWith: ReadonlyMap<unknown, Check> = new Map<UserResult["state"], Check>([
  ["delivered", fields({ seq: count, devices: count })],
  ["duplicate", fields({ seq: count })],
  ["live", fields({ devices: count })],
  ["dead", fields({ reason: text })],
]);

const named = fields({ user: text, state: text });
const result: Check = (value) => {
  if (!isObject(value) || !named(value)) return false;
  const { state } = value;
  return comesWith.get(state)?.(value) ?? true;
};

const receipt = fields({
  id: text,
  recipients: optional(count),
  state: text,
  expires: optional(count),
  ttl: optional(count),
  results: optional(listOf(result)),
});
const connectToken = fields({ token: text, expires: count });

function isReceipt(value: unknown): value is Receipt {
  return receipt(value);
}

function isConnectToken(value: unknown): value is ConnectToken {
  return connectToken(value);
}

const membersChange = fields({
  pending: listOf(text),
  failed: listOf(fields({ user: text, reason: text })),
});
const memberPage = fields({
  members: listOf(fields({ user: text, presence: flag })),
  next: optional(text),
});
const online = fields({ user: text, online: (value) => value === true, since: count, asOf: count });
const offline = fields({ user: text, online: (value) => value === false });
const unknown = fields({ user: text, unknown: (value) => value === true });

function isMembersChange(value: unknown): value is MembersChange {
  return membersChange(value);
}

interface MemberPage {
  readonly members: readonly Member[];
  readonly next?: string;
}

function isMemberPage(value: unknown): value is MemberPage {
  return memberPage(value);
}

function isPresence(value: unknown): value is UserPresence {
  return online(value) || offline(value) || unknown(value);
}

/** The value as the answer that was asked for; `undefined` where it is another. */
export type Read<Answer> = (value: unknown) => Answer | undefined;

/** The answer to one message. */
export const readReceipt: Read<Receipt> = (value) => (isReceipt(value) ? value : undefined);

export const readConnectToken: Read<ConnectToken> = (value) => (isConnectToken(value) ? value : undefined);

export const readMembersChange: Read<MembersChange> = (value) => (isMembersChange(value) ? value : undefined);

export const readMemberPage: Read<MemberPage> = (value) => (isMemberPage(value) ? value : undefined);

/** The answer to so many messages in one request. */
export function readReceipts(expected: number): Read<readonly Receipt[]> {
  return readList("messages", expected, isReceipt);
}

/** The answer about so many users. */
export function readPresence(expected: number): Read<readonly UserPresence[]> {
  return readList("presence", expected, isPresence);
}

function readList<Item>(
  name: string,
  expected: number,
  isItem: (value: unknown) => value is Item,
): Read<readonly Item[]> {
  return (value) => {
    const list = isObject(value) ? value[name] : undefined;
    return Array.isArray(list) && list.length === expected && list.every(isItem) ? list : undefined;
  };
}
