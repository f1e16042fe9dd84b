/** Types of messages: which data they carry, and how they are delivered where their publisher does not say. */
import { z } from "zod";
import { messageLimits } from "../limits.ts";
import { pathText } from "../protocol/faults.ts";
import { category, collapseKey } from "../protocol/ids.ts";
import {
  type MessageDefaults,
  type PublishedMessage,
  publishedType,
  type Reach,
  reaches,
} from "../protocol/message.ts";
import { type Priority, priorities } from "../protocol/priority.ts";
import { type Checked, checkData } from "./check.ts";
import { DefinitionError, Registry } from "./registry.ts";

export interface MessageOptions<Data extends z.ZodType> {
  /** What a message of the type carries. It checks, and changes nothing: what was published is what arrives. */
  readonly data: Data;
  /** `normal` when absent. */
  readonly priority?: Priority;
  /** Seconds until it is of no use, up to 28 days; 7 days when absent. 0: only to who is connected, never stored. */
  readonly ttl?: number;
  /** Of the unread messages of a user with the same key only the newest is kept. `undefined`: this one replaces none. */
  readonly collapseKey?: (data: z.output<Data>) => string | undefined;
  /** What it is about, as users may mute it: the same for every message of the type, or as its data says. */
  readonly category?: string | ((data: z.output<Data>) => string | undefined);
  /** Whom a message to everyone reaches: who is `online`, or `all`. `online` when absent. */
  readonly audience?: Reach;
}

/** How a message is delivered where its publisher is silent. */
export interface TypeDefaults extends MessageDefaults {
  readonly reach: Reach;
}

/** What a message of a type that nobody defined gets. */
export const plainDefaults: TypeDefaults = { priority: "normal", reach: "online" };

export interface MessageDefinition<Name extends string = string, Data extends z.ZodType = z.ZodType> {
  /** The type. */
  readonly name: Name;
  readonly data: Data;
  /** Whether the data is as it must be, and what the message gets where its publisher is silent. */
  readonly defaultsFor: (
    message: Pick<PublishedMessage, "data" | "collapseKey" | "category">,
  ) => Checked<TypeDefaults>;
}

const known = z.object({
  type: publishedType,
  priority: z.enum(priorities).default("normal"),
  ttl: z.int().min(0).max(messageLimits.maxTtlSeconds).optional(),
  category: category.optional(),
  audience: z.enum(reaches).default("online"),
});

/**
 * A type of message, for the list in `src/messages.ts`.
 *
 * ```ts
 * const orderShipped = defineMessage("order.shipped", {
 *   data: z.object({ order: z.int(), parcels: z.int().min(1) }),
 *   priority: "high",
 *   ttl: 14 * 24 * 3_600,
 *   collapseKey: ({ order }) => `order:${order}`,
 *   category: "orders",
 * });
 * ```
 * @throws {DefinitionError} when it makes no sense
 */
export function defineMessage<const Name extends string, Data extends z.ZodType>(
  name: Name,
  { data, collapseKey: makeKey, category: about, ...more }: MessageOptions<Data>,
): MessageDefinition<Name, Data> {
  const fixed = typeof about === "function" ? undefined : about;
  const settings = known.safeParse({ type: name, category: fixed, ...more });
  if (!settings.success) {
    const faults = settings.error.issues.map(({ path, message }) => `${pathText(path)} ${message}`);
    throw new DefinitionError(`defineMessage("${name}"): ${faults.join("; ")}`);
  }
  const { priority, ttl, audience: reach } = settings.data;
  const makeCategory = typeof about === "function" ? about : () => about;
  return {
    name,
    data,
    defaultsFor: (message) => {
      const checked = checkData(data, message.data.value);
      if ("faults" in checked) return checked;
      // Only where the publisher is silent: what it gives itself needs no function that could fail.
      const key = derived(
        "collapseKey",
        (made) => collapseKey.safeParse(made),
        () => message.collapseKey ?? makeKey?.(checked.ok),
      );
      if ("faults" in key) return key;
      const subject = derived(
        "category",
        (made) => category.safeParse(made),
        () => message.category ?? makeCategory(checked.ok),
      );
      if ("faults" in subject) return subject;
      return { ok: { priority, ttl, reach, collapseKey: key.ok, category: subject.ok } };
    },
  };
}

/** The types of a deployment. @throws {DefinitionError} when one is defined twice */
export function defineMessages<Definitions extends readonly MessageDefinition[]>(
  ...definitions: Definitions
): Registry<MessageDefinition, Definitions> {
  return new Registry(definitions);
}

/** What a function of the definition makes of good data. A name that none can be made of is a fault of the data. */
function derived<Name>(
  what: string,
  parse: (made: string) => z.ZodSafeParseResult<Name>,
  make: () => string | undefined,
): Checked<Name | undefined> {
  try {
    const made = make();
    if (made === undefined) return { ok: undefined };
    const parsed = parse(made);
    if (parsed.success) return { ok: parsed.data };
    const [issue] = parsed.error.issues;
    return { faults: [{ path: "data", message: `gives no valid ${what}: ${issue?.message}` }] };
  } catch (thrown) {
    return {
      faults: [{ path: "data", message: `gives no ${what}: the type's function for it failed` }],
      thrown,
    };
  }
}
