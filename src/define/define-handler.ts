/** Handlers of what devices send: what they take, whom they are for, and what they answer. */
import { z } from "zod";
import { messageType } from "../protocol/ids.ts";
import type { publishedMessage } from "../protocol/message.ts";
import { type Checked, checkData } from "./check.ts";
import { DefinitionError, Registry } from "./registry.ts";

/** What a handler knows and can do beside the data. */
export interface HandlerContext {
  /** Whose device it is. */
  readonly user: string;
  /** Absent where it came over HTTP with a token that names none. */
  readonly device?: string;
  /**
   * Publishes a message as a server does, through the lane of its priority; resolves when it is durable.
   * @throws when the message is refused, or could not be queued
   */
  readonly publish: (message: z.input<typeof publishedMessage>) => Promise<{ readonly id: string }>;
  /** The bindings of the deployment, those that its owner has added included. */
  readonly env: Env;
  /** Aborts after 30 seconds, when the device is told that it took too long. */
  readonly signal: AbortSignal;
}

export interface HandlerOptions<Data extends z.ZodType, Result> {
  /** What a device sends, up to 8 kB as a frame. */
  readonly data: Data;
  /** What must be among the `scopes` of the device's connect token. */
  readonly scope: string;
  /** What it resolves to is the device's answer: JSON of up to 8 kB, or nothing. It throws only for faults. */
  readonly handle: (data: z.output<Data>, context: HandlerContext) => Result | Promise<Result>;
}

export interface HandlerDefinition<
  Name extends string = string,
  Data extends z.ZodType = z.ZodType,
  Result = unknown,
> {
  readonly name: Name;
  readonly data: Data;
  readonly scope: string;
  /** What is to be done with this data, if it is as it must be. */
  readonly take: (data: unknown) => Checked<(context: HandlerContext) => Promise<Result>>;
}

const known = z.object({ name: messageType, scope: messageType });

/**
 * A handler, for the list in `src/messages.ts`.
 *
 * ```ts
 * const snooze = defineHandler("reminder.snooze", {
 *   data: z.object({ reminder: z.string(), minutes: z.int().min(1).max(60) }),
 *   scope: "reminders",
 *   handle: async ({ reminder, minutes }, { user, publish }) => {
 *     const due = Date.now() + minutes * 60_000;
 *     await publish({ to: { user }, type: "reminder", data: { reminder }, deliverAt: due });
 *     return { due };
 *   },
 * });
 * ```
 * @throws {DefinitionError} when it makes no sense
 */
export function defineHandler<const Name extends string, Data extends z.ZodType, Result>(
  name: Name,
  { data, scope, handle }: HandlerOptions<Data, Result>,
): HandlerDefinition<Name, Data, Result> {
  const settings = known.safeParse({ name, scope });
  if (!settings.success) {
    const faults = settings.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
    throw new DefinitionError(`defineHandler("${name}"): ${faults.join("; ")}`);
  }
  return {
    name,
    data,
    scope,
    take: (sent) => {
      const checked = checkData(data, sent);
      return "faults" in checked ? checked : { ok: async (context) => handle(checked.ok, context) };
    },
  };
}

/** The handlers of a deployment. @throws {DefinitionError} when one is defined twice */
export function defineHandlers<Definitions extends readonly HandlerDefinition[]>(
  ...definitions: Definitions
): Registry<HandlerDefinition, Definitions> {
  return new Registry(definitions);
}
