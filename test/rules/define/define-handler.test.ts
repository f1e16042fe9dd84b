import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineHandler, defineHandlers } from "../../../src/define/define-handler.ts";
import { DefinitionError } from "../../../src/define/registry.ts";

const echo = defineHandler("echo", {
  data: z.object({ text: z.string().default("nothing") }),
  scope: "talk",
  handle: ({ text }) => ({ text }),
});

describe("a handler", () => {
  test.each<[string, () => unknown, string]>([
    [
      "whose name is none",
      () => defineHandler("no name", { data: z.any(), scope: "s", handle: () => {} }),
      'defineHandler("no name"): name must be 1 to 128',
    ],
    [
      "without a scope",
      () => defineHandler("h", { data: z.any(), scope: "", handle: () => {} }),
      "scope must be 1 to 128",
    ],
    ["twice", () => defineHandlers(echo, echo), "echo is defined twice"],
  ])("%s is refused", (_, define, words) => {
    expect(define).toThrow(DefinitionError);
    expect(define).toThrow(words);
  });

  test("takes its data as its schema reads it, and nothing else", async () => {
    const taken = echo.take({});
    if (!("ok" in taken)) throw new Error("not taken");
    const context = { user: "alice", publish: vi.fn(), env: process.env, signal: AbortSignal.abort() };
    expect(await Reflect.apply(taken.ok, undefined, [context])).toEqual({ text: "nothing" });
    expect(echo.take({ text: 7 })).toEqual({
      faults: [{ path: "data.text", message: expect.stringContaining("expected string") }],
    });
  });
});
