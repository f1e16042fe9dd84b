/**
 * Answers of the hub, checked by hand so that the publisher depends on nothing. A hub may be newer than its
 * publisher: fields and states that are not known here are left as they are. Pure.
 */
import { type Check, count, fields, isObject, listOf, optional, text } from "./json.ts";
import type { ConnectToken, Receipt, UserResult } from "./message.ts";

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
  recipients: count,
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

/** The value as the answer that was asked for; `undefined` where it is another. */
export type Read<Answer> = (value: unknown) => Answer | undefined;

/** The answer to one message. */
export const readReceipt: Read<Receipt> = (value) => (isReceipt(value) ? value : undefined);

export const readConnectToken: Read<ConnectToken> = (value) => (isConnectToken(value) ? value : undefined);

/** The answer to so many messages in one request. */
export function readReceipts(expected: number): Read<readonly Receipt[]> {
  return (value) => {
    if (!isObject(value)) return undefined;
    const { messages } = value;
    return Array.isArray(messages) && messages.length === expected && messages.every(isReceipt)
      ? messages
      : undefined;
  };
}
