import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  demoLink,
  guide,
  olderKeyAdvice,
  pushCommand,
  shellExports,
  shellWord,
} from "../../../src/local/guide.ts";

const hub = { url: "http://localhost:8787", apiKey: "hub_abc_def" };

function sh(script: string): string {
  return execFileSync("sh", ["-c", script], { encoding: "utf8" });
}

test("what dev:env prints gives the variables to a shell, whatever they hold", () => {
  const nasty = `it's "$HOME" \`id\` \\ $(id) ; & | * ~ #`;
  const script = shellExports({ HUBBUB_URL: hub.url, HUBBUB_API_KEY: nasty });
  expect(sh(`${script}sh -c 'printf "%s|%s" "$HUBBUB_URL" "$HUBBUB_API_KEY"'`)).toBe(`${hub.url}|${nasty}`);
});

test("a quoted word is one word to a shell, with nothing in it understood", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("'", '"', "$", "\\", "`", " ", "\n", "a", "!") }),
      (text) => {
        expect(sh(`printf '%s.' ${shellWord(text)}`)).toBe(`${text}.`);
      },
    ),
    { numRuns: 20 },
  );
});

test("the push command is a whole curl line with the real key", () => {
  const args = sh(`curl() { for arg in "$@"; do printf '%s\\n' "$arg"; done; }\n${pushCommand(hub)}`)
    .trim()
    .split("\n");
  expect(args.slice(0, 5)).toEqual([
    "http://localhost:8787/v1/messages",
    "-H",
    "Authorization: Bearer hub_abc_def",
    "-H",
    "Content-Type: application/json",
  ]);
  expect(JSON.parse(args[6] ?? "")).toMatchObject({ to: { user: "alice" }, type: "notification" });
});

test("the guide says what to open, how to push, listen and stop", () => {
  const text = guide(hub, "eyJ.eyJ.sig", []);
  const parts = [
    hub.url,
    demoLink(hub, "alice", "eyJ.eyJ.sig"),
    pushCommand(hub),
    "/console",
    "ALLOWED_ORIGINS",
    "npm run listen -- alice",
    "npm run demo",
    "Ctrl-C",
  ];
  for (const part of parts) expect(text).toContain(part);
});

test("the guide says what to do about a key of an earlier version, and only about that", () => {
  const text = guide(hub, "eyJ.eyJ.sig", ["broadcast", "topics"]);
  expect(text).toContain("lacks the scopes broadcast, topics");
  expect(text).toContain("remove the line API_KEYS from .dev.vars");
  expect(olderKeyAdvice(["topics"])).toContain("lacks the scope topics");
  expect(guide(hub, "eyJ.eyJ.sig", [])).not.toContain(".dev.vars");
});

test("the link to the demo page carries user and token where no server sees them", () => {
  const { pathname, search, hash } = new URL(demoLink(hub, "alice", "eyJ.eyJ.sig"));
  expect({ pathname, search }).toEqual({ pathname: "/demo", search: "" });
  expect(Object.fromEntries(new URLSearchParams(hash.slice(1)))).toEqual({
    user: "alice",
    token: "eyJ.eyJ.sig",
  });
});
