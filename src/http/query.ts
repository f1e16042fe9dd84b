/** Parts of a query that several routes share. What a route does not know of a query is ignored. */
import { z } from "zod";
import { requestLimits } from "../limits.ts";

/** A switch that is off unless it is `true`. */
export const flag = z
  .enum(["true", "false"], 'must be "true" or "false"')
  .default("false")
  .transform((value) => value === "true");

/** Up to 15 digits, which a double holds exactly. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "must be a whole number")
  .transform(Number);

/** How many of a listing to answer with. */
export const pageSize = wholeNumber
  .refine((size) => size >= 1 && size <= requestLimits.maxPage, `must be 1 to ${requestLimits.maxPage}`)
  .default(requestLimits.defaultPage);
