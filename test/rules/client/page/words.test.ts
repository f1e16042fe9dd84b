/** What tabs say to each other is not trusted: they may run other versions of the app. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isWord, type Word } from "../../../../src/client/page/words.ts";
import { messages, welcome } from "../../../support/client-driver.ts";
import { ids, world } from "../../../support/tab-app.ts";

const words: readonly Word[] = [
  { kind: "join", tab: "a" },
  { kind: "join", tab: "a", resume: { epoch: "epoch-1", seq: 3 } },
  { kind: "ack", tab: "a", seq: 3 },
  { kind: "ping", tab: "a" },
  { kind: "leave", tab: "a" },
  { kind: "hurry" },
  { kind: "lead" },
  { kind: "frame", to: "a", frame: welcome() },
  { kind: "frame", frame: messages(1) },
  { kind: "heard", to: "a" },
  { kind: "closed", code: 4200, reason: "" },
  { kind: "refused", code: 4003, reason: "" },
];

describe("a word", () => {
  test.each(words)("is known: $kind", (word) => {
    expect(isWord(structuredClone(word))).toBe(true);
  });

  test.each(words)("of a newer version with more in it is known: $kind", (word) => {
    expect(isWord({ ...word, version: 9 })).toBe(true);
  });

  test.each([
    { kind: "election", tab: "a" },
    { kind: "join", tab: 7 },
    { kind: "join", tab: "a", resume: { epoch: "epoch-1" } },
    { kind: "join", tab: "a", resume: { epoch: "epoch-1", seq: -1 } },
    { kind: "ack", tab: "a", seq: "3" },
    { kind: "ack", tab: "a", seq: Number.NaN },
    { kind: "frame", frame: { type: "topic" } },
    { kind: "frame", to: 7, frame: messages(1) },
    { kind: "frame" },
    { kind: "closed", code: 1_000 },
    { kind: "constructor" },
    {},
  ])("of another version is none: %j", (value) => {
    expect(isWord(value)).toBe(false);
  });

  test("is no value of any other kind, and none makes it throw", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => isWord(value) === false),
      { numRuns: 2_000 },
    );
    for (const value of [undefined, null, 7, "join", [], () => {}, new Map()])
      expect(isWord(value)).toBe(false);
  });
});

test("tabs that say what nobody understands disturb nobody", async () => {
  const tabs = world();
  await tabs.open();
  await tabs.open();
  await tabs.pass(200);
  const [channel] = tabs.browser.channels;
  const foreign = tabs.browser.open().run(() => new BroadcastChannel(channel?.name ?? ""));
  for (const word of [
    null,
    "join",
    { kind: "join" },
    { kind: "dance", tab: "x" },
    { kind: "frame", frame: {} },
  ]) {
    foreign.postMessage(word);
  }
  tabs.hub.publish();
  await tabs.pass(200);
  for (const { seen } of tabs.apps) expect(seen).toEqual(ids(1, 1));
  expect(tabs.hub.tried).toHaveLength(1);
});
