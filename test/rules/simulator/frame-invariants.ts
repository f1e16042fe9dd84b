/** What must hold of every frame that leaves the hub: invariants 2, 4, 8, 10-13 and 18. Each function says what is wrong, or nothing. */
import type { Connection } from "../../../src/hub/sockets.ts";
import { tokenLimits } from "../../../src/limits.ts";
import type { ServerFrame, StreamMessage } from "../../../src/protocol/frames.ts";
import type { UserId } from "../../../src/protocol/ids.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import type { Seq } from "../../../src/protocol/seq.ts";
import { isOwn } from "./device-record.ts";
import { entry, type Ledger } from "./ledger.ts";
import type { Row } from "./stored.ts";
import type { StreamRecord } from "./stream-record.ts";
import type { Wire } from "./wire.ts";
import type { Scale } from "./world.ts";

/** The object that sends, as an onlooker sees it. */
export interface Sender {
  readonly user: UserId;
  readonly record: StreamRecord;
  now(): number;
  row(seq: Seq): Row | undefined;
  readonly revokedBefore: number;
}

export interface Sending {
  readonly hub: Sender;
  readonly wire: Wire;
  readonly connection: Connection | undefined;
  readonly frame: ServerFrame;
  readonly ledger: Ledger;
  readonly scale: Scale;
}

function numbered(frame: ServerFrame): readonly StreamMessage[] {
  if (frame.type === "messages") return frame.messages;
  return frame.type === "express" ? [frame.message] : [];
}

function i2FramesCarryTheNumbersOfTheirIds({ hub, frame }: Sending): string | undefined {
  const wrong = numbered(frame).find(
    ({ seq, id }) => hub.record.idOf(hub.record.epoch, seq) !== id && hub.row(seq)?.id !== id,
  );
  return wrong && `${wrong.id} was sent as ${wrong.seq}`;
}

function i4ConnectionIsContiguous({ wire, frame }: Sending): string | undefined {
  const { next, resume } = wire.record;
  if (frame.type === "welcome") {
    if (next !== undefined) return "a second welcome";
    if (frame.resumed && frame.from !== resume?.seq)
      return `resumed after ${frame.from}, asked for ${resume?.seq}`;
    if (!frame.resumed && frame.from !== 0) return `a new start after ${frame.from}`;
    return undefined;
  }
  if (frame.type === "bye") return undefined;
  if (next === undefined) return `${frame.type} before the welcome`;
  if (frame.type === "gap") {
    return frame.from === next && frame.to >= frame.from
      ? undefined
      : `gap ${frame.from}-${frame.to} where ${next} is next`;
  }
  if (frame.type === "messages") {
    const wrong = frame.messages.find(({ seq }, index) => seq !== next + index);
    return wrong && `message ${wrong.seq} out of place, ${next} was next`;
  }
  return undefined;
}

function i8InFlightStaysInTheWindow({ wire, frame, scale }: Sending): string | undefined {
  const { windowMessages, windowBytes, maxExpress } = scale.window;
  if (frame.type === "express" && wire.record.express.length >= maxExpress)
    return `more than ${maxExpress} copies`;
  if (frame.type !== "messages") return undefined;
  let bytes = wire.record.flight.reduce((sum, sent) => sum + sent.bytes, 0);
  for (const [index, { data }] of frame.messages.entries()) {
    const messages = wire.record.flight.length + index;
    if (messages >= windowMessages) return `${messages + 1} messages, ${windowMessages} allowed`;
    if (bytes >= windowBytes) return `a message on top of ${bytes} bytes, ${windowBytes} allowed`;
    bytes += utf8Length(JSON.stringify(data));
  }
  return undefined;
}

function i10NothingIsSentAfterItsExpiry({ hub, frame }: Sending): string | undefined {
  const now = hub.now();
  const late = numbered(frame).find(
    ({ seq, expires }) => Math.min(expires, hub.row(seq)?.expires ?? now) <= now,
  );
  return late && `${late.seq} expired at ${late.expires}, sent at ${now}`;
}

function i10GapsNameOnlyWhatIsGone({ hub, frame }: Sending): string | undefined {
  if (frame.type !== "gap") return undefined;
  for (let seq = frame.from; seq <= frame.to; seq += 1) {
    const row = hub.row(seq);
    const reason =
      row === undefined ? "expired" : (row.gone ?? (row.expires <= hub.now() ? "expired" : "none"));
    const wrong = reason === "none" || (seq === frame.to && reason !== frame.reason);
    if (wrong) return `${seq} is said to be ${frame.reason}, the reason is ${reason}`;
  }
  return undefined;
}

function i11CriticalComesFirst({ wire, frame }: Sending): string | undefined {
  const awaited = new Set(wire.record.awaited);
  const messages = frame.type === "live" ? [frame.message] : numbered(frame);
  for (const message of messages) {
    if ("seq" in message && typeof message.seq === "number") awaited.delete(message.seq);
    if (awaited.size > 0 && message.priority !== "critical") {
      return `${message.id} (${message.priority}) before the critical ${[...awaited].join(", ")}`;
    }
  }
  return undefined;
}

function i12BodyReachesOnlyItsUser({ hub, frame, ledger }: Sending): string | undefined {
  const messages = frame.type === "live" ? [frame.message] : numbered(frame);
  const wrong = messages.find(
    (message) => !isOwn(message) && !ledger.published.has(entry(message.id, hub.user)),
  );
  return wrong && `${wrong.id} is not for ${hub.user}`;
}

function i13NothingAfterTheTokenEnds({ hub, connection, frame }: Sending): string | undefined {
  // Where clocks disagree, a connection may be welcomed only to be closed.
  if (connection === undefined || frame.type === "bye" || frame.type === "welcome") return undefined;
  const end = connection.tokenExpires + tokenLimits.leewayMs;
  if (hub.now() > end) return `${frame.type} at ${hub.now()}, the token ended at ${end}`;
  return connection.connected < hub.revokedBefore ? "a connection from before the revocation" : undefined;
}

function i18CopiesAreBounded({ hub, wire, frame, ledger }: Sending): string | undefined {
  const books = ledger.ofDevice(hub.user, wire.device);
  if (books === undefined) return undefined;
  const wrong = numbered(frame).find(({ id }) => {
    const allowed = books.connects + (books.express.has(id) || frame.type === "express" ? 1 : 0);
    return (books.copies.get(id) ?? 0) >= allowed;
  });
  return wrong && `${wrong.id} sent again, after ${books.connects} connects`;
}

export const frameInvariants = [
  i2FramesCarryTheNumbersOfTheirIds,
  i4ConnectionIsContiguous,
  i8InFlightStaysInTheWindow,
  i10NothingIsSentAfterItsExpiry,
  i10GapsNameOnlyWhatIsGone,
  i11CriticalComesFirst,
  i12BodyReachesOnlyItsUser,
  i13NothingAfterTheTokenEnds,
  i18CopiesAreBounded,
];
