/** Everything that the page says about the connection and the stream, in words. */
import type { Fault, Status } from "../../client/index.ts";
import { closeCodes } from "../../protocol/close-codes.ts";

/** How a status is shown: `good` works, `busy` will soon, `bad` needs somebody. */
export type Tone = "good" | "busy" | "bad";

export interface Words {
  readonly tone: Tone;
  readonly text: string;
  /** When the next try is, in milliseconds since 1970; a countdown runs to it. */
  readonly retryAt?: number;
}

/** `now` is when the status came, `online` what the browser says of its network. */
export function statusWords(status: Status, now: number, online: boolean): Words {
  switch (status.state) {
    case "connecting":
      return { tone: "busy", text: "Connecting …" };
    case "syncing":
      return { tone: "busy", text: "Connected, catching up …" };
    case "live":
      // Only the browser's opinion: a hub on this very machine is there all the same.
      return online
        ? { tone: "good", text: "Live: messages arrive at once" }
        : { tone: "busy", text: "No network, it seems: messages arrive once it is back" };
    case "waiting":
      return {
        tone: "busy",
        text: online
          ? `Offline: the connection was lost${because(status)}.`
          : "Offline: this device has no network.",
        retryAt: now + status.forMs,
      };
    case "stopped":
      return { tone: "bad", text: `Stopped: ${stopWords(status)}` };
  }
}

/** Why the hub stopped this device, and what to do. */
function stopWords({ code, reason }: { readonly code: number; readonly reason: string }): string {
  switch (code) {
    case closeCodes.normal:
      return "the connection was closed here.";
    case closeCodes.replaced:
      return "another window took this device over. Connect again to take it back.";
    case closeCodes.too_many_connections:
      return "this user has too many connections. Close some, then connect again.";
    case closeCodes.forbidden:
      return "the token is not for this device. Paste another one.";
    case closeCodes.bad_request:
    case closeCodes.unsupported_version:
      return "this page is older than the hub. Reload it.";
    default:
      return `the hub closed with ${code}${reason === "" ? "" : `, ${reason}`}. Connect again.`;
  }
}

/** Whether a connection ended in a way that only another token helps. */
export function needsToken(status: Status): boolean {
  if (status.state === "waiting") return status.code === closeCodes.token_expired;
  const about: readonly number[] = [closeCodes.token_invalid, closeCodes.revoked, closeCodes.forbidden];
  return status.state === "stopped" && about.includes(status.code);
}

/** "trying again in 12 s" */
export function countdownWords(retryAt: number, now: number): string {
  const seconds = Math.ceil((retryAt - now) / 1_000);
  return seconds > 0 ? `Trying again in ${seconds} s` : "Trying again …";
}

const gone: Readonly<Record<string, string>> = {
  expired: "its time was over",
  evicted: "the inbox was full",
  collapsed: "a newer one took its place",
  replaced: "another one took its place",
  retracted: "it was taken back",
  handled: "another device has seen to it",
};
const goneMany: Readonly<Record<string, string>> = {
  expired: "their time was over",
  evicted: "the inbox was full",
  collapsed: "newer ones took their place",
  replaced: "others took their place",
  retracted: "they were taken back",
  handled: "another device has seen to them",
};

/** Messages that were pushed and will not come. */
export function gapWords({ from, to, reason }: { from: number; to: number; reason: string }): string {
  return from === to
    ? `Message #${from} will not come: ${gone[reason] ?? reason}.`
    : `Messages #${from} to #${to} will not come: ${goneMany[reason] ?? reason}.`;
}

/** What came in quiet hours that are over now. */
export function digestWords({ count }: { readonly count: number }): string {
  return count === 1
    ? "1 message came silently while you were not to be disturbed."
    : `${count} messages came silently while you were not to be disturbed.`;
}

/** A stream that begins anew; nothing for a new device, for which that is no news. */
export function discontinuityWords(reason: string): string | undefined {
  if (reason === "new") return undefined;
  return reason === "storage"
    ? "The hub's storage went back in time. What it keeps was delivered again; what came in between may be lost."
    : "The hub's storage began anew. What it keeps was delivered again; what it kept before is lost.";
}

export function faultWords(fault: Fault): string {
  switch (fault.kind) {
    case "handler":
      return `The message ${fault.message.id} could not be shown and was passed over.`;
    case "storage":
      return "This browser does not keep anything: after a reload messages are announced again.";
    case "topic":
      return `Messages to the topic ${fault.topic} will not come here: ${fault.error}`;
    case "hub":
      return `The hub complains: ${fault.message}`;
  }
}

export function bellWords(unread: number): string {
  if (unread === 0) return "No unread messages";
  return unread === 1 ? "1 unread message" : `${unread} unread messages`;
}

/** The page's title. */
export function titleWords(unread: number): string {
  return unread === 0 ? "Inbox · Hubbub" : `(${unread}) Inbox · Hubbub`;
}

/** What a screen reader is told of messages that came: the one, or how many. */
export function arrivalWords(
  titles: readonly { readonly priority: string; readonly title: string }[],
): string {
  const [newest] = titles;
  if (newest === undefined) return "";
  const { priority, title } = newest;
  const words =
    priority === "normal" ? `New message: ${title}` : `New message, ${priority} priority: ${title}`;
  return titles.length === 1 ? words : `${titles.length} new messages. ${words}`;
}

/** "3 min ago"; the time of day for what is older than an hour, the date for what is older than a day. */
export function ageWords(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const date = new Date(at);
  const time = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return minutes < 24 * 60
    ? time
    : `${date.toLocaleDateString(undefined, { day: "numeric", month: "short" })}, ${time}`;
}

function because({ code, reason }: { readonly code: number; readonly reason: string }): string {
  if (reason !== "") return ` (${reason})`;
  // 1006 is what browsers say when they know nothing.
  return code === 1006 ? "" : ` (${code})`;
}
