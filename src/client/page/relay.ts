/**
 * What the tab that holds the connection knows of the stream, so that it can be a small hub to the other
 * tabs: who joins is welcomed and brought up to date from here. Pure. Every tab keeps one, since each may
 * be the next to hold the connection.
 */
import type { GapFrame, ServerFrame, StreamMessage, WelcomeFrame } from "../../protocol/frames.ts";
import type { Epoch, Seq } from "../../protocol/seq.ts";
import type { Resume } from "../connector.ts";
import * as clientLimits from "../limits.ts";

type Held = StreamMessage | GapFrame;

export interface Relay {
  /** With the read state as of now; `undefined` while there is no connection. */
  readonly welcome: WelcomeFrame | undefined;
  readonly epoch: Epoch;
  /** The numbers `after + 1` to `received`, rising and without holes. */
  readonly held: readonly Held[];
  readonly after: Seq;
  readonly received: Seq;
}

export const emptyRelay: Relay = { welcome: undefined, epoch: "", held: [], after: 0, received: 0 };

/** After a frame of the hub. */
export function take(relay: Relay, frame: ServerFrame): Relay {
  switch (frame.type) {
    case "welcome":
      return begin(relay, frame);
    case "messages":
      return frame.messages.reduce(hold, known(relay, { unread: frame.unread }));
    case "gap":
      return hold(relay, frame);
    case "state": {
      const { unread, readUpTo, rev } = frame;
      return known(relay, { unread, readUpTo, rev });
    }
    default:
      return relay;
  }
}

/** After the end of the connection: what is held stays good for the next one. */
export function disconnected(relay: Relay): Relay {
  return { ...relay, welcome: undefined };
}

/**
 * What a tab is told that joins after `resume`: its welcome and what it missed; or from where the
 * connection must begin again, because that is no longer held; `undefined` while there is no connection.
 */
export function join(
  { welcome, epoch, held, after, received }: Relay,
  resume: Resume,
): readonly [WelcomeFrame, ...ServerFrame[]] | { readonly rewindTo: Seq } | undefined {
  if (welcome === undefined) return undefined;
  const head = Math.max(welcome.head, received);
  const resumed = resume?.epoch === epoch && resume.seq <= head;
  const from = resumed ? resume.seq : 0;
  if (from < after) return { rewindTo: from };
  const { reason: _, ...rest } = welcome;
  const reason = resume === undefined ? "new" : resume.epoch === epoch ? "storage" : "epoch";
  const missed = held.filter((item) => lastOf(item) > from);
  return [
    { ...rest, head, from, resumed, ...(resumed ? {} : { reason }) },
    ...missed.map((item) => frameOf(beyond(item, from), welcome.unread)),
  ];
}

function begin(relay: Relay, welcome: WelcomeFrame): Relay {
  const { epoch, from } = welcome;
  const kept = epoch === relay.epoch ? relay.held.filter((item) => lastOf(item) <= from) : [];
  const last = kept.at(-1);
  const goesOn = last === undefined ? relay.epoch === epoch && from === relay.after : lastOf(last) === from;
  return goesOn
    ? { ...relay, welcome, held: kept, received: from }
    : { welcome, epoch, held: [], after: from, received: from };
}

function hold(relay: Relay, came: Held): Relay {
  if (relay.welcome === undefined || lastOf(came) <= relay.received) return relay;
  const item = beyond(came, relay.received);
  const first = "data" in item ? item.seq : item.from;
  // A hole ends the connection, and the next one begins before it: nothing to hold on to.
  if (first > relay.received + 1) return { ...relay, held: [], after: lastOf(item), received: lastOf(item) };
  const held = [...relay.held, item];
  const dropped = held.length > clientLimits.heldForTabs ? held.shift() : undefined;
  return {
    ...relay,
    held,
    after: dropped === undefined ? relay.after : lastOf(dropped),
    received: lastOf(item),
  };
}

function known(relay: Relay, news: Partial<Pick<WelcomeFrame, "unread" | "readUpTo" | "rev">>): Relay {
  return relay.welcome === undefined ? relay : { ...relay, welcome: { ...relay.welcome, ...news } };
}

function frameOf(item: Held, unread: number): ServerFrame {
  return "data" in item ? { type: "messages", messages: [item], unread } : item;
}

/** What of it is new to who has everything up to there. */
function beyond(item: Held, seq: Seq): Held {
  return "data" in item ? item : { ...item, from: Math.max(item.from, seq + 1) };
}

function lastOf(item: Held): Seq {
  return "data" in item ? item.seq : item.to;
}
