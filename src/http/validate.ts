/** Parsing what comes from outside by a schema, and telling the sender which places were wrong. */
import { z } from "zod";
import { type Fault, Problem, type ProblemCode } from "./problem.ts";

/** More would help nobody, and a batch can hold thousands. */
const maxFaults = 20;

/** Names that may be repeated to the sender; whatever else stands in the place of a field's name is a value. */
const fieldName = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

type Issue = z.core.$ZodIssue;

/**
 * The value as the schema reads it.
 * @throws {Problem} of this code, or of the more exact one that a rule of the schema names
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  code: ProblemCode,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = leaves(parsed.error.issues);
  const exact = issues.map(codeOf).find((found) => found !== undefined);
  const shown = issues.slice(0, maxFaults).map(faultOf);
  const [first] = shown;
  const place = first === undefined || first.path === "" ? "" : `${first.path}: `;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  throw new Problem(exact ?? code, `${place}${first?.message}${more}`, { faults: shown });
}

/** The issues without unions: of each, those of the member that the value comes closest to. */
function leaves(issues: readonly Issue[], at: readonly PropertyKey[] = []): Issue[] {
  return issues.flatMap((issue) => {
    const path = [...at, ...issue.path];
    if (issue.code !== "invalid_union" || issue.errors.length === 0) return [{ ...issue, path }];
    const [closest = []] = issue.errors.toSorted((a, b) => strangers(a) - strangers(b));
    return leaves(closest, path);
  });
}

/** How many of the value's own fields a member of a union does not know. */
function strangers(issues: readonly Issue[]): number {
  return issues.reduce(
    (sum, issue) =>
      sum + (issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys.length : 0),
    0,
  );
}

/** Rules outside of zod's own name their problem in `params`. */
const named = z.object({ code: z.enum(["too_deep", "too_complex", "not_finite", "too_large"]) });

function codeOf(issue: Issue): ProblemCode | undefined {
  return issue.code === "custom" ? named.safeParse(issue.params).data?.code : undefined;
}

function faultOf(issue: Issue): Fault {
  const path = z.core.toDotPath(issue.path);
  if (issue.code !== "unrecognized_keys") return { path, message: issue.message };
  const names = issue.keys.filter((key) => fieldName.test(key)).slice(0, 5);
  return {
    path,
    message: names.length === 0 ? "has unknown fields" : `has unknown fields: ${names.join(", ")}`,
  };
}
