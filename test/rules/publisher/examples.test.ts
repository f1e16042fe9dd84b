/** The examples of docs/publisher.md, one after the other as a reader would run them. */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { afterEach, expect, test, vi } from "vitest";
import * as publisher from "../../../src/publisher/index.ts";
import * as receipts from "../../../src/publisher/receipts.ts";
import { signature, webhookKey } from "../../../src/receipts/webhook.ts";
import { problem } from "./model-hub.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

const receipt = { id: "message-1", recipients: 1, state: "queued" };
const batches: string[] = [];
const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

/** Refuses a name with a blank, and the first of two batches with 401. */
async function fakeHub(url: string, { body, headers }: { body?: string; headers: Record<string, string> }) {
  if (url.endsWith("/users/alice")) return Response.json({ online: false });
  if (url.includes("/members?")) return Response.json({ members: [{ user: "alice", presence: false }] });
  if (url.endsWith("/members")) return Response.json({ done: 1, pending: [], failed: [] });
  if (url.endsWith("/presence")) {
    const presence = [
      { user: "alice", online: true, since: 1, asOf: 2 },
      { user: "bob", online: false },
    ];
    return Response.json({ presence });
  }
  if (url.endsWith("/retract")) return Response.json({ id: "word-0001", state: "queued" }, { status: 202 });
  if (url.endsWith("/tokens")) return Response.json({ token: "t", expires: 1 }, { status: 201 });
  const pushed: { to?: { user?: string }; messages?: unknown[] } = JSON.parse(body ?? "");
  if (pushed.to?.user === "not a name") {
    return problem(400, { code: "invalid_body", errors: [{ path: "to.user", message: "must be …" }] });
  }
  if (pushed.messages === undefined) return Response.json(receipt, { status: 202 });
  const key = headers["Idempotency-Key"] ?? "";
  batches.push(key);
  if (key !== "newsletter-46" && batches.filter((other) => other === key).length === 1) return problem(401);
  return Response.json({ messages: pushed.messages.map(() => receipt) }, { status: 202 });
}

test("every example of the guide works", async () => {
  const guide = await readFile("docs/publisher.md", "utf8");
  const examples = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  expect(examples.length).toBeGreaterThan(8);
  const imports = /^import \{ (.*) \} from "hubbub\/(?:publisher|receipts)";$/gm;
  const names = new Set(examples.flatMap((code) => [...code.matchAll(imports)].map(([, name = ""]) => name)));

  vi.stubGlobal("fetch", fakeHub);
  vi.stubEnv("HUBBUB_URL", "http://hub.test");
  vi.stubEnv("HUBBUB_API_KEY", "hub_a_b");
  vi.stubEnv("RECEIPT_SECRET", secret);
  const said: unknown[][] = [];
  const script = stripTypeScriptTypes(examples.join("\n").replaceAll(imports, ""));
  // As in a module, where `await` needs no function around it.
  const run = new Function(
    "publisher",
    "console",
    `const { ${[...names].join()} } = publisher; return (async () => {${script}; return receive })()`,
  );
  const receive = await run(
    { ...publisher, ...receipts },
    { log: (...words: unknown[]) => said.push(words) },
  );

  expect(said).toEqual([
    ["message-1", 1, "queued"],
    ["alice"],
    ["alice", true],
    ["bob", false],
    ["invalid_body", [{ path: "to.user", message: "must be …" }]],
    [3],
    ["to be put right:", expect.any(Array), "401 code_401: no"],
    [1, new Date(1)],
  ]);
  expect(batches).toEqual(["newsletter-46", "newsletter-47", "newsletter-47", "newsletter-48"]);

  const body = JSON.stringify({
    type: "receipts",
    events: [{ id: "event-1", message: "message-1", user: "alice", state: "read", at: 1 }],
  });
  const id = "msg_1";
  const timestamp = Math.floor(Date.now() / 1_000);
  const signed = signature([webhookKey.parse(secret)], { id, timestamp, body });
  const call = (text: string) =>
    new Request("http://app.test", {
      method: "POST",
      headers: { "webhook-id": id, "webhook-timestamp": `${timestamp}`, "webhook-signature": signed },
      body: text,
    });
  expect(await receive(call(body))).toMatchObject({ status: 204 });
  expect(said.at(-1)).toEqual(["message-1", "alice", "read"]);
  expect(await receive(call(`${body} `))).toMatchObject({ status: 400 });
});
