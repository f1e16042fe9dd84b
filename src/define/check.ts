/** Holding data from outside against the schema of a definition. Whatever that does, the sender gets an answer. */
import type { z } from "zod";
import { messageLimits } from "../limits.ts";
import { type Fault, faultOf, leaves } from "../protocol/faults.ts";
import { jsonFault } from "../protocol/json.ts";

/** What was asked for, or what is wrong with the data, as its sender is told. */
export type Checked<Value> =
  | { readonly ok: Value }
  | {
      readonly faults: readonly Fault[];
      /** What the definition threw, if that is what went wrong: its owner has to know, not the sender. */
      readonly thrown?: unknown;
    };

/** The data as the schema reads it. Paths begin with `data`. */
export function checkData<Data extends z.ZodType>(schema: Data, data: unknown): Checked<z.output<Data>> {
  try {
    const parsed = schema.safeParse(data);
    if (parsed.success) return { ok: parsed.data };
    return { faults: leaves(parsed.error.issues, ["data"]).map(faultOf) };
  } catch (thrown) {
    return { faults: [{ path: "data", message: "could not be checked: the schema of it failed" }], thrown };
  }
}

/** That data is JSON within the bounds of a message's, for what has not passed as one. */
export function boundFaults(data: unknown): readonly Fault[] {
  const fault = jsonFault(data, messageLimits);
  return fault === undefined ? [] : [{ path: "data", message: fault.message }];
}
