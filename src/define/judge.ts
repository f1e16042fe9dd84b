/** Whether a message may be published, as far as its type has a say in it, and what it gets where its publisher is silent. Pure. */
import type { Fault } from "../protocol/faults.ts";
import type { PublishedMessage } from "../protocol/message.ts";
import { type MessageDefinition, plainDefaults, type TypeDefaults } from "./define-message.ts";
import type { Registry } from "./registry.ts";

export type MessageRegistry = Registry<MessageDefinition>;

/** What a deployment says of types that nobody defined: any JSON may be their data, or there are none. */
export const strictnesses = ["permissive", "strict"] as const;
export type Strictness = (typeof strictnesses)[number];

/** A message whose data is as its type says, and what it gets where its publisher is silent. */
export interface TypedMessage {
  readonly message: PublishedMessage;
  readonly defaults: TypeDefaults;
}

export type Judged =
  | { readonly ok: TypeDefaults }
  | {
      readonly code: "unknown_type" | "invalid_data" | "invalid_body";
      readonly faults: readonly Fault[];
      /** What the definition threw, for its owner's log. */
      readonly thrown?: unknown;
    };

export function judge(message: PublishedMessage, types: MessageRegistry, strictness: Strictness): Judged {
  const definition = types.find(message.type);
  if (definition === undefined) {
    if (strictness === "permissive") return { ok: plainDefaults };
    return { code: "unknown_type", faults: [{ path: "type", message: "is not defined in this hub" }] };
  }
  const checked = definition.defaultsFor(message);
  if ("faults" in checked) return { code: "invalid_data", ...checked };
  if (message.ttl === undefined && checked.ok.ttl === 0) {
    const kept = forKept.filter((field) => message[field] !== undefined && message[field] !== false);
    if (kept.length > 0) {
      const rule = "is for what is stored, and the ttl of this type is 0";
      return { code: "invalid_body", faults: kept.map((path) => ({ path, message: rule })) };
    }
  }
  return checked;
}

/** As the schema of a message says it of a ttl that its publisher gives. */
const forKept = ["cancelOn", "replaces", "receipts"] as const;
