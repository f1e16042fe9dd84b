import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readInbound } from "../../../src/hub/inbound.ts";
import { requestLimits, socketLimits } from "../../../src/limits.ts";

/** The code of the fault, or what else was read. */
function outcome(data: string | ArrayBuffer): string {
  const inbound = readInbound(data);
  if (inbound.kind === "fault") return inbound.fault.code;
  return inbound.kind === "close" ? `close ${inbound.name}` : inbound.frame.type;
}

describe("a frame from a client", () => {
  it("is read when it is one of ours, with fields that nobody knows left out", () => {
    const ack = { type: "ack", epoch: "e", seq: 3, ref: "r" };
    expect(readInbound(JSON.stringify({ ...ack, later: true }))).toEqual({ kind: "frame", frame: ack });
    expect(outcome('{"type":"read","upTo":3}')).toBe("read");
    expect(outcome('{"type":"read","ids":["message-1"]}')).toBe("read");
    expect(outcome('{"type":"auth","token":"t"}')).toBe("auth");
  });

  it("C16 keeps an acknowledgement of anything, so that the stream can answer it", () => {
    for (const seq of [-1, 1.5, "3", null])
      expect(outcome(JSON.stringify({ type: "ack", epoch: "e", seq }))).toBe("ack");
  });

  it("C1 is refused when it is not valid UTF-8", () => {
    expect(outcome('{"type":"ack","epoch":"\uFFFD","seq":1}')).toBe("invalid_utf8");
  });

  it("C2 ends the connection when it is binary", () => {
    expect(outcome(new ArrayBuffer(3))).toBe("close unsupported_data");
  });

  it("C3 is answered when it is no JSON, or no frame", () => {
    for (const text of ["", " ", "{", "ping ", "nul"]) expect(outcome(text)).toBe("bad_json");
    for (const text of ["[]", "1", '"x"', "null", "{}", '{"type":1}', `{"type":"ack","ref":${"1"}}`]) {
      expect(outcome(text)).toBe("bad_frame");
    }
  });

  it("C5 ends the connection when it is too long, counted in bytes and not in characters", () => {
    const { maxClientFrameBytes } = socketLimits;
    const frame = (fill: string) => `{"type":"auth","token":"t","fill":"${fill}"}`;
    const room = maxClientFrameBytes - frame("").length;
    expect(outcome(frame("x".repeat(room)))).toBe("auth");
    expect(outcome(frame("x".repeat(room + 1)))).toBe("close message_too_big");
    expect(outcome(frame("€".repeat(room / 3)))).toBe("auth");
    expect(outcome(frame("€".repeat(room / 3 + 1)))).toBe("close message_too_big");
  });

  it("tells a type that nobody knows, and gives its ref back", () => {
    expect(readInbound('{"type":"dance","ref":"r"}')).toMatchObject({
      kind: "fault",
      fault: { code: "unknown_type", ref: "r" },
    });
  });

  it("C25 tells that it names too many ids, before it looks at them", () => {
    // That many whole ids would not fit a frame.
    const ids = Array.from({ length: requestLimits.maxReadIds + 1 }, () => "m");
    expect(outcome(JSON.stringify({ type: "read", ids }))).toBe("too_many");
    expect(outcome(JSON.stringify({ type: "read", ids: ["m"] }))).toBe("bad_frame");
  });

  it("names the field that is wrong", () => {
    expect(readInbound('{"type":"read","upTo":-1,"ref":"r"}')).toMatchObject({
      fault: { code: "bad_frame", ref: "r", message: expect.stringContaining("upTo") },
    });
    expect(outcome('{"type":"ack","seq":1}')).toBe("bad_frame");
  });

  it("never throws, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
        expect(["frame", "fault", "close"]).toContain(readInbound(text).kind);
      }),
    );
  });
});
