/** What the tests of the hub's rules start from. */
import type { StreamRow } from "../../../src/hub/stream.ts";
import { collapseKey, messageId, messageType } from "../../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../../src/protocol/message.ts";
import type { Priority } from "../../../src/protocol/priority.ts";

export const now = 1_800_000_000_000;
const type = messageType.parse("notification");

export function idOf(seq: number) {
  return messageId.parse(`message-${seq}`);
}

/** A number of the stream, of ten bytes, that is not gone. */
export function row(seq: number, parts: Partial<StreamRow> = {}): StreamRow {
  return {
    seq,
    id: idOf(seq),
    type,
    priority: "normal",
    at: now - 1_000,
    expires: now + 60_000,
    collapseKey: null,
    body: '"12345678"',
    bytes: 10,
    gone: null,
    topic: null,
    replaces: null,
    attention: null,
    ...parts,
  };
}

export function rows(from: number, to: number, parts: Partial<StreamRow> = {}): StreamRow[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => row(from + index, parts));
}

export function message(
  priority: Priority = "normal",
  parts: Partial<AcceptedMessage> = {},
): AcceptedMessage {
  return {
    id: messageId.parse("message-new"),
    type,
    priority,
    at: now,
    expires: now + 60_000,
    live: false,
    body: '"12345678"',
    ...parts,
  };
}

export const key = collapseKey.parse("progress");
