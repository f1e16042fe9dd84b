/**
 * The types of a deployment, from its own definitions, for `HubClient<Messages, Handlers>` and
 * `HubPublisher<Messages>`. Devices and publishers see JSON, so they speak of that and not of zod.
 */
import type { z } from "zod";
import type { HandlerDefinition } from "./define-handler.ts";
import type { MessageDefinition } from "./define-message.ts";
import type { Registry } from "./registry.ts";

/** What is left of a value that went through JSON, spelled out field by field. */
export type AsJson<Value> = Value extends { toJSON(): infer Json }
  ? Json
  : Value extends object
    ? { [Field in keyof Value]: AsJson<Value[Field]> }
    : Value;

/**
 * The message types of a registry with their data, as it is published and as it arrives.
 *
 * ```ts
 * type Messages = MessagesOf<typeof messages>; // { notification: { title: string; … }; … }
 * ```
 */
export type MessagesOf<Defined extends Registry<MessageDefinition>> = {
  [Definition in Defined["all"][number] as Definition["name"]]: AsJson<z.input<Definition["data"]>>;
};

/** The handlers of a registry: what a device sends to each, and what it is answered. */
export type HandlersOf<Defined extends Registry<HandlerDefinition>> = {
  [Definition in Defined["all"][number] as Definition["name"]]: {
    data: AsJson<z.input<Definition["data"]>>;
    result: AsJson<ResultOf<Definition>>;
  };
};

type ResultOf<Definition> =
  Definition extends HandlerDefinition<string, z.ZodType, infer Result> ? Result : never;
