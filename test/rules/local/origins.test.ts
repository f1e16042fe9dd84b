import { expect, test } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";
import { localOrigins } from "../../../src/local/origins.ts";

const { ALLOWED_ORIGINS: shipped } = readConfig({ config: "wrangler.toml" }, { hideWarnings: true }).vars;

test("a local hub lets in the pages of every origin, as the project comes", () => {
  expect(localOrigins(shipped, undefined)).toBe("*");
});

test("what a developer has chosen stays as it is, be it none", () => {
  expect(localOrigins(shipped, "http://localhost:5173")).toBeUndefined();
  expect(localOrigins(shipped, "")).toBeUndefined();
  expect(localOrigins(`${shipped} http://localhost:5173`, undefined)).toBeUndefined();
  expect(localOrigins("", undefined)).toBeUndefined();
  expect(localOrigins(undefined, undefined)).toBeUndefined();
});
