/** What is known of one message of one user, from its acceptance to its end, a line for each step. Pure. */
import type { MessageState } from "./answers.ts";

export interface Step {
  readonly what: string;
  /** The device that it happened on. */
  readonly device?: string;
  /** When, where that is known. */
  readonly at?: number;
}

/** States that say only how far the message got, which its devices say better. */
const onTheWay = new Set(["scheduled", "stored", "sent", "acknowledged"]);

/** In the order in which it happened, as far as that is known. */
export function timelineOf(state: MessageState): readonly Step[] {
  const { at, deliverAt, devices = [], expires, reason, seq } = state;
  if (state.state === "dead") return [{ what: `became a dead letter: ${reason}`, at }];
  if (state.state === "scheduled") return [{ what: "accepted", at }, waits(deliverAt), ...expiry(expires)];
  if (seq === undefined) return [{ what: `${state.state} before it came`, at }];
  const onDevices = devices.map(
    (device): Step => ({
      what: device.state === "acknowledged" ? "handled by" : `${device.state} to`,
      device: device.device,
      ...(device.at === undefined ? {} : { at: device.at }),
    }),
  );
  return [
    { what: "accepted", at },
    { what: `stored as no. ${seq} of the stream` },
    ...onDevices.toSorted((one, other) => (one.at ?? 0) - (other.at ?? 0)),
    ...(onDevices.length === 0 && state.state === "stored" ? [{ what: "waits for a device" }] : []),
    ...(onTheWay.has(state.state) ? [] : [{ what: state.state }]),
    ...(onTheWay.has(state.state) || state.state === "read" ? expiry(expires) : []),
  ];
}

/** Whether it can still be taken back: it is, or will be, with the user. */
export function isHeld({ state }: MessageState): boolean {
  return onTheWay.has(state) || state === "read";
}

function waits(deliverAt: number | undefined): Step {
  return { what: "waits for its time", ...(deliverAt === undefined ? {} : { at: deliverAt }) };
}

function expiry(expires: number | undefined): readonly Step[] {
  return expires === undefined ? [] : [{ what: "expires", at: expires }];
}
