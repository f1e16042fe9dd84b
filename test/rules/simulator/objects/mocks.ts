/**
 * What stands in the place of the platform and of what can't be simulated, for every module that is imported
 * after this one: so this one comes first. Limits are small, so that a short run meets them, and of some
 * modules each rule can be replaced by one with a bug.
 */
import { vi } from "vitest";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  },
}));

vi.mock("../../../../src/limits.ts", async (original) => {
  const limits = await original<typeof import("../../../../src/limits.ts")>();
  return {
    ...limits,
    fanoutLimits: { ...limits.fanoutLimits, pageUsers: 2, maxDelaySeconds: 300 },
    everyoneLimits: { ...limits.everyoneLimits, maxPageEntries: 2 },
    inboxLimits: { ...limits.inboxLimits, maxStored: 30, maxScheduled: 3, scheduledAtOnce: 2 },
    socketLimits: { ...limits.socketLimits, windowMessages: 6, frameMessages: 3, maxExpress: 2 },
  };
});

vi.mock("../../../../src/observe/log.ts", async (original) => ({
  ...(await original<object>()),
  log: () => {},
}));
vi.mock("../../../../src/observe/count.ts", () => ({ count: () => {} }));

/** Signatures take real time; nobody here forges tokens. */
vi.mock("../../../../src/auth/connect-token.ts", async (original) => {
  const { readToken } = await import("../token.ts");
  const { allGranted } = await import("./token-facts.ts");
  return {
    ...(await original<object>()),
    verifyConnectToken: async (text: string) => {
      const { user, issued, expires } = readToken(text);
      return { ok: { user, device: undefined, issued, expires, id: text, grants: allGranted } };
    },
  };
});

async function plantable(original: () => Promise<object>): Promise<object> {
  const { planted } = await import("./plants.ts");
  return planted(await original());
}
vi.mock("../../../../src/hub/catch-up.ts", plantable);
vi.mock("../../../../src/hub/commit.ts", plantable);
vi.mock("../../../../src/hub/scheduled.ts", plantable);
vi.mock("../../../../src/lanes/consume.ts", plantable);
