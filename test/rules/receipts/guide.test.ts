/** The example of docs/receipts.md, as a receiver would run it. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { expect, test } from "vitest";
import { receiptStates } from "../../../src/receipts/event.ts";
import { signature } from "../../../src/receipts/webhook.ts";

const guide = await readFile("docs/receipts.md", "utf8");

test("what the guide verifies is what the hub signs, and nothing else", () => {
  const [, code = ""] = /^```ts\n(.*?)^```$/ms.exec(guide) ?? [];
  const script = stripTypeScriptTypes(code.replace(/^import .*$/gm, ""));
  const eventsOf: (headers: Headers, body: string, secret: string) => unknown = new Function(
    "createHmac",
    "timingSafeEqual",
    `${script}; return eventsOf;`,
  )(createHmac, timingSafeEqual);

  const [key, old, other] = ["4Y7xGgFiXFuoIaNv7YGQaUzy", "Olj5Y27MAA4STmzoXJRMY8O5", "x".repeat(24)].map(
    (bytes) => Buffer.from(bytes),
  );
  if (key === undefined || old === undefined || other === undefined) throw new Error("three keys are made");
  const secretOf = (bytes: Buffer) => `whsec_${bytes.toString("base64")}`;
  const body = JSON.stringify({ type: "receipts", events: [{ id: "a" }] });
  const headersAt = (timestamp: number) =>
    new Headers({
      "webhook-id": "msg_1",
      "webhook-timestamp": `${timestamp}`,
      "webhook-signature": signature([key, old], { id: "msg_1", timestamp, body }),
    });
  const now = Math.floor(Date.now() / 1_000);
  for (const known of [key, old]) {
    expect(eventsOf(headersAt(now), body, secretOf(known))).toEqual([{ id: "a" }]);
  }
  expect(eventsOf(headersAt(now), body, secretOf(other))).toBeUndefined();
  expect(eventsOf(headersAt(now), `${body} `, secretOf(key))).toBeUndefined();
  expect(eventsOf(headersAt(now - 301), body, secretOf(key))).toBeUndefined();
  expect(eventsOf(new Headers(), body, secretOf(key))).toBeUndefined();
});

test("the guide says what every state means", () => {
  const states = guide.slice(guide.indexOf("## States"), guide.indexOf("## Asking"));
  expect(receiptStates.filter((state) => !states.includes(`\`${state}\``))).toEqual([]);
});
