/**
 * The few pieces that the checks of outside data are made of. Each is a type guard, so that what has passed
 * is typed without a cast; what a check does not name is left aside, since a hub may be newer than its page.
 */

export type Check<Type> = (value: unknown) => value is Type;

/** What a check lets through. */
export type Checked<Of> = Of extends Check<infer Type> ? Type : never;

type Shape = Readonly<Record<string, Check<unknown>>>;

export const isText: Check<string> = (value) => typeof value === "string";
export const isFlag: Check<boolean> = (value) => typeof value === "boolean";
/** A number that can be shown and reckoned with. */
export const isNumber: Check<number> = (value): value is number => Number.isFinite(value);
export const isAnything: Check<unknown> = (_value): _value is unknown => true;

export function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function oneOf<const Text extends string>(texts: readonly Text[]): Check<Text> {
  return (value): value is Text => texts.some((text) => text === value);
}

export function optional<Type>(check: Check<Type>): Check<Type | undefined> {
  return (value): value is Type | undefined => value === undefined || check(value);
}

export function nullable<Type>(check: Check<Type>): Check<Type | null> {
  return (value): value is Type | null => value === null || check(value);
}

export function listOf<Type>(check: Check<Type>): Check<readonly Type[]> {
  return (value): value is readonly Type[] => Array.isArray(value) && value.every(check);
}

/** An object of whatever names, with one kind of value. */
export function recordOf<Type>(check: Check<Type>): Check<Readonly<Record<string, Type>>> {
  return (value): value is Readonly<Record<string, Type>> =>
    isFields(value) && Object.values(value).every(check);
}

export function fields<const Checks extends Shape>(
  checks: Checks,
): Check<{ readonly [Name in keyof Checks]: Checked<Checks[Name]> }> {
  return (value): value is { readonly [Name in keyof Checks]: Checked<Checks[Name]> } =>
    isFields(value) && Object.entries(checks).every(([name, check]) => check(value[name]));
}
