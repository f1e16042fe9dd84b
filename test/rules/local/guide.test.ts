import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { guide, pushCommand, shellExports, shellWord } from "../../../src/local/guide.ts";

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

test("the guide says how to listen, how to push and how to stop", () => {
  const text = guide(hub);
  for (const part of [hub.url, "npm run listen -- alice", pushCommand(hub), "npm run demo", "Ctrl-C"]) {
    expect(text).toContain(part);
  }
});
