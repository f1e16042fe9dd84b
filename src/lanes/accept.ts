/**
 * The one gate for what is published, by a server or by a handler inside the hub: what the types of the
 * deployment say of the messages, what they become by that, and whether they go together.
 */
import { judge, type Strictness, type TypedMessage } from "../define/judge.ts";
import { messages as definedMessages } from "../messages.ts";
import { log, thrownName } from "../observe/log.ts";
import type { Fault } from "../protocol/faults.ts";
import type { MessageId } from "../protocol/ids.ts";
import type { AcceptedMessage, PublishedMessage } from "../protocol/message.ts";
import { type Requested, requested, requestFaults } from "./request.ts";

export interface PublishedRequest {
  readonly messages: readonly PublishedMessage[];
  /** Whether they came as `messages`, so that faults say which one it is. */
  readonly batch: boolean;
}

export interface Terms {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly strictness: Strictness;
  /** The id of the message at a place in the request, where it came without one. */
  readonly newId: (index: number) => MessageId;
  /** The only topics that the publisher is for; without them, any. */
  readonly within?: AcceptedMessage["within"];
}

/** All messages in their order, or why none of them is taken. */
export type Gated =
  | { readonly items: readonly Requested[] }
  | {
      readonly code: "unknown_type" | "invalid_data" | "invalid_body";
      /** Of all of them, at least one. */
      readonly faults: readonly Fault[];
    };

export function gate({ messages, batch }: PublishedRequest, { strictness, ...terms }: Terms): Gated {
  const typed: TypedMessage[] = [];
  const wrong: Fault[] = [];
  let code: Extract<Gated, { faults: unknown }>["code"] | undefined;
  messages.forEach((message, index) => {
    const judged = judge(message, definedMessages, strictness);
    if ("ok" in judged) {
      typed.push({ message, defaults: judged.ok });
      return;
    }
    code ??= judged.code;
    const place = batch ? `messages[${index}].` : "";
    wrong.push(...judged.faults.map((fault) => ({ ...fault, path: `${place}${fault.path}` })));
    if ("thrown" in judged)
      log("error", "definition_failed", { code: message.type, error: thrownName(judged.thrown) });
  });
  if (code !== undefined) return { code, faults: wrong };
  const items = typed.map((message, index) => requested(message, terms.newId(index), terms));
  const faults = requestFaults(items, batch);
  return faults.length === 0 ? { items } : { code: "invalid_body", faults };
}
