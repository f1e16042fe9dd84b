import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFrame } from "../../../src/client/parse-frame.ts";
import type { ServerFrame } from "../../../src/protocol/frames.ts";
import { gap, liveMessage, streamMessage, welcome } from "../../support/client-driver.ts";

const frames: readonly ServerFrame[] = [
  welcome(),
  welcome({ resumed: false, reason: "storage" }),
  { type: "messages", messages: [streamMessage(1), streamMessage(2)], unread: 2 },
  { type: "messages", messages: [], unread: 0 },
  { type: "express", message: streamMessage(9) },
  gap(1, 5),
  { type: "live", message: liveMessage("live-one") },
  { type: "state", unread: 1, readUpTo: 4, rev: 2 },
  { type: "state", unread: 1, readUpTo: 4, rev: 3, ids: [streamMessage(5).id] },
  { type: "error", ref: "r1", code: "bad_ack", message: "beyond the head" },
  { type: "error", code: "internal", message: "sorry" },
  { type: "reauth", expires: 1 },
  { type: "bye", code: 4200, reason: "deploy", retryAfter: 1_000 },
  { type: "bye", code: 4201, reason: "token expired" },
];

describe("a frame of the hub", () => {
  test.each(frames.map((frame) => [frame.type, frame] as const))("%s is taken as it is", (_, frame) => {
    expect(parseFrame(JSON.stringify(frame))).toEqual(frame);
  });

  test("is taken with a reason or a priority that is not known here", () => {
    const lost = '{"type":"gap","from":1,"to":5,"reason":"lost"}';
    expect(parseFrame(lost)).toEqual(JSON.parse(lost));
    const urgent = JSON.stringify({
      type: "messages",
      messages: [{ ...streamMessage(1), priority: "urgent" }],
      unread: 1,
    });
    expect(parseFrame(urgent)).toEqual(JSON.parse(urgent));
  });

  test("is taken with fields that are not known here", () => {
    expect(parseFrame(JSON.stringify({ ...gap(1, 5), more: true }))).toMatchObject(gap(1, 5));
  });

  test.each([
    ["pong", "pong"],
    ["nothing", ""],
    ["half a frame", '{"type":"gap","from":'],
    ["no object", '"welcome"'],
    ["null", "null"],
    ["a list", "[]"],
    ["a kind that is not known", '{"type":"presence"}'],
    ["an answer, since this client asks nothing", '{"type":"ok","ref":"r1"}'],
    ["a state whose ids are none", '{"type":"state","unread":1,"readUpTo":4,"rev":3,"ids":[5]}'],
    [
      "a saved message without its number",
      JSON.stringify({ type: "express", message: liveMessage("live-one") }),
    ],
    ["a kind that is no text", '{"type":["gap"],"from":1,"to":5,"reason":"expired"}'],
    ["a number that is none", '{"type":"gap","from":"1","to":5,"reason":"expired"}'],
    ["a number below zero", '{"type":"gap","from":-1,"to":5,"reason":"expired"}'],
    ["a reason that is no text", '{"type":"gap","from":1,"to":5,"reason":7}'],
    ["messages that are no list", '{"type":"messages","messages":{}}'],
    ["a message that is none", '{"type":"messages","messages":[1]}'],
    ["a live message that is none", '{"type":"live","message":null}'],
    ["a wait that is none", '{"type":"bye","code":4200,"reason":"","retryAfter":"soon"}'],
  ])("is none: %s", (_, text) => {
    expect(parseFrame(text)).toBeUndefined();
  });

  test("of a hub that has no more of the read state yet is taken without it", () => {
    const { readUpTo: _, rev: __, ...before } = welcome();
    expect(parseFrame(JSON.stringify(before))).toEqual(before);
    const frame = { type: "messages", messages: [streamMessage(1)] };
    expect(parseFrame(JSON.stringify(frame))).toEqual(frame);
  });

  test("lacking any field that the client needs is none", () => {
    const optional = new Set([
      "reason",
      "ref",
      "retryAfter",
      "connection",
      "device",
      "floor",
      "window",
      "expires",
      "ids",
    ]);
    // A hub of before has no more of the read state than the welcome's `unread`.
    const later: Record<string, readonly string[]> = { welcome: ["readUpTo", "rev"], messages: ["unread"] };
    for (const frame of frames) {
      const mayLack = new Set([...optional, ...(later[frame.type] ?? [])]);
      for (const name of Object.keys(frame).filter((field) => !mayLack.has(field))) {
        const rest = Object.fromEntries(Object.entries(frame).filter(([field]) => field !== name));
        expect(parseFrame(JSON.stringify(rest)), `${frame.type} without ${name}`).toBeUndefined();
      }
    }
  });

  test("never throws, whatever arrives", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseFrame(text)));
  });
});
