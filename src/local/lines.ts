/** What a device in the terminal says about what happens to it: one line each, readable at a glance. */
import type { Message } from "../client/message.ts";
import type { Fault, Status } from "../client/reports.ts";
import type { Digest, GapFrame, PresenceEvent, ResetReason, Withdrawal } from "../protocol/frames.ts";

const beginnings = {
  new: "a new device: everything that the hub keeps for this user comes first",
  epoch: "the hub's storage began anew: everything that it keeps comes again",
  storage: "the hub's storage went back in time: everything that it keeps comes again",
} as const satisfies Record<ResetReason, string>;

/** `now` is when it arrived, in milliseconds since 1970. */
export function messageLine(message: Message, now: number): string {
  const place = message.seq === undefined ? "live" : `#${message.seq}`;
  const took = `${Math.max(0, now - message.at)} ms`;
  return [
    place.padEnd(6),
    message.priority.padEnd(9),
    message.type,
    JSON.stringify(message.data),
    ...(message.topic === undefined ? [] : [`by ${message.topic}`]),
    ...(message.replaces === undefined ? [] : [`in place of ${message.replaces}`]),
    `(${message.silent === true ? "silently, " : ""}${took})`,
  ].join(" ");
}

export function withdrawnLine({ id, reason }: Withdrawal): string {
  return `take down ${id}: ${reason}`;
}

export function digestLine({ count }: Digest): string {
  return `quiet hours are over; ${count} ${count === 1 ? "message" : "messages"} came silently`;
}

export function presenceLine({ topic, user, online }: PresenceEvent): string {
  return `${user} of ${topic} is ${online ? "online" : "offline"}`;
}

export function gapLine({ from, to, reason }: Omit<GapFrame, "type">): string {
  return from === to ? `#${from} will not come: ${reason}` : `#${from} to #${to} will not come: ${reason}`;
}

export function beginningLine(reason: ResetReason): string {
  return beginnings[reason];
}

export function statusLine(status: Status): string {
  switch (status.state) {
    case "connecting":
      return "connecting …";
    case "syncing":
      return "connected, catching up";
    case "live":
      return "connected, up to date";
    case "waiting":
      return `connection lost${because(status)}; trying again in ${(status.forMs / 1_000).toFixed(1)} s`;
    case "stopped":
      return `stopped${because(status)}`;
  }
}

export function faultLine(fault: Fault): string {
  switch (fault.kind) {
    case "handler":
      return `${fault.message.id} could not be handled and was passed over`;
    case "storage":
      return "the progress could not be saved; after a restart messages will be repeated";
    case "topic":
      return `not subscribed to ${fault.topic}: ${fault.error}`;
    case "hub":
      return `the hub complains: ${fault.code}, ${fault.message}`;
  }
}

function because({ code, reason }: { readonly code: number; readonly reason: string }): string {
  return ` (${reason === "" ? code : `${code}, ${reason}`})`;
}
