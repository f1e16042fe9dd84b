/** Marking as read from any tab: over HTTP, with the connection of whoever leads as the sign that the hub is back. */
import { describe, expect, test, vi } from "vitest";
import { readableToken } from "../../../support/connect-token.ts";
import { type App, world } from "../../../support/tab-app.ts";

/** A token whose claims can be read, since a request goes to the user's inbox. */
const token = (tab: string) => {
  const text = readableToken({ sub: "alice", exp: 4_000_000_000 }, `${tab}-head`);
  return async () => text;
};

async function two() {
  const tabs = world();
  const first = await tabs.open({ token: token("tab-1") });
  const second = await tabs.open({ token: token("tab-2") });
  await tabs.pass(200);
  const answers: (() => Promise<Response>)[] = [];
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: URL, { body }: { readonly body: string }) => {
    asked.push(`${url.pathname} ${body}`);
    return (answers.shift() ?? (async () => Response.json({ unread: 0, readUpTo: 5, rev: 1 })))();
  });
  return { tabs, first, second, answers, asked };
}

/** What came of it so far. */
function marking({ tab, client }: App) {
  const outcome: { is: string } = { is: "pending" };
  tab
    .run(() => client.read({ upTo: 5 }))
    .then(
      () => (outcome.is = "done"),
      (why: Error) => (outcome.is = why.message),
    );
  return outcome;
}

const noAnswer = () => Promise.reject(new TypeError("fetch failed"));

describe("a follower marks as read", () => {
  test("and every tab hears of it", async () => {
    const { tabs, second, asked } = await two();
    const outcome = marking(second);
    await tabs.pass(10);
    tabs.hub.say({ type: "state", unread: 0, readUpTo: 5, rev: 1 });
    await vi.dynamicImportSettled();
    await tabs.pass(100);
    expect(outcome.is).toBe("done");
    expect(asked).toEqual(['/v1/users/alice/read {"upTo":5}']);
    for (const { unread } of tabs.apps) expect(unread).toEqual([0]);
  });

  test("and is told when the hub refuses", async () => {
    const { tabs, second, answers } = await two();
    answers.push(async () => new Response("no", { status: 403 }));
    const outcome = marking(second);
    await vi.dynamicImportSettled();
    await tabs.pass(100);
    expect(outcome.is).toContain("403");
  });

  test("and it is kept over a change of the leader", async () => {
    const { tabs, first, second, answers, asked } = await two();
    tabs.hub.refuse = 1006;
    first.crash();
    await tabs.pass(100);
    answers.push(noAnswer);
    const outcome = marking(second);
    await vi.dynamicImportSettled();
    await tabs.pass(5_000);
    expect(outcome.is).toBe("pending");
    tabs.hub.refuse = undefined;
    await tabs.pass(60_000);
    expect(second.client.leading).toBe(true);
    expect(outcome.is).toBe("done");
    expect(asked).toHaveLength(2);
  });

  test("and it fails when all tabs are refused meanwhile", async () => {
    const { tabs, second, answers } = await two();
    tabs.hub.refuse = 4003;
    tabs.hub.end(1006);
    await tabs.pass(20);
    answers.push(noAnswer);
    const outcome = marking(second);
    await vi.dynamicImportSettled();
    await tabs.pass(60_000);
    expect(outcome.is).toBe("refused");
  });
});
