/** What a schema finds wrong with a value from outside, in words for its sender: places and rules, never a value. */
import { z } from "zod";

/** A part of what was sent that is not valid: where it is, and what is allowed there. */
export interface Fault {
  /** Such as `messages[3].to.users[0]`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

export type Issue = z.core.$ZodIssue;

/** More would help nobody, and a batch can hold thousands. */
const maxFaults = 20;

/** Names that may be repeated to the sender; whatever else stands in the place of a field's name is a value. */
const fieldName = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

/** The issues without unions: of each, those of the member that the value comes closest to. `at` is where the value stands. */
export function leaves(issues: readonly Issue[], at: readonly PropertyKey[] = []): Issue[] {
  return issues.flatMap((issue) => {
    const path = [...at, ...issue.path];
    if (issue.code !== "invalid_union" || issue.errors.length === 0) return [{ ...issue, path }];
    const [closest = []] = issue.errors.toSorted((a, b) => strangers(a) - strangers(b));
    return leaves(closest, path);
  });
}

export function faultOf(issue: Issue): Fault {
  const path = pathText(issue.path);
  if (issue.code !== "unrecognized_keys") return { path, message: issue.message };
  const names = issue.keys.filter((key) => fieldName.test(key)).slice(0, 5);
  return {
    path,
    message: names.length === 0 ? "has unknown fields" : `has unknown fields: ${names.join(", ")}`,
  };
}

/** `["messages", 3, "data"]` as `messages[3].data`. */
export function pathText(path: readonly PropertyKey[]): string {
  return z.core.toDotPath(path);
}

/** Faults as a sender is told of them: the first in a sentence, and of all so many that they can be read. */
export function told(faults: readonly Fault[]): {
  readonly detail: string;
  readonly faults: readonly Fault[];
} {
  const [first] = faults;
  const place = first === undefined || first.path === "" ? "" : `${first.path}: `;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  return { detail: `${place}${first?.message}${more}`, faults: faults.slice(0, maxFaults) };
}

/** How many of the value's own fields a member of a union does not know. */
function strangers(issues: readonly Issue[]): number {
  return issues.reduce(
    (sum, issue) =>
      sum + (issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys.length : 0),
    0,
  );
}
