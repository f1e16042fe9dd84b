/** A message as handlers get it. The app declares its types once; the hub has checked that `data` is JSON, and no more. */
import type { Priority } from "../protocol/priority.ts";

/**
 * What an app declares: its message types, each with the shape of its `data`.
 *
 * ```ts
 * interface Types {
 *   "order.shipped": { readonly order: number };
 *   notification: { readonly title: string };
 * }
 * const client = new HubClient<Types>({ url, token });
 * client.on("order.shipped", ({ data }) => console.log(data.order));
 * ```
 */
export type MessageTypes<Types> = { readonly [Type in keyof Types]: unknown };

export interface Message<Type extends string = string, Data = unknown> {
  /** By which it is known everywhere; the same on every device. */
  readonly id: string;
  readonly type: Type;
  readonly priority: Priority;
  /** When the hub accepted it; milliseconds since 1970, as all times here. */
  readonly at: number;
  readonly data: Data;
  /** Its place in the user's stream. A message that was only for who is connected (`ttl: 0`) has none. */
  readonly seq?: number;
  /** From this time on it is in no inbox any more. */
  readonly expires?: number;
  /** The topic by which it came. */
  readonly topic?: string;
  /** The message in whose place it comes: take that one down. */
  readonly replaces?: string;
  /** The user does not want to be disturbed by it: show it, without a sound. */
  readonly silent?: true;
}

/** Any of the messages that an app declared. */
export type MessageOf<Types> = {
  [Type in keyof Types & string]: Message<Type, Types[Type]>;
}[keyof Types & string];
