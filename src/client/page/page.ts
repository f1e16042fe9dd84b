/**
 * A device that is a page in a browser: it shares its connection with the other tabs where the browser
 * lets it, and looks after it when somebody looks at the page. Loaded only there.
 */
import { Account } from "../account.ts";
import { connectApart, identify } from "../alone.ts";
import { backoffBoundMs } from "../backoff.ts";
import { claimsOf } from "../claims.ts";
import type { Connected, Tell, Wanted } from "../connected.ts";
import * as clientLimits from "../limits.ts";
import { tellOwn } from "../own-messages.ts";
import { socketConnector } from "../socket.ts";
import type { Kept } from "../storage.ts";
import type { NoToken, Tokens } from "../tokens.ts";
import { type Attended, onAttention } from "./attention.ts";
import { onCache } from "./cache.ts";
import type { Locks } from "./election.ts";
import { type Channel, SharedConnector } from "./share.ts";
import { forward, SharedProgress } from "./shared-progress.ts";

/** What of a page is used. The parts for sharing are absent in old browsers, and in pages not served over https. */
export interface Page extends Attended {
  readonly navigator?: { readonly locks?: Locks };
  readonly BroadcastChannel?: new (name: string) => Channel;
}

export async function connectPage(wanted: Wanted, tell: Tell, page: Page): Promise<Connected> {
  const shared = wanted.tabs ? await share(wanted, tell, page) : undefined;
  const connected =
    shared?.connected ?? (await connectApart({ ...wanted, storage: forward(wanted.storage) }));
  const unwatch = onAttention(page, () => {
    shared?.hurry();
    tell({ type: "hurry" });
  });
  return {
    ...connected,
    leave: (why) => {
      unwatch();
      connected.leave(why);
    },
  };
}

/** `undefined` where the browser lacks what that takes, or denies it to this page, and where the app has no token yet. */
async function share(wanted: Wanted, tell: Tell, page: Page) {
  const { navigator, BroadcastChannel: Channel } = page;
  const locks = navigator?.locks;
  if (locks === undefined || Channel === undefined) return undefined;
  const { url, storage } = wanted;
  const { tokens } = wanted.account(Account);
  try {
    // Not by the device alone: what is one user's must never reach a tab of another, whatever the app names its devices.
    const token = await firstToken(tokens);
    const user = typeof token === "string" ? claimsOf(token)?.sub : undefined;
    if (user === undefined) return undefined;
    const kept = await inTurn(locks, () => identify(wanted));
    const { device } = kept;
    const direct = socketConnector(url, device, tokens);
    const progress = new SharedProgress(storage);
    const surroundings = { locks, Channel, progress };
    const connector = new SharedConnector(`hubbub ${url.href} ${user} ${device}`, direct, surroundings, tell);
    await connector.enter();
    const reopen = () => tell({ type: "reopen", patient: true });
    const unwatch = onCache(page, {
      gone: () => connector.leave(),
      back: () => connector.enter().then(reopen, reopen),
    });
    const connected: Connected = {
      connector,
      saved: kept,
      save: (saved) => progress.save({ ...saved, device }),
      tellOwn: (message, callbacks) => tellOwn(message, callbacks, device),
      leading: () => connector.leading,
      leave: (why) => {
        unwatch();
        connector.leave(why);
      },
    };
    return { connected, hurry: () => connector.hurry() };
  } catch {
    return undefined;
  }
}

/** Tried for a moment: who gets none is apart from the other tabs for good. */
async function firstToken(tokens: Tokens): Promise<string | NoToken> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await tokens.fresh(performance.now());
    } catch (error) {
      if (failures === clientLimits.tries) throw error;
      await new Promise((over) => setTimeout(over, backoffBoundMs(failures)));
    }
  }
}

/** Tabs that start at the same time must come to the same answer, so they take turns. */
function inTurn(locks: Locks, identify: () => Promise<Kept>): Promise<Kept> {
  return new Promise((found, failed) => {
    locks.request("hubbub", {}, () => identify().then(found, failed)).catch(failed);
  });
}
