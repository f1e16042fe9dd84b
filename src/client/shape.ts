/**
 * Values from outside, held against an example of what they should be: `""` for any text, `0` for any
 * number from 0 on, `true` for either boolean, `[example]` for a list, an object for one with these fields
 * and any others, and `() => example` for what may be left out.
 */
export type Shape =
  | string
  | number
  | boolean
  | readonly [Shape]
  | (() => Shape)
  | { readonly [field: string]: Shape };

export function isLike(value: unknown, shape: Shape): boolean {
  if (typeof shape === "function") return value === undefined || isLike(value, shape());
  if (typeof shape === "number") return typeof value === "number" && value >= shape;
  if (typeof shape !== "object") return typeof value === typeof shape;
  if (isList(shape)) return Array.isArray(value) && value.every((item) => isLike(item, shape[0]));
  return isFields(value) && Object.entries(shape).every(([field, part]) => isLike(value[field], part));
}

export function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}
