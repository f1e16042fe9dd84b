/** Frames of the hub as text. A message's `data` is spliced in as the text it was stored as, never parsed again. */
import type { GapFrame, ServerFrame, StreamMessage } from "../protocol/frames.ts";
import type { AcceptedMessage } from "../protocol/message.ts";
import type { RowsFrame, StreamRow } from "./stream.ts";

/** An object as JSON text, with `data` that is JSON text already. */
export function withBody(head: object, body: string): string {
  return `${JSON.stringify(head).slice(0, -1)},"data":${body}}`;
}

/** What only some messages have, as devices are told of it. */
export function marksOf({
  topic,
  replaces,
  attention,
}: Pick<StreamRow, "topic" | "replaces" | "attention">): Pick<
  StreamMessage,
  "topic" | "replaces" | "silent"
> {
  return {
    ...(topic === null ? {} : { topic }),
    ...(replaces === null ? {} : { replaces }),
    ...(attention === null ? {} : { silent: true }),
  };
}

function streamMessage(row: StreamRow): string {
  const { seq, id, type, priority, at, expires, body } = row;
  return withBody({ seq, id, type, priority, at, expires, ...marksOf(row) }, body);
}

/** Any frame that carries no message. */
export function frameText(frame: Exclude<ServerFrame, { type: "messages" | "express" | "live" }>): string {
  return JSON.stringify(frame);
}

export function expressText(row: StreamRow): string {
  return `{"type":"express","message":${streamMessage(row)}}`;
}

export function liveText({ id, type, priority, at, topic, body }: AcceptedMessage): string {
  return `{"type":"live","message":${withBody({ id, type, priority, at, topic }, body)}}`;
}

/**
 * Writes what a pump gave. Connections at the same place get the same frames, so each text is made once
 * for all of them: one writer serves one moment, in which the numbers from a first to a last say it all.
 */
export function pumpWriter(unread: () => number): (frame: RowsFrame | GapFrame) => string {
  const texts = new Map<string, string>();
  return (frame) => {
    if (frame.type === "gap") return frameText(frame);
    const key = `${frame.rows[0]?.seq}-${frame.rows.at(-1)?.seq}`;
    const text =
      texts.get(key) ??
      `{"type":"messages","unread":${unread()},"messages":[${frame.rows.map(streamMessage).join(",")}]}`;
    texts.set(key, text);
    return text;
  };
}
