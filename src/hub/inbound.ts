/** What a client said, read from the raw frame: a frame of ours, a fault to answer, or a reason to close. Pure. */
import { socketLimits } from "../limits.ts";
import { anyFrame, type ClientFrame, clientFrame } from "../protocol/client-frames.ts";
import type { CloseName } from "../protocol/close-codes.ts";
import type { FrameError } from "../protocol/frames.ts";
import { utf8Length } from "../protocol/json.ts";

export interface FrameFault {
  readonly code: FrameError;
  readonly message: string;
  readonly ref: string | undefined;
}

export type Inbound =
  | { readonly kind: "frame"; readonly frame: ClientFrame }
  | { readonly kind: "fault"; readonly fault: FrameFault }
  | { readonly kind: "close"; readonly name: CloseName };

/** The runtime replaces what is not UTF-8 by this; as part of a name it could stand for anything. */
const replacementCharacter = "\uFFFD";

export function readInbound(data: string | ArrayBuffer): Inbound {
  if (typeof data !== "string") return { kind: "close", name: "unsupported_data" };
  // A UTF-16 unit makes 3 bytes at most, so short texts need no encoding.
  const { maxClientFrameBytes } = socketLimits;
  if (data.length * 3 > maxClientFrameBytes && utf8Length(data) > maxClientFrameBytes) {
    return { kind: "close", name: "message_too_big" };
  }
  if (data.includes(replacementCharacter)) return fault("invalid_utf8", "the frame is not valid UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return fault("bad_json", "the frame is not JSON");
  }
  const any = anyFrame.safeParse(value);
  if (!any.success)
    return fault("bad_frame", "a frame is an object with a type, and ref is a text of at most 64");
  const parsed = clientFrame.safeParse(value);
  if (parsed.success) return { kind: "frame", frame: parsed.data };

  const { type, ref } = any.data;
  const issue = parsed.error.issues[0];
  if (issue?.code === "invalid_union")
    return fault("unknown_type", "no frame of this protocol has that type", ref);
  const code = type === "read" && issue?.code === "too_big" ? "too_many" : "bad_frame";
  return fault(code, `${issue?.path.join(".")}: ${issue?.message}`, ref);
}

function fault(code: FrameError, message: string, ref?: string): Inbound {
  return { kind: "fault", fault: { code, message, ref } };
}
