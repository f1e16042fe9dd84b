/** Parsing what comes from outside by a schema, and telling the sender which places were wrong. */
import { z } from "zod";
import { type Fault, faultOf, type Issue, leaves, told } from "../protocol/faults.ts";
import { Problem, type ProblemCode } from "./problem.ts";

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
  throw refusal(exact ?? code, issues.map(faultOf));
}

/** The problem of a request with these faults, of which there is at least one. */
export function refusal(code: ProblemCode, all: readonly Fault[]): Problem {
  const { detail, faults } = told(all);
  return new Problem(code, detail, { faults });
}

/** Rules outside of zod's own name their problem in `params`. */
const named = z.object({ code: z.enum(["too_deep", "too_complex", "not_finite", "too_large"]) });

function codeOf(issue: Issue): ProblemCode | undefined {
  return issue.code === "custom" ? named.safeParse(issue.params).data?.code : undefined;
}
