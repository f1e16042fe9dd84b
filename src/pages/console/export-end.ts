/** Whether an export came whole: its last line says so, with the number of records. Pure. */
import { fields, isNumber, oneOf } from "./checks.ts";

/** Characters from the end that are sure to hold the last line of a whole export. */
export const endLength = 100;

const isEnd = fields({ kind: oneOf(["end"]), records: isNumber });

/** How many records it holds; `undefined`: it was cut off. @param tail the last {@link endLength} characters of it */
export function recordsOf(tail: string): number | undefined {
  const last = tail.endsWith("\n") ? tail.trimEnd().split("\n").at(-1) : undefined;
  try {
    const end: unknown = JSON.parse(last ?? "");
    return isEnd(end) ? end.records : undefined;
  } catch {
    return undefined;
  }
}
