/** Bugs, planted one at a time in the place of a rule. */
import type { takePage } from "../../../../src/hub/catch-up.ts";
import type { commit } from "../../../../src/hub/commit.ts";
import type { isAhead } from "../../../../src/hub/scheduled.ts";
import type { consume } from "../../../../src/lanes/consume.ts";

/** The rules that can be replaced. */
export interface Plants {
  readonly takePage: typeof takePage;
  readonly commit: typeof commit;
  readonly isAhead: typeof isAhead;
  readonly consume: typeof consume;
}

const plants = new Map<string, unknown>();

/** Puts rules in the place of the real ones of the same name, until {@link uproot}. */
export function plant(rules: Partial<Plants>): void {
  for (const [name, rule] of Object.entries(rules)) plants.set(name, rule);
}

export function uproot(): void {
  plants.clear();
}

/** The module with functions that ask for a plant of their name first; its classes stay as they are. */
export function planted(module: object): object {
  return Object.fromEntries(
    Object.entries(module).map(([name, real]) => {
      if (typeof real !== "function" || /^[A-Z]/.test(name)) return [name, real];
      const asked = (...args: unknown[]) => {
        const rule = plants.get(name) ?? real;
        return Reflect.apply(rule, undefined, args);
      };
      return [name, asked];
    }),
  );
}
