import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contentOf } from "../../../src/pages/demo/content.ts";
import { pushLine } from "../../../src/pages/demo/push-line.ts";
import { linkTo, sessionOf, tokenIn, userPattern } from "../../../src/pages/demo/session.ts";
import { namePattern } from "../../../src/protocol/ids.ts";
import { tokenFor, unsignedToken } from "../../support/credentials.ts";

describe("a session", () => {
  test("is what a token of the hub says", async () => {
    const token = await tokenFor("al.ice@example", { now: 1_000_000 });
    expect(sessionOf(token)).toEqual({ user: "al.ice@example", token, expires: 4_600_000 });
  });

  test.each([
    "",
    "hub_abc_def",
    "a.b.c",
    unsignedToken({}, null),
    unsignedToken({}, { sub: "alice" }),
    unsignedToken({}, { exp: 1 }),
    unsignedToken({}, { sub: 7, exp: 1 }),
    unsignedToken({}, { sub: "alice", exp: "soon" }),
    unsignedToken({}, { sub: `x'; rm -rf ~; '`, exp: 1 }),
  ])("is not in %j", (text) => {
    expect(sessionOf(text)).toBeUndefined();
  });

  test("is of users as the protocol names them", () => {
    expect(userPattern.source).toBe(namePattern.source);
  });

  test("travels in a link, and comes out of it again", async () => {
    const token = await tokenFor("al~ice");
    const session = sessionOf(token);
    expect(session && tokenIn(new URL(linkTo(session), "https://hub.example.com").hash)).toBe(token);
    expect(tokenIn("")).toBeUndefined();
    expect(tokenIn("#user=alice")).toBeUndefined();
  });
});

describe("what is shown of a message", () => {
  test.each([
    [
      { title: "Hi", text: "there" },
      { title: "Hi", text: "there" },
    ],
    [
      { subject: "Hi", body: "there" },
      { title: "Hi", text: "there" },
    ],
    [{ title: "Hi" }, { title: "Hi", text: "" }],
    [
      { title: "Hi", text: " " },
      { title: "Hi", text: "" },
    ],
    [{ text: "Hello, Alice!" }, { title: "Hello, Alice!", text: "" }],
    [
      { title: " ", message: "there" },
      { title: "there", text: "" },
    ],
    ["there", { title: "there", text: "" }],
    [{ body: "a".repeat(160) }, { title: "a".repeat(160), text: "" }],
    [{ body: "a".repeat(161) }, { title: `${"a".repeat(160)} …`, text: "a".repeat(161) }],
    ["", { title: "Order shipped", text: '""' }],
    [{ order: 7 }, { title: "Order shipped", text: '{"order":7}' }],
    [
      { title: "", text: 7 },
      { title: "Order shipped", text: '{"title":"","text":7}' },
    ],
    [["a".repeat(400)], { title: "Order shipped", text: `["${"a".repeat(298)} …` }],
    [7, { title: "Order shipped", text: "7" }],
    [null, { title: "Order shipped", text: "" }],
  ])("with data %j", (data, content) => {
    expect(contentOf({ type: "order.shipped", data })).toEqual(content);
  });

  test("is text whatever the data is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        const { title, text } = contentOf({ type: "t", data });
        expect([typeof title, typeof text, title.trim() === ""]).toEqual(["string", "string", false]);
      }),
    );
  });
});

test("the line that pushes is one command for a shell, with a message to the user", () => {
  const line = pushLine("http://localhost:8787", "alice");
  const script = `curl() { for arg in "$@"; do printf '%s\\n' "$arg"; done; }\nHUBBUB_API_KEY=key\n${line}`;
  const args = execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim().split("\n");
  expect(args.slice(0, 3)).toEqual(["http://localhost:8787/v1/messages", "-H", "Authorization: Bearer key"]);
  expect(JSON.parse(args[6] ?? "")).toMatchObject({
    to: { user: "alice" },
    data: { title: expect.any(String) },
  });
});
