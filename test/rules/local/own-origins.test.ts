import { expect, test } from "vitest";
import { withOwnOrigins } from "../../../src/local/own-origins.ts";

const own = ["http://localhost:9000", "http://127.0.0.1:9000"];

test("a local hub on another port allows the pages of its own port, beside the configured ones", () => {
  expect(withOwnOrigins(new Set(["http://localhost:5173"]), 9_000)).toBe(
    `http://localhost:5173 ${own.join(" ")}`,
  );
  expect(withOwnOrigins(new Set(own.slice(0, 1)), 9_000)).toBe(own.join(" "));
  expect(withOwnOrigins(new Set(), 9_000)).toBe(own.join(" "));
});

test("what is configured stays as it is where it allows them already", () => {
  expect(withOwnOrigins(new Set(own), 9_000)).toBeUndefined();
  expect(withOwnOrigins(new Set(["*"]), 9_000)).toBeUndefined();
});
