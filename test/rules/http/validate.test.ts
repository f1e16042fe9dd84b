import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Problem } from "../../../src/http/problem.ts";
import { validate } from "../../../src/http/validate.ts";
import { publishRequest } from "../../../src/protocol/message.ts";

function refusal(schema: z.ZodType, value: unknown): Problem {
  try {
    validate(schema, value, "invalid_body");
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error("not refused");
}

describe("validation", () => {
  test("gives what the schema reads", () => {
    expect(validate(z.string().transform(Number), "7", "invalid_request")).toBe(7);
  });

  test("names every place that is wrong, and what is allowed there", () => {
    const problem = refusal(z.object({ a: z.array(z.int()), b: z.enum(["x", "y"]) }), {
      a: [1, "2"],
      b: "z",
    });
    expect(problem.code).toBe("invalid_body");
    expect(problem.faults).toEqual([
      { path: "a[1]", message: expect.stringContaining("expected number") },
      { path: "b", message: expect.stringContaining('"x"|"y"') },
    ]);
    expect(problem.message).toMatch(/^a\[1\]: .*\(and 1 more\)$/);
  });

  test("names the place even when it is the whole", () => {
    expect(refusal(z.int(), "x").message).toMatch(/^Invalid input: expected/);
  });

  test("shows the first twenty faults and counts the others", () => {
    const problem = refusal(
      z.array(z.int()),
      Array.from({ length: 30 }, () => "x"),
    );
    expect(problem.faults).toHaveLength(20);
    expect(problem.message).toContain("(and 29 more)");
  });

  test("speaks of the kind of request that was meant", () => {
    const message = { to: { user: "alice" }, type: "t" };
    const paths = (value: unknown): string[] => refusal(publishRequest, value).faults.map(({ path }) => path);
    expect(paths({ ...message, ttl: -1 })).toEqual(["ttl"]);
    expect(paths({ messages: [message, { ...message, ttl: -1, extra: 1 }] })).toEqual([
      "messages[1].ttl",
      "messages[1]",
    ]);
    expect(paths({ messages: [message], extra: 1 })).toEqual([""]);
    expect(paths({ ...message, to: { users: ["alice", "a b"] } })).toEqual(["to.users[1]"]);
    expect(paths({ ...message, to: {} })).toEqual(["to.user"]);
  });

  test("takes the code of the rule that was broken", () => {
    const deep = JSON.parse("[".repeat(40) + "]".repeat(40));
    expect(refusal(publishRequest, { to: { user: "alice" }, type: "t", data: deep }).code).toBe("too_deep");
    const other = z.string().superRefine((_, context) => {
      context.addIssue({ code: "custom", message: "is odd", params: { code: "unheard_of" } });
    });
    expect(refusal(other, "x").code).toBe("invalid_body");
  });

  test("repeats names of fields, and nothing that is none", () => {
    const messageOf = (value: object): string => refusal(z.strictObject({}), value).message;
    expect(messageOf({ priorty: 1, "x-y": 2 })).toBe("has unknown fields: priorty, x-y");
    expect(messageOf({ "a secret value": 1 })).toBe("has unknown fields");
    expect(messageOf({ ["k".repeat(33)]: 1 })).toBe("has unknown fields");
  });
});
