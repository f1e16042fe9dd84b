/** Builders of messages on their way to the object of a user. */
import { inboxLimits } from "../../src/limits.ts";
import { collapseKey, messageId, messageType } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";

/** A message accepted now under a fresh id, kept for the usual time. */
export function message(changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  const at = changes.at ?? Date.now();
  return {
    id: messageId.parse(crypto.randomUUID()),
    type: messageType.parse("notification"),
    priority: "normal",
    at,
    expires: at + inboxLimits.retentionMs,
    live: false,
    body: '"hello"',
    ...changes,
  };
}

/** So many of them; their bodies count from 1. */
export function messages(count: number, changes: Partial<AcceptedMessage> = {}): AcceptedMessage[] {
  return Array.from({ length: count }, (_, index) => message({ body: String(index + 1), ...changes }));
}

/** A message whose body takes this many bytes. */
export function messageOf(bytes: number, changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  return message({ body: JSON.stringify("x".repeat(bytes - 2)), ...changes });
}

/** A step of a long-running work, of which only the last one is worth reading. */
export function progress(percent: number, key = "build-7"): AcceptedMessage {
  return message({
    type: messageType.parse("workflow.progress"),
    collapseKey: collapseKey.parse(key),
    body: JSON.stringify({ workflow: key, stage: "build", status: "running", progress: percent / 100 }),
  });
}

export function idOf(text: string): AcceptedMessage["id"] {
  return messageId.parse(text);
}
