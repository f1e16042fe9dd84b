import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { testBindings } from "./test/support/credentials.ts";

export default defineConfig({
  test: {
    silent: "passed-only",
    coverage: {
      provider: "istanbul",
      include: ["src/**/*.ts"],
      // What touches the DOM runs in Chromium only (test/browser), where nobody counts lines.
      exclude: [
        "src/pages/*/{main,tab}.ts",
        "src/pages/*/view/**",
        "src/pages/common/dom.ts",
        "src/pages/build.ts",
      ],
      reporter: ["text", "html"],
      thresholds: { lines: 95, branches: 95 },
    },
    projects: [
      {
        test: {
          name: "rules",
          sequence: { groupOrder: 0 },
          include: ["test/rules/**/*.test.ts"],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: testBindings },
          }),
        ],
        test: {
          name: "workers",
          sequence: { groupOrder: 1 },
          include: ["test/object/**/*.test.ts", "test/conformance/**/*.test.ts"],
        },
      },
      {
        test: {
          name: "process",
          // One by one: they start processes of their own, which want the machine for themselves.
          sequence: { groupOrder: 2 },
          include: ["test/process/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "browser",
          sequence: { groupOrder: 3 },
          include: ["test/browser/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
