import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFrame } from "../../../src/client/parse-frame.ts";
import { expressText, frameText, liveText, pumpWriter } from "../../../src/hub/wire.ts";
import { topic } from "../../../src/protocol/ids.ts";
import { message, row, rows } from "./support.ts";

describe("a frame as text", () => {
  const { seq, id, type, priority, at, expires } = row(7);
  const sent = { seq, id, type, priority, at, expires, data: "12345678" };

  it("carries messages with their data as JSON, and nothing of how they are stored", () => {
    const write = pumpWriter(() => 3);
    expect(JSON.parse(write({ type: "rows", rows: [row(7)] }))).toEqual({
      type: "messages",
      unread: 3,
      messages: [sent],
    });
    expect(JSON.parse(expressText(row(7)))).toEqual({ type: "express", message: sent });
  });

  it("says what only some messages have: the topic, what they replace, that they are silent", () => {
    const marks = { topic: topic.parse("news"), replaces: id, attention: "held" as const };
    const said = { topic: "news", replaces: id, silent: true };
    expect(JSON.parse(expressText(row(7, marks)))).toEqual({
      type: "express",
      message: { ...sent, ...said },
    });
    expect(JSON.parse(expressText(row(7, { attention: "silent" }))).message.silent).toBe(true);
    expect(JSON.parse(liveText(message("high", { topic: topic.parse("news") }))).message.topic).toBe("news");
  });

  it("carries a live message without a number and without an end", () => {
    const live = message("high");
    expect(JSON.parse(liveText(live))).toEqual({
      type: "live",
      message: { id: live.id, type, priority: "high", at: live.at, data: "12345678" },
    });
  });

  it("carries gaps and everything else as it is", () => {
    const gap = { type: "gap", from: 1, to: 2, reason: "expired" } as const;
    expect(pumpWriter(() => 0)(gap)).toBe(JSON.stringify(gap));
    expect(frameText({ type: "ok", ref: "r" })).toBe('{"type":"ok","ref":"r"}');
  });

  it("is made once for connections at the same place", () => {
    const write = pumpWriter(() => 0);
    const first = write({ type: "rows", rows: rows(1, 3) });
    expect(write({ type: "rows", rows: rows(1, 3, { body: "other" }) })).toBe(first);
    expect(write({ type: "rows", rows: rows(2, 3) })).not.toBe(first);
    expect(write({ type: "rows", rows: rows(1, 2) })).not.toBe(first);
  });

  it("has what is unread counted only where messages go out, and once for all at the same place", () => {
    let counted = 0;
    const write = pumpWriter(() => {
      counted += 1;
      return counted;
    });
    write({ type: "gap", from: 1, to: 2, reason: "expired" });
    expect(counted).toBe(0);
    write({ type: "rows", rows: rows(3, 4) });
    write({ type: "rows", rows: rows(3, 4) });
    expect(counted).toBe(1);
  });

  it("brings any data to the client unchanged", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        const body = JSON.stringify(data);
        const frame = parseFrame(expressText(row(1, { body })));
        expect(frame).toMatchObject({ type: "express", message: { seq: 1 } });
        expect(frame?.type === "express" && JSON.stringify(frame.message.data)).toBe(body);
      }),
    );
  });
});
