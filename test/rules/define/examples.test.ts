/** The examples of the file to edit, of the functions that it calls, and of the page on both, run as they stand. */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { defineHandler } from "../../../src/define/define-handler.ts";
import { defineMessage } from "../../../src/define/define-message.ts";
import { nameOf } from "../../../src/define/name-of.ts";
import { publishedMessage } from "../../../src/protocol/message.ts";

const inScope = { z, defineHandler, defineMessage, nameOf };

/** What an example defines: one in the comments of a source file, or on a page. */
async function exampleOf(file: string, name: string) {
  const text = await readFile(file, "utf8");
  const examples = [...text.matchAll(/^( \* )?```ts\n(.*?)^( \* )?```$/gms)]
    .map(([, , lines = ""]) => lines.replaceAll(/^ \* ?/gm, ""))
    .filter((lines) => lines.includes(` ${name} = `));
  expect(examples).toHaveLength(1);
  const script = stripTypeScriptTypes(examples.join("").replaceAll(/^(import|export) .*;$/gm, ""));
  return new Function(...Object.keys(inScope), `${script}; return ${name};`)(...Object.values(inScope));
}

function published(type: string, data: unknown) {
  return publishedMessage.parse({ to: { user: "alice" }, type, data });
}

/** Runs a handler for alice, and gives its answer and what it published. */
async function run(handler: ReturnType<typeof defineHandler>, data: unknown) {
  const publish = vi.fn(async (message: object) => {
    expect(publishedMessage.safeParse(message).error).toBeUndefined();
    return { id: "message-1" };
  });
  const taken = handler.take(data);
  if (!("ok" in taken)) throw new Error(JSON.stringify(taken.faults));
  const context = { user: "alice", publish, env: {}, signal: new AbortController().signal };
  const answer = await Reflect.apply(taken.ok, undefined, [context]);
  return { answer, published: publish.mock.calls.map(([message]) => message) };
}

test.each(["src/messages.ts", "src/define/define-message.ts", "docs/message-types.md"])(
  "%s shows a type of message",
  async (file) => {
    const orderShipped = await exampleOf(file, "orderShipped");
    expect(orderShipped.defaultsFor(published("order.shipped", { order: 7, parcels: 1 }))).toMatchObject({
      ok: { priority: "high", collapseKey: "order:7", category: "orders" },
    });
    expect(orderShipped.defaultsFor(published("order.shipped", { order: "7", parcels: 1 }))).toMatchObject({
      faults: [{ path: "data.order" }],
    });
  },
);

test.each(["src/messages.ts", "docs/message-types.md"])("%s shows a handler", async (file) => {
  const confirmDelivery = await exampleOf(file, "confirmDelivery");
  expect(await run(confirmDelivery, { order: 7 })).toMatchObject({
    answer: { confirmed: 7 },
    published: [{ to: { user: "alice" }, type: "notification", data: { title: "Order 7 has arrived" } }],
  });
});

test("src/define/define-handler.ts shows a handler", async () => {
  const snooze = await exampleOf("src/define/define-handler.ts", "snooze");
  const { answer, published } = await run(snooze, { reminder: "tea", minutes: 5 });
  expect(published).toMatchObject([{ type: "reminder", data: { reminder: "tea" }, deliverAt: answer.due }]);
});

test("docs/message-types.md shows a key made of any text", async () => {
  const buildFinished = await exampleOf("docs/message-types.md", "buildFinished");
  expect(buildFinished.defaultsFor(published("build.finished", { repository: "acme/shop" }))).toMatchObject({
    ok: { collapseKey: "build:acme~2f~shop" },
  });
});
