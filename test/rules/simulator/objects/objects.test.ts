import "./mocks.ts";
import { expect, it } from "vitest";
import { standInForPlatform } from "./globals.ts";
import { simulateObjects } from "./simulation.ts";

standInForPlatform();
const from = Number(process.env["FROM"] ?? 1), n = Number(process.env["N"] ?? 5);
it("runs", { timeout: 600_000 }, async () => {
  const counts = new Map<string, number>();
  const t = performance.now();
  const failures: string[] = [];
  for (let seed = from; seed < from + n; seed += 1) {
    const o = await simulateObjects(seed);
    for (const [k, v] of o.counts) counts.set(k, (counts.get(k) ?? 0) + v);
    if (process.env["COUNTS"]) console.error(seed, performance.now() - t | 0);
    if (o.violation) { failures.push(`seed ${seed}: ${o.violation.message.slice(0,1500)}\n${process.env["TRACE"] ? o.trace : ""}`); }
  }
  console.log("ms/seed", (performance.now() - t) / n);
  if (process.env["COUNTS"]) console.log([...counts].sort().map(([k, v]) => `${k}: ${v}`).join("\n"));
  expect(failures.join("\n")).toBe("");
});
