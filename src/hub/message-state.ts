/** What is known of one message of a user: how far it got, on which devices, and how it ended. */
import type { MessageId } from "../protocol/ids.ts";
import type { CurrentDevice } from "./device-view.ts";
import { ackedAt } from "./devices.ts";
import type { Inbox } from "./inbox.ts";
import type { KnownMessage } from "./message-rows.ts";
import type { MessageDevice, MessageState } from "./views.ts";

/** Of the stream, or of what waits for its time or was withdrawn before it came; `undefined` where the id is not known. */
export function stateOf(
  id: MessageId,
  inbox: Inbox,
  devices: () => readonly CurrentDevice[],
  now: number,
): MessageState | undefined {
  const row = inbox.find(id);
  if (row !== undefined) return stateOfRow(row, devices(), now);
  const waiting = inbox.scheduled.find(id);
  if (waiting !== undefined) {
    const { at, expires } = waiting.message;
    return { id, state: "scheduled", at, expires, deliverAt: waiting.due, delivered: [], devices: [] };
  }
  const bar = inbox.barred(id);
  return bar && { id, state: bar.reason, at: bar.at, delivered: [], devices: [] };
}

/** Of a message in the stream. What is furthest counts: read before acknowledged, that before sent; and its end before all. */
export function stateOfRow(row: KnownMessage, devices: readonly CurrentDevice[], now: number): MessageState {
  const { id, seq, at, expires } = row;
  const ended = row.gone ?? (expires <= now ? "expired" : undefined);
  // What was acknowledged after its end was a gap.
  const end = row.goneAt ?? expires;
  const reached = devices.flatMap((device): readonly MessageDevice[] => {
    const when = ackedAt(device, seq);
    if (when !== undefined) {
      return when > end ? [] : [{ device: device.device, state: "acknowledged", at: when }];
    }
    const wasSent = device.cursor !== undefined && hasSent(device.cursor, seq);
    return wasSent && ended === undefined ? [{ device: device.device, state: "sent" }] : [];
  });
  const delivered = reached.flatMap(({ device, at: when }) =>
    when === undefined ? [] : [{ device, at: when }],
  );
  const furthest = delivered.length > 0 ? "acknowledged" : reached.length > 0 ? "sent" : "stored";
  const state = ended ?? (row.read ? "read" : furthest);
  return { id, seq, at, expires, state, delivered, devices: reached };
}

/** Whether a connection was sent a number: in its turn, or as a copy ahead of it. */
function hasSent({ sent, express }: NonNullable<CurrentDevice["cursor"]>, seq: number): boolean {
  return sent >= seq || express.includes(seq);
}
